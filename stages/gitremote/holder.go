package gitremote

import (
	"encoding/json"
	"fmt"
	"time"
)

// Holder is what the blob of the lock says. Every blob is unique, so that no two runs can push the same one: Run is no
// other run's, and Beat counts up.
type Holder struct {
	Run     string    `json:"run"`
	Who     string    `json:"who"`
	Version string    `json:"version"`
	Commit  string    `json:"commit"`
	Since   time.Time `json:"since"`
	Beat    int       `json:"beat"`
	// Brief is a run that needs the lock for seconds only, so that everybody waits for it.
	Brief bool `json:"brief,omitempty"`
}

func (h Holder) String() string {
	if h.Run == "" {
		return "an unknown run"
	}
	what := "the release"
	if h.Brief {
		what = "the standing draft"
	}
	return fmt.Sprintf("%s of %s (commit %s) by %s, since %s", what, h.Version, h.Commit[:min(7, len(h.Commit))], h.Who, h.Since.UTC().Format("2006-01-02 15:04:05 UTC"))
}

// parseHolder reads a blob. One that cannot be read is held by nobody known.
func parseHolder(text string) (h Holder) {
	if json.Unmarshal([]byte(text), &h) != nil {
		return Holder{}
	}
	return h
}

// Text is what the blob holds.
func (h Holder) Text() string {
	text, _ := json.Marshal(h) // strings, a time and a number
	return string(text)
}

// Busy is a lock that somebody else holds.
type Busy struct {
	Holder Holder
	Age    time.Duration
}

// Error implements error.
func (b *Busy) Error() string {
	text := "the repository is locked by " + b.Holder.String()
	if b.Age > 0 {
		text += fmt.Sprintf(" (%s ago)", b.Age.Round(time.Second))
	}
	return text
}

// Next is what there is to do.
func (b *Busy) Next() string {
	return "run the same line again when it has ended; a release waits for that itself with --lock-wait=10 (minutes)"
}
