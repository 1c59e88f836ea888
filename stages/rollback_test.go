package stages

import (
	"context"
	"slices"
	"strings"
	"testing"

	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/report"
)

// unreachable is a remote that does not answer.
type unreachable struct{ gitremote.Server }

func (unreachable) Refs(context.Context) (gitremote.Refs, error) {
	return gitremote.Refs{}, &gitremote.Error{What: "the git remote does not answer"}
}

// TestRollbackWhileGitIsAway: the server does not wait for a remote that does not answer, and only the code needs it.
func TestRollbackWhileGitIsAway(t *testing.T) {
	answers := branches{refs: gitremote.Refs{Default: "main"}}
	for _, c := range []struct {
		name    string
		remote  gitremote.Server
		revert  bool
		refused string
		next    string
		unread  []string
	}{
		{name: "it answers", remote: answers},
		{name: "it answers, and the code goes back too", remote: answers, revert: true},
		{name: "none is set"},
		{name: "none is set, and the code goes back too", revert: true, refused: "the code cannot be reverted: no forgeToken is set", next: "set forgeToken, or leave --revert-code out"},
		{name: "it is away", remote: unreachable{}, unread: []string{"warning: git was not asked which versions there are: the git remote does not answer"}},
		{
			name: "it is away, and the code goes back too", remote: unreachable{}, revert: true,
			refused: "the code cannot be reverted: the git remote does not answer", next: "leave --revert-code out: the server is rolled back without git",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := prefixed(t, "v", "1.2.0")
			r.access = access{git: c.remote, writable: c.remote != nil, noGit: "no forgeToken is set"}
			b := &rollback{RollbackOptions: RollbackOptions{Environment: production, RevertCode: c.revert}}
			err := b.askGit(r, t.Context())
			if c.refused != "" {
				if err == nil || err.Error() != c.refused || explain(err).outcome != report.RefusedState || !strings.HasSuffix(explain(err).next, c.next) {
					t.Errorf("got %v, next %q", err, explain(err).next)
				}
				return
			}
			if err != nil || !slices.Equal(b.unread, c.unread) || c.remote != nil && c.unread == nil && r.found.refs.Default != "main" {
				t.Errorf("got %v, unread: %q, the refs are %+v", err, b.unread, r.found.refs)
			}
		})
	}
}
