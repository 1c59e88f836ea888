package gitremote

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Error is a remote that did not do what it was asked.
type Error struct {
	// What went wrong, and what there is to do.
	What, Next string
	// Output is what git printed.
	Output string
	// Temporary tells a server that is busy or away from one that has said no.
	Temporary bool
	Err       error
}

// Error implements error.
func (e *Error) Error() string { return e.What }

func (e *Error) Unwrap() error { return e.Err }

// Taken is a tag that is on another commit already.
type Taken struct{ Name, Commit string }

// Error implements error.
func (e *Taken) Error() string {
	return fmt.Sprintf("the tag %s exists on the remote and names %s", e.Name, e.Commit)
}

// Next is what there is to do.
func (e *Taken) Next() string {
	return "check out that commit to finish its release, or release the next patch version"
}

// Printed is how an Executor fails when a command ran and ended with an error.
type Printed interface {
	error
	// Output is what git printed.
	Output() string
}

func output(err error) string {
	var failed Printed
	if errors.As(err, &failed) {
		return failed.Output()
	}
	return ""
}

// temporary tells what may be different next time.
func temporary(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Temporary
}

// passing are what git prints when the server or the way to it is away for a moment.
var passing = []string{
	"returned error: 408", "returned error: 429", "returned error: 5", "HTTP 408", "HTTP 429", "HTTP 5",
	"Could not resolve host", "Failed to connect", "Couldn't connect", "Connection refused", "Connection reset", "Empty reply",
	"timed out", "Operation too slow", "early EOF", "unexpected disconnect", "hung up unexpectedly", "Recv failure", "Send failure",
	".lock': File exists", // somebody else is writing the same ref at this moment
}

// mayPass looks first whether git itself has refused a ref: of an atomic push it then says that the remote hung up.
func mayPass(output string) bool {
	return !strings.Contains(output, "! [rejected]") && containsAny(output, passing)
}

func refusedToken(output string) bool {
	return containsAny(output, []string{"Authentication failed", "could not read Username", "error: 403", "error: 401"})
}

func containsAny(text string, signs []string) bool {
	return slices.ContainsFunc(signs, func(sign string) bool { return strings.Contains(text, sign) })
}

// lastLine is where git says what went wrong.
func lastLine(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

// explainRead says what a failed look at the remote means.
func explainRead(address string, err error) error {
	e := &Error{Output: output(err), Err: err}
	e.Temporary = mayPass(e.Output)
	what := "cannot be read"
	e.Next = "see that the remote can be reached, and run the same line again"
	if refusedToken(e.Output) {
		what, e.Next = "does not accept the forgeToken", "give a token that may read and write the repository's code"
	}
	reason := lastLine(e.Output)
	if reason == "" {
		reason = err.Error()
	}
	e.What = fmt.Sprintf("the git remote %s %s: %s", address, what, reason)
	return e
}

const (
	moved     = "the branch has moved on the remote"
	pull      = "git pull --ff-only, and run the same line again"
	protected = "the branch or tag is protected"
	letPass   = "let the token's owner pass the protection, or use bump and a pull request"
)

// refusals tell apart why a server takes no push. The first sign that is found counts.
var refusals = []struct{ sign, what, next string }{
	{"non-fast-forward", moved, pull},
	{"fetch first", moved, pull},
	{"already exists", "the tag is there already", "git fetch --tags, and look at what it names"},
	{"cannot lock ref", moved, pull},
	{"stale info", "somebody else was faster", "run the same line again"},
	{"GH006", protected, letPass},
	{"GH013", protected, letPass},
	{"protected", protected, letPass},
	{"hook declined", "the server's rules do not allow it", "let the token's owner pass them, or use bump and a pull request"},
}

// explainPush says why nothing was pushed.
func explainPush(address string, err error) error {
	e := &Error{Output: output(err), Err: err}
	if e.Output == "" || refusedToken(e.Output) || mayPass(e.Output) {
		return explainRead(address, err)
	}
	what := "the push was refused"
	e.Next = "nothing was pushed; see what the server says above"
	for _, r := range refusals {
		if strings.Contains(e.Output, r.sign) {
			what, e.Next = r.what, "nothing was pushed; "+r.next
			break
		}
	}
	e.What = fmt.Sprintf("the git remote %s did not take the push: %s", address, what)
	return e
}
