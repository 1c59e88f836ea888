package stages

import (
	"slices"
	"strings"
	"testing"
	"time"

	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/release"
	"dagger/slipway/stages/server"
	"dagger/slipway/stages/version"
)

func prefixed(t *testing.T, prefix, v string) *Run {
	t.Helper()
	c, err := Settings{Severity: "HIGH", TagPrefix: prefix}.read()
	if err != nil {
		t.Fatal(err)
	}
	return &Run{config: c, Version: mustVersion(t, v), source: source{commit: "this"}, found: new(found), goal: goal{green: stagePassed}}
}

func tagsOf(text string) (tags []release.Tag) {
	for _, field := range strings.Fields(text) {
		name, commit, _ := strings.Cut(field, "=")
		tags = append(tags, release.Tag{Name: name, Commit: commit})
	}
	return tags
}

func TestTagPrefixSetting(t *testing.T) {
	_, err := Settings{Severity: "HIGH", TagPrefix: "shop v"}.read()
	if err == nil || !strings.Contains(err.Error(), `setting tagPrefix: expected characters that git takes in a tag, found ' ' in "shop v"`) {
		t.Errorf("got %v", err)
	}
	r, err := NewRun(nil, Settings{Severity: "HIGH", TagPrefix: "shop-v"}, Options{Version: "shop-v1.2.3"}, goal{})
	if err != nil || r.Version.String() != "1.2.3" || r.tagName() != "shop-v1.2.3" {
		t.Errorf("the name of a tag is taken for %s, %v", r.Version, err)
	}
	if _, err := NewRun(nil, Settings{Severity: "HIGH", TagPrefix: "v"}, Options{Version: "shop-v1.2.3"}, goal{}); err == nil || !strings.Contains(err.Error(), `version "shop-v1.2.3" is refused`) {
		t.Errorf("another product's tag: %v", err)
	}
	r, b, err := Pipeline{Settings: Settings{Severity: "HIGH", TagPrefix: "shop-v", Production: "deploy@x.example"}}.newRollback(RollbackOptions{Environment: "production", Reason: "the shop is down", To: "shop-v1.2.0"})
	if err != nil || b.To != "1.2.0" || r.config.tagPrefix != "shop-v" {
		t.Errorf("rollback to the name of a tag: %+v, %v", b, err)
	}
}

// TestTagNames has every name that Slipway itself gives.
func TestTagNames(t *testing.T) {
	for prefix, tag := range map[string]string{"v": "v1.2.4", "": "1.2.4", "shop-v": "shop-v1.2.4", "shop/v": "shop/v1.2.4"} {
		r := prefixed(t, prefix, "1.2.4")
		left := prefix + "1.2.4"
		b := &rollback{RollbackOptions: RollbackOptions{Environment: "production", Reason: "it is *slow*"}, done: server.RolledResult{Left: "1.2.4", Result: server.Result{Version: "1.2.3"}}}
		pull := b.proposal(r.config.tagPrefix)
		for what, c := range map[string][2]string{
			"tag":           {r.tagName(), tag},
			"request":       {r.request().TagName(), tag},
			"bump":          {r.bumpBranch(), "slipway/bump-" + tag},
			"revert branch": {pull.Branch, "hotfix/rollback-" + left},
			"revert title":  {pull.Title, "revert: release " + left},
			"revert body":   {pull.Body, "Takes back what " + left + " brought after " + prefix + "1.2.3.\n\nproduction was rolled back: it is \\*slow\\*\n"},
		} {
			if c[0] != c[1] {
				t.Errorf("%q, %s: got %q, want %q", prefix, what, c[0], c[1])
			}
		}
	}
}

