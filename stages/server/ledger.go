package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

const ledgerFile = stateDir + "/ledger.jsonl"

// Kind is what an entry of the ledger tells of.
type Kind string

// What is written down.
const (
	Deployed   Kind = "deploy"
	RolledBack Kind = "rollback"
	Withdrawn  Kind = "withdraw" // a version that a production rollback has taken back
)

// Ending is how it went. Only Healthy makes a version one that can be gone back to.
type Ending string

// The endings.
const (
	Healthy Ending = "healthy"
	Failed  Ending = "failed"
)

// Entry is one line of the ledger: what was tried on this server, when, by whom, and what came of it.
type Entry struct {
	Time     time.Time         `json:"time"`
	Kind     Kind              `json:"kind"`
	Ending   Ending            `json:"result"`
	Version  string            `json:"version"`
	Commit   string            `json:"commit,omitempty"`
	Images   map[string]string `json:"images,omitempty"`  // by name: repository@digest
	Compose  string            `json:"compose,omitempty"` // the compose file, as the repository calls it
	By       string            `json:"by"`
	Reason   string            `json:"reason,omitempty"`
	Backup   string            `json:"backup,omitempty"`   // taken just before
	Checksum string            `json:"checksum,omitempty"` // of that, by sha256
	Restored string            `json:"restored,omitempty"` // the backup that a rollback has put in the database's place
	Schema   string            `json:"schema,omitempty"`   // fingerprint of the database's schema afterwards
	State    State             `json:"state,omitempty"`    // what a failure has left
	Error    string            `json:"error,omitempty"`
}

// writtenAt is a time as entries have it.
func writtenAt(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// ended is when a deployment has, by the server's clock, and not before the newest container there was made.
func (d *deployment) ended(ctx context.Context) time.Time {
	at := time.Now().Add(d.ahead)
	all, _ := d.next.everything(ctx) // without an answer it is now
	for _, c := range all {
		if c.Created.After(at) {
			at = c.Created
		}
	}
	return writtenAt(at)
}

// Ledger is what happened on a server, the oldest first.
type Ledger []Entry

// parseLedger reads the file. A line that was cut off by a full disk or a kill is passed over if it is the last.
func parseLedger(text string) (Ledger, error) {
	var ledger Ledger
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for n, line := range lines {
		if strings.TrimSpace(line) == "" {
			continue
		}
		var e Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			if n == len(lines)-1 {
				break
			}
			return nil, fmt.Errorf("line %d of %s on the server is not readable: mend or remove it", n+1, ledgerFile)
		}
		ledger = append(ledger, e)
	}
	return ledger, nil
}

// Current is what was last brought up here and found healthy.
func (l Ledger) Current() (Entry, bool) {
	for _, e := range slices.Backward(l) {
		if e.Kind != Withdrawn && e.Ending == Healthy {
			return e, true
		}
	}
	return Entry{}, false
}

// cameUp is where a version was last healthy here, -1 if it never was.
func (l Ledger) cameUp(version string) int {
	for n, e := range slices.Backward(l) {
		if e.Version == version && e.Kind != Withdrawn && e.Ending == Healthy {
			return n
		}
	}
	return -1
}

// Find is the last time that a version was healthy here.
func (l Ledger) Find(version string) (Entry, bool) {
	if at := l.cameUp(version); at >= 0 {
		return l[at], true
	}
	return Entry{}, false
}

// left is what the version that runs was brought back from. One that was deployed, and had only its database brought back
// since, has left nothing but itself.
func (l Ledger) left() Entry {
	ran := slices.DeleteFunc(slices.Clone(l), func(e Entry) bool { return e.Kind == Withdrawn || e.Ending != Healthy })
	for n, e := range slices.Backward(ran) {
		switch {
		case n > 0 && ran[n-1].Version == e.Version:
		case e.Kind == Deployed:
			return e
		case n > 0:
			return ran[n-1]
		}
	}
	return Entry{}
}

// WithdrawnVersions are those that a production rollback has taken back.
func (l Ledger) WithdrawnVersions() []string {
	var versions []string
	for _, e := range l {
		if e.Kind == Withdrawn {
			versions = append(versions, e.Version)
		}
	}
	return versions
}

