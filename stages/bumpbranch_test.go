package stages

import (
	"context"
	"errors"
	"strings"
	"testing"

	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/report"
)

// TestProtectsBranch has what servers print when they refuse a push.
func TestProtectsBranch(t *testing.T) {
	for output, want := range map[string]bool{
		"remote: error: GH006: Protected branch update failed for refs/heads/main.":                     true,
		"remote: error: GH013: Repository rule violations found for refs/heads/main.":                   true,
		"remote: Gitea: Not allowed to push to protected branch main":                                   true,
		"remote: GitLab: You are not allowed to push code to protected branches on this project.":       true,
		"remote: error: GH013: Repository rule violations found for refs/tags/v1.2.4.":                  false,
		"remote: Gitea: Tag v1.2.4 is protected":                                                        false,
		"remote: GitLab: You are not allowed to create this tag as it is protected.":                    false,
		"! [rejected] HEAD -> main (fetch first)":                                                       false,
		"fatal: unable to access 'http://r.example/': The requested URL returned error: 403":            false,
		"! [remote rejected] 1111111 -> main (pre-receive hook declined)\nremote: commits are unsigned": false,
	} {
		if got := protectsBranch(output); got != want {
			t.Errorf("%q: got %t", output, got)
		}
	}
}

func TestBumpBranch(t *testing.T) {
	r, m := &Run{Version: mustVersion(t, "1.2.4"), config: config{tagPrefix: "v"}}, gitremote.Refs{Default: "main"}
	if branch := r.bumpBranch(); branch != "slipway/bump-v1.2.4" || m.IsRelease(branch, []string{"release/*", "hotfix/*"}) {
		t.Errorf("the branch is %q", branch)
	}
}

// proposer is a forge on which only pull requests are opened.
type proposer struct {
	forge.Forge
	asked forge.Proposal
	err   error
}

func (p *proposer) OpenPullRequest(_ context.Context, asked forge.Proposal) (changelog.PullRequest, error) {
	p.asked = asked
	return changelog.PullRequest{URL: "https://forge.example/acme/shop/pulls/7"}, p.err
}

// TestProposeBump has a branch that an earlier call has pushed, so that only the pull request is left to open.
func TestProposeBump(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want []string
	}{
		"opened":  {nil, []string{"the branch main is protected", "the pull request https://forge.example/acme/shop/pulls/7", "no tag was pushed"}},
		"refused": {errors.New("no right to"), []string{"the branch main is protected", "could not be opened: no right to"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := &proposer{err: c.err}
			r := &Run{Version: mustVersion(t, "1.2.4"), config: config{tagPrefix: "v"}, access: access{forge: p}, found: &found{refs: gitremote.Refs{Of: map[string]string{"refs/heads/slipway/bump-v1.2.4": "a"}}}}
			f := explain(r.proposeBump(t.Context(), "main"))
			for _, word := range c.want {
				if !strings.Contains(f.Error(), word) {
					t.Errorf("%q does not say %q", f.Error(), word)
				}
			}
			if f.outcome != report.RefusedState || f.next == "" {
				t.Errorf("outcome %q, next %q", f.outcome, f.next)
			}
			if p.asked.Branch != "slipway/bump-v1.2.4" || p.asked.Base != "main" || !strings.Contains(p.asked.Body, "create-release --version=1.2.4\n") {
				t.Errorf("asked for %+v", p.asked)
			}
		})
	}
}
