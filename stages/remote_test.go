package stages

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"dagger/slipway/stages/report"
)

const lsRemoteOutput = "ref: refs/heads/main\tHEAD\n" +
	"aaa\tHEAD\n" +
	"aaa\trefs/heads/main\n" +
	"bbb\trefs/heads/release/1.1\n" +
	"ccc\trefs/heads/release/1.1/deep\n" +
	"ddd\trefs/heads/feature\n" +
	"eee\trefs/pull/3/head\n" +
	"fff\trefs/slipway/lock\n" +
	"111\trefs/tags/v1.0.0\n" +
	"222\trefs/tags/v1.1.0\n" +
	"333\trefs/tags/v1.1.0^{}\n"

func TestParseRefs(t *testing.T) {
	got := parseRefs(lsRemoteOutput)
	if got.defaultBranch != "main" {
		t.Errorf("the default branch is %q", got.defaultBranch)
	}
	want := map[string]string{
		"refs/heads/main": "aaa", "refs/heads/release/1.1": "bbb", "refs/heads/release/1.1/deep": "ccc", "refs/heads/feature": "ddd",
		"refs/pull/3/head": "eee", "refs/slipway/lock": "fff", "refs/tags/v1.0.0": "111", "refs/tags/v1.1.0": "333",
	}
	if !maps.Equal(got.refs, want) {
		t.Errorf("got %v", got.refs)
	}
	if empty := parseRefs(""); empty.defaultBranch != "" || len(empty.refs) != 0 {
		t.Errorf("an empty repository gives %+v", empty)
	}
}

func FuzzParseRefs(f *testing.F) {
	f.Add(lsRemoteOutput)
	f.Add("ref: \tHEAD\n\t\n^{}")
	f.Fuzz(func(t *testing.T, out string) {
		for name := range parseRefs(out).refs {
			if !strings.HasPrefix(name, "refs/") || strings.Contains(name, "\n") {
				t.Errorf("%q is not a ref", name)
			}
		}
	})
}