// Before is what a rollback goes to unless told (B2): the version under the current one on the way that led to it.
func (l Ledger) Before() (Entry, bool) {
	way := l.way()
	for _, e := range slices.Backward(way[:max(len(way)-1, 0)]) {
		if !slices.Contains(l.WithdrawnVersions(), e.Version) {
			return e, true
		}
	}
	return Entry{}, false
}

// way are the healthy versions that led to the current one, the lowest first. One that is brought up takes the place of all
// that are not lower, so that what was rolled away from is on no way until it is deployed again.
func (l Ledger) way() []Entry {
	var way []Entry
	for _, e := range l {
		if e.Kind == Withdrawn || e.Ending != Healthy {
			continue
		}
		for len(way) > 0 && !higher(e.Version, way[len(way)-1].Version) {
			way = way[:len(way)-1]
		}
		way = append(way, e)
	}
	return way
}

// wayBack says where a rollback goes unless it is told.
func (l Ledger) wayBack() string {
	if e, ok := l.Before(); ok {
		return "goes to " + e.Version + ", " + whyBefore
	}
	return "has nothing to go to: no version before this one was healthy here"
}

// whyBefore is why a rollback goes where it does, for those who have named no version.
const whyBefore = "the healthy version that ran before"

// backupsOf are the entries whose backups hold what a version left behind, the oldest first: it runs on after an attempt that
// fails, until another is healthy. What runs, and was brought back without its database, left that the time before.
func (l Ledger) backupsOf(version string) (saved []Entry) {
	at := l.cameUp(version)
	if at < 0 {
		return nil
	}
	left := false
	for _, e := range l[at+1:] {
		if e.Backup != "" && (!left || len(saved) == 0) {
			saved = append(saved, e)
		}
		left = left || e.Ending == Healthy
	}
	if !left && l[at].Kind == RolledBack && l[at].Backup == "" {
		return append(l[:at].backupsOf(version), saved...)
	}
	return saved
}

func (c *Conn) readLedger(ctx context.Context) (Ledger, error) {
	text, err := c.read(ctx, ledgerFile)
	if err != nil {
		return nil, err
	}
	return parseLedger(text)
}

// record adds to the ledger. It is the last deed of a deployment, so that a killed one has left no entry.
func (c *Conn) record(ctx context.Context, e Entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	text, err := c.read(ctx, ledgerFile)
	if err != nil {
		return err
	}
	return c.write(ctx, ledgerFile, []byte(wholeLines(text)+string(line)+"\n"), "077")
}

// wholeLines leaves out a last line that was cut off, which would make the line after it unreadable too.
func wholeLines(text string) string {
	whole := text[:strings.LastIndex(text, "\n")+1]
	if last := text[len(whole):]; json.Valid([]byte(last)) {
		return text + "\n"
	}
	return whole
}

// read returns a file of the application's folder; one that is not there is empty.
func (c *Conn) read(ctx context.Context, file string) (string, error) {
	text, err := c.run(ctx, command{args: []string{"sh", "-c", `test ! -e "$1" || cat -- "$1"`, "sh", file}, time: fileTime})
	if exit := new(exitError); errors.As(err, &exit) {
		return "", fmt.Errorf("%s on the server cannot be read: %s", file, exit.output)
	}
	return text, err
}

// writeScript writes beside the file first, and insists on every byte: a connection that breaks looks like the end of the
// input, and has to leave the old file whole.
const writeScript = `umask "$2" && mkdir -p -- "$(dirname -- "$1")" && cat > "$1.part" && test "$(wc -c < "$1.part")" -eq "$3" && mv -- "$1.part" "$1"`

func (c *Conn) write(ctx context.Context, file string, data []byte, mode string) error {
	_, err := c.run(ctx, writing(file, data, mode))
	return notWritten(file, err)
}

func notWritten(file string, err error) error {
	if exit := new(exitError); errors.As(err, &exit) {
		return fmt.Errorf("%s on the server cannot be written: %s", file, exit.output)
	}
	return err
}

func writing(file string, data []byte, mode string) command {
	return command{args: []string{"sh", "-c", writeScript, "sh", file, mode, strconv.Itoa(len(data))}, stdin: bytes.NewReader(data), time: fileTime}
}
