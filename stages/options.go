package stages

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"dagger/slipway/stages/redact"
)

// Options are what a caller says about one release.
type Options struct {
	Version string
	DryRun  bool
	Force   bool
	Reason  string
	// LockWait is how long to wait for a release of another version that is at work: minutes, or a duration.
	LockWait string
}

// minReason keeps "x" from being a reason.
const minReason = 10

// forceReason insists on words that a colleague can read later.
func forceReason(force bool, reason string) (string, error) {
	visible := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, reason)
	switch {
	case !force && reason != "":
		return "", errors.New("--reason is given without --force: add --force, or leave the reason out")
	case !force:
		return "", nil
	case len([]rune(visible)) < minReason:
		return "", fmt.Errorf("--force needs --reason with at least %d visible characters, found %d: say why the scan, the dependency check and the slow tests may be left out", minReason, len([]rune(visible)))
	}
	return redact.OneLine(reason), nil
}

// maxLockWait is a day: whoever waits longer has forgotten it.
const maxLockWait = 24 * time.Hour

// parseLockWait reads minutes or a duration.
func parseLockWait(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	wait, err := time.ParseDuration(text)
	if minutes, e := strconv.ParseUint(text, 10, 16); e == nil {
		wait, err = time.Duration(minutes)*time.Minute, nil
	}
	if err != nil || wait < 0 || wait > maxLockWait {
		return 0, fmt.Errorf("--lock-wait: expected minutes or a duration such as 90s, up to 24h, found %q", text)
	}
	return wait, nil
}