func TestReleaseBranches(t *testing.T) {
	for name, c := range map[string]struct{ patterns, want []string }{
		"the default branch alone":             {nil, []string{"main"}},
		"a star is anything but a slash":       {[]string{"release/*"}, []string{"main", "release/1.1"}},
		"a name without a star":                {[]string{"feature"}, []string{"feature", "main"}},
		"a pattern that no branch agrees with": {[]string{"hotfix/*"}, []string{"main"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := parseRefs(lsRemoteOutput).releaseBranches(c.patterns); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestRemoteAddress(t *testing.T) {
	for name, c := range map[string]struct{ origin, kind, repository, want, user string }{
		"https as it is":             {"https://github.com/acme/shop.git", "", "", "https://github.com/acme/shop.git", "x-access-token"},
		"user information goes":      {"https://bot:s3cret@github.com/acme/shop.git", "", "", "https://github.com/acme/shop.git", "x-access-token"},
		"ssh becomes https":          {"git@github.com:acme/shop.git", "", "", "https://github.com/acme/shop.git", "x-access-token"},
		"ssh with a port":            {"ssh://git@git.acme.example:2222/acme/shop.git", "gitea", "", "https://git.acme.example/acme/shop.git", "x-access-token"},
		"GitLab's user":              {"git@gitlab.com:acme/team/shop.git", "", "", "https://gitlab.com/acme/team/shop.git", "oauth2"},
		"a forge of unknown kind":    {"http://10.1.2.3:3000/acme/shop.git", "", "", "http://10.1.2.3:3000/acme/shop.git", "x-access-token"},
		"the setting goes before":    {"git@github.com:acme/shop.git", "", "https://gitea.com/acme/shop/", "https://gitea.com/acme/shop", "x-access-token"},
		"and loses its user as well": {"", "", "https://me:s3cret@gitea.com/acme/shop", "https://gitea.com/acme/shop", "x-access-token"},
	} {
		t.Run(name, func(t *testing.T) {
			got, user, err := remoteAddress(c.origin, c.kind, c.repository)
			if err != nil || got != c.want || user != c.user {
				t.Errorf("got %q, %q, %v; want %q, %q", got, user, err, c.want, c.user)
			}
		})
	}
	if got, _, err := remoteAddress("/srv/git/shop.git", "", ""); err == nil {
		t.Errorf("a folder is taken for a forge: %q", got)
	}
}

func TestRemoteHas(t *testing.T) {
	m := remote{refs: map[string]string{"refs/heads/main": "a", "refs/tags/v1.0.0": "b"}}
	for name, c := range map[string]struct {
		want map[string]string
		has  bool
	}{
		"both as wanted":     {map[string]string{"refs/heads/main": "a", "refs/tags/v1.0.0": "b"}, true},
		"one is elsewhere":   {map[string]string{"refs/heads/main": "a", "refs/tags/v1.0.0": "a"}, false},
		"one is not there":   {map[string]string{"refs/heads/main": "a", "refs/tags/v2.0.0": "b"}, false},
		"nothing was wanted": {nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := m.has(c.want); got != c.has {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestCheckRemoteTag(t *testing.T) {
	for name, c := range map[string]struct{ ref, at, reason string }{
		"none":                          {"refs/tags/v9.9.9", "other", ""},
		"with v, on this commit":        {"refs/tags/v1.2.3", "this", ""},
		"without v, on this commit":     {"refs/tags/1.2.3", "this", ""},
		"with v, on another commit":     {"refs/tags/v1.2.3", "other", "the tag v1.2.3 exists on the remote and names commit other, not this"},
		"without v, on another commit":  {"refs/tags/1.2.3", "other", "the tag 1.2.3 exists on the remote and names commit other, not this"},
		"a branch of that name is none": {"refs/heads/v1.2.3", "other", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Run{Version: mustVersion(t, "1.2.3"), config: config{tagPrefix: "v"}, source: source{commit: "this"}, remote: remote{refs: map[string]string{c.ref: c.at}}}
			err := r.checkRemoteTag()
			if (err == nil) != (c.reason == "") || err != nil && err.Error() != c.reason {
				t.Errorf("got %v, want %q", err, c.reason)
			}
		})
	}
}

func TestMayPass(t *testing.T) {
	for output, want := range map[string]bool{
		"fatal: unable to access 'http://x/': The requested URL returned error: 503":                         true,
		"error: RPC failed; HTTP 502 curl 22 The requested URL returned error: 502":                          true,
		"fatal: unable to access 'http://x/': The requested URL returned error: 429":                         true,
		"fatal: unable to access 'http://x/': Empty reply from server":                                       true,
		"fatal: unable to access 'http://x/': Failed to connect to x port 80 after 0 ms: Connection refused": true,
		"fatal: the remote end hung up unexpectedly":                                                         true,
		"fatal: unable to access 'http://x/': The requested URL returned error: 403":                         false,
		"fatal: Authentication failed for 'http://x/'":                                                       false,
		"fatal: repository 'http://x/' not found":                                                            false,
		" ! [rejected]        main -> main (non-fast-forward)":                                               false,
		"": false,
	} {
		t.Run(output, func(t *testing.T) {
			if got := mayPass(output); got != want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestExplainPush(t *testing.T) {
	for output, want := range map[string]struct{ text, next string }{
		" ! [rejected] main -> main (non-fast-forward)":                            {"did not take the push: the branch has moved on the remote", "git pull --ff-only"},
		" ! [rejected] main -> main (fetch first)":                                 {"did not take the push: the branch has moved on the remote", "git pull --ff-only"},
		" ! [rejected] v1.2.3 -> v1.2.3 (already exists)":                          {"did not take the push: the tag is there already", "git fetch --tags"},
		"remote: error: cannot lock ref 'refs/heads/main': is at 1 but expected 2": {"did not take the push: the branch has moved on the remote", "git pull --ff-only"},
		"remote: error: cannot lock ref 'refs/tags/v1': reference already exists":  {"did not take the push: the tag is there already", "git fetch --tags"},
		"remote: error: GH013: Repository rule violations found":                   {"did not take the push: the branch or tag is protected", "bump and a pull request"},
		" ! [remote rejected] main -> main (pre-receive hook declined)":            {"did not take the push: the server's rules do not allow it", "bump and a pull request"},
		"fatal: Authentication failed for 'http://x/'":                             {"does not accept the forgeToken", "read and write"},
		"something nobody knows":                                                   {"did not take the push: the push was refused", "see what the server says above"},
	} {
		t.Run(output, func(t *testing.T) {
			f := explain(explainPush("http://x/", &failure{err: errors.New("git push ended with exit code 1"), output: output}))
			if !strings.Contains(f.Error(), want.text) || !strings.Contains(f.next, want.next) || f.outcome != report.RefusedState || f.output != output {
				t.Errorf("got %q, next %q, outcome %q", f.Error(), f.next, f.outcome)
			}
		})
	}
}

func TestPushCommandNamesWhatItPushes(t *testing.T) {
	r := &Run{remote: remote{url: "http://x/"}}
	got := r.pushCommand("a:refs/heads/main", "refs/tags/v1:refs/tags/v1")
	if !slices.Contains(got, "--atomic") {
		t.Errorf("%q is not all or nothing", got)
	}
	for _, never := range []string{"--force", "--tags", "--follow-tags", "--mirror", "--all"} {
		if slices.Contains(got, never) {
			t.Errorf("%q says %s", got, never)
		}
	}
	if !slices.Equal(got[len(got)-4:], []string{"--end-of-options", "http://x/", "a:refs/heads/main", "refs/tags/v1:refs/tags/v1"}) {
		t.Errorf("got %q", got)
	}
}

func TestParseCommitter(t *testing.T) {
	for setting, want := range map[string]committer{
		"":                                 {"Slipway", "slipway@localhost.invalid"},
		"Ada Brandt <ada@example.com>":     {"Ada Brandt", "ada@example.com"},
		"J. O'Neill-Ünal <j@example.com>":  {"J. O'Neill-Ünal", "j@example.com"},
		"release[bot] <bot@x.example.com>": {"release[bot]", "bot@x.example.com"},
	} {
		t.Run(setting, func(t *testing.T) {
			if got, err := parseCommitter(setting); err != nil || got != want {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	for _, wrong := range []string{"Ada", "ada@example.com", "<ada@example.com>", " <a@b>", "Ada <ada>", "Ada <a@b> ", "Ada\n <a@b>", "A <b> <c@d>", "Ada <a b@c>"} {
		if got, err := parseCommitter(wrong); err == nil {
			t.Errorf("%q is taken for %+v", wrong, got)
		}
	}
}

func TestParseBranches(t *testing.T) {
	got, err := parseBranches("release/*, hotfix/*,main")
	if err != nil || !slices.Equal(got, []string{"release/*", "hotfix/*", "main"}) {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := parseBranches("release/["); err == nil {
		t.Errorf("a broken pattern is taken for %q", got)
	}
}