// TestTagsAreRead has every place that asks git's tags, here and on the remote, or the forge's releases.
func TestTagsAreRead(t *testing.T) {
	for _, c := range []struct{ name, prefix, tags, known, of, previous string }{
		{"with v", "v", "v1.0.0=a v1.1.0=b v1.2.3=c nightly=c", "1.0.0 1.1.0 1.2.3", "v1.2.3", "v1.1.0"},
		{"bare ones count with v", "v", "1.0.0=a 1.1.0=b 1.2.3=c", "1.0.0 1.1.0 1.2.3", "1.2.3", "1.1.0"},
		{"the one with the prefix goes before", "v", "1.1.0=a v1.1.0=b 1.2.3=d v1.2.3=c", "1.1.0 1.1.0 1.2.3 1.2.3", "v1.2.3", "v1.1.0"},
		{"no prefix", "", "1.0.0=a v1.1.0=b 1.2.3=c", "1.0.0 1.2.3", "1.2.3", "1.0.0"},
		{"one product of several", "shop-v", "shop-v1.0.0=a web-v1.1.0=b v1.1.0=b 1.1.0=b shop-v1.2.3=c web-v9.0.0=c", "1.0.0 1.2.3", "shop-v1.2.3", "shop-v1.0.0"},
		{"none of this product", "shop-v", "web-v1.2.3=a v1.2.3=a shop-v=a", "", "", ""},
		{"only a prefix", "v", "v=a", "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := prefixed(t, c.prefix, "1.2.3")
			r.source.tags = tagsOf(c.tags)
			var releases []forge.Release
			for _, tag := range r.source.tags {
				releases = append(releases, forge.Withdraw(forge.Release{Tag: tag.Name}, "slow"))
			}
			if here, _ := r.tagOf(r.Version); here.Name != c.of {
				t.Errorf("the tag is %q, want %q", here.Name, c.of)
			}
			if got := r.tagBefore("1.2.3").Name; got != c.previous {
				t.Errorf("notes start at %q, want %q", got, c.previous)
			}
			if got := r.tagBefore(c.prefix + "1.2.3").Name; got != c.previous {
				t.Errorf("by the tag's name, notes start at %q, want %q", got, c.previous)
			}
			if tag, err := r.releaseTag(c.prefix + "1.2.3"); tag.Name != c.of || (err == nil) != (c.of != "") {
				t.Errorf("%s1.2.3 is %q, %v", c.prefix, tag.Name, err)
			}
			for what, known := range map[string][]version.Version{"tagged": r.tagged(), "withdrawn": release.WithdrawnOf(releases, r.config.tagPrefix)} {
				var texts []string
				for _, v := range known {
					texts = append(texts, v.String())
				}
				slices.Sort(texts)
				if got := strings.Join(texts, " "); got != c.known {
					t.Errorf("%s: got %s, want %s", what, got, c.known)
				}
			}
			if got, ok := release.FindTag(r.config.tagPrefix, r.source.tags, version.Version{}); ok {
				t.Errorf("no version has the tag %q", got.Name)
			}
			o := release.Observed{Forge: release.Part[[]forge.Release]{Is: releases, At: time.Now()}}
			if known := o.Known(r.request()); len(known) != 0 {
				t.Errorf("withdrawn versions count: %v", known)
			}
		})
	}
}

// TestNearMissesAreNamedOnce: in one line, with a few names and the count, from here and from the remote.
func TestNearMissesAreNamedOnce(t *testing.T) {
	for _, c := range []struct{ name, prefix, tags, remote, want string }{
		{"nothing to name", "v", "v1.2.3=a v1=a latest=a", "nightly=b", ""},
		{"few", "v", "2.1=a v2.1=a", "2.1=a V1.2.3=b", "tags that look like versions and do not count (3): 2.1, V1.2.3, v2.1; the tag of a version is v1.2.3, see the setting tagPrefix"},
		{"many", "", "v1.0.0=a v1.0.1=a v1.0.2=a v1.0.3=a v1.0.4=a v1.0.5=a v1.0.6=a", "",
			"tags that look like versions and do not count (7): v1.0.0, v1.0.1, v1.0.2, v1.0.3, v1.0.4 and 2 more; the tag of a version is 1.2.3, see the setting tagPrefix"},
		{"a product's", "shop-v", "shop-1.0.0=a web-1.0.0=a", "", "tags that look like versions and do not count (1): shop-1.0.0; the tag of a version is shop-v1.2.3, see the setting tagPrefix"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := prefixed(t, c.prefix, "1.2.3")
			r.source.tags = tagsOf(c.tags)
			refs := map[string]string{"refs/heads/v2.1": "a"}
			for _, tag := range tagsOf(c.remote) {
				refs["refs/tags/"+tag.Name] = tag.Commit
			}
			r.noteNearMisses(release.Observed{Remote: release.Part[release.Remote]{Is: release.Remote{Refs: gitremote.Refs{Of: refs}}}})
			if got := strings.Join(r.found.notChecked, "\n"); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}
