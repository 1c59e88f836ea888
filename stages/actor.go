package stages

import (
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"dagger/slipway/stages/redact"
)

// maxActor keeps a name from filling a lock, a ledger or a message.
const maxActor = 100

// readActor reads who runs this. It is no secret, but only as one can a setting name a variable of the job.
func (r *Run) readActor(ctx context.Context) error {
	text, err := plaintext(ctx, r.config.Actor, "actor")
	if err == nil {
		r.actor, err = parseActor(text)
		err = wrongSetting("actor", err)
	}
	if err != nil {
		return refuseInput(err)
	}
	return nil
}

// parseActor takes whatever a CI calls people, as long as it is one line that can be read.
func parseActor(text string) (string, error) {
	text = strings.TrimSpace(text)
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > maxActor ||
		strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return "", fmt.Errorf("expected a name on one line, of at most %d printable characters, found %.150q", maxActor, text)
	}
	return text, nil
}

// who is whom lock, ledger, notes and message name.
func (r *Run) who() string { return redact.OneLine(orDefault(r.actor, r.config.committer.name)) }
