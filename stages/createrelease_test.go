package stages

import (
	"strings"
	"testing"

	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/release"
	"dagger/slipway/stages/versionfile"
)

func TestCheckUpstream(t *testing.T) {
	refs := map[string]string{"refs/heads/main": "1111111111", "refs/heads/release/1.1": "2222222222", "refs/heads/feature": "1111111111"}
	for name, c := range map[string]struct{ branch, commit, reason string }{
		"the head of the default branch":     {"main", "1111111111", ""},
		"the head of a release branch":       {"release/1.1", "2222222222", ""},
		"the remote has moved":               {"main", "3333333333", "the branch main is at 1111111 on the remote, and at 3333333 here"},
		"the branch was never pushed":        {"release/2.0", "1111111111", "the branch release/2.0 is not on the remote"},
		"a branch that is not released from": {"feature", "1111111111", "the branch feature is not released from; those that are: main, release/1.1"},
		"no branch is checked out":           {"", "1111111111", "HEAD is detached"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Run{source: source{branch: c.branch, commit: c.commit}, found: &found{refs: gitremote.Refs{Default: "main", Of: refs}}}
			r.config.branches = []string{"release/*"}
			err := r.checkUpstream()
			if (err == nil) != (c.reason == "") || err != nil && !strings.Contains(err.Error(), c.reason) {
				t.Errorf("got %v, want %q", err, c.reason)
			}
		})
	}
}

func TestCheckGitTagFree(t *testing.T) {
	for name, c := range map[string]struct {
		tags []release.Tag
		refs map[string]string
		want string
	}{
		"free":                  {[]release.Tag{{Name: "v1.2.2", Commit: "a"}}, map[string]string{"refs/tags/v1.2.4": "a", "refs/heads/v1.2.3": "a"}, ""},
		"taken here":            {[]release.Tag{{Name: "v1.2.3", Commit: "a"}}, nil, "the tag v1.2.3 exists and names a"},
		"taken on the remote":   {nil, map[string]string{"refs/tags/v1.2.3": "b"}, "the tag v1.2.3 exists and names b"},
		"taken there without v": {nil, map[string]string{"refs/tags/1.2.3": "b"}, "the tag 1.2.3 exists and names b"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Run{Version: mustVersion(t, "1.2.3"), config: config{tagPrefix: "v"}, source: source{tags: c.tags}, found: &found{refs: gitremote.Refs{Of: c.refs}}}
			err := r.checkGitTagFree(r.Version)
			if (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestCutText(t *testing.T) {
	r := &Run{Version: mustVersion(t, "1.2.4"), config: config{tagPrefix: "v"}, source: source{commit: "2222222222"}}
	files := bumped{files: []versionfile.Source{{Path: "package.json"}}}
	text := r.cutText(source{commit: "1111111111", branch: "main"}, files)
	for _, word := range []string{"Pushed commit 2222222 (chore: bump version to 1.2.4) to main.", "Pushed tag v1.2.4 on 2222222.", "git pull --ff-only\n"} {
		if !strings.Contains(text, word) {
			t.Errorf("%q does not say %q", text, word)
		}
	}
	if text := r.cutText(r.source, bumped{}); strings.Contains(text, "already") || !strings.Contains(text, "No version file says a version, so there is no new commit") {
		t.Errorf("with a version that the build computes it says %q", text)
	}
	if text := r.cutText(r.source, files); strings.Contains(text, "Pushed commit") || !strings.Contains(text, "said 1.2.4 already") {
		t.Errorf("without a commit it says %q", text)
	}
}
