package gitremote

import (
	"maps"
	"slices"
	"strings"
	"testing"
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
	if got.Default != "main" {
		t.Errorf("the default branch is %q", got.Default)
	}
	want := map[string]string{
		"refs/heads/main": "aaa", "refs/heads/release/1.1": "bbb", "refs/heads/release/1.1/deep": "ccc", "refs/heads/feature": "ddd",
		"refs/pull/3/head": "eee", "refs/slipway/lock": "fff", "refs/tags/v1.0.0": "111", "refs/tags/v1.1.0": "333",
	}
	if !maps.Equal(got.Of, want) {
		t.Errorf("got %v", got.Of)
	}
	if tags := got.Tags(); !maps.Equal(tags, map[string]string{"v1.0.0": "111", "v1.1.0": "333"}) {
		t.Errorf("the tags are %v", tags)
	}
	if got.Branch("main") != "aaa" || got.Branch("v1.0.0") != "" {
		t.Errorf("main is at %q, and there is a branch v1.0.0: %q", got.Branch("main"), got.Branch("v1.0.0"))
	}
	if empty := parseRefs(""); empty.Default != "" || len(empty.Of) != 0 {
		t.Errorf("an empty repository gives %+v", empty)
	}
}

func FuzzParseRefs(f *testing.F) {
	f.Add(lsRemoteOutput)
	f.Add("ref: \tHEAD\n\t\n^{}")
	f.Fuzz(func(t *testing.T, out string) {
		for name := range parseRefs(out).Of {
			if !strings.HasPrefix(name, "refs/") || strings.Contains(name, "\n") {
				t.Errorf("%q is not a ref", name)
			}
		}
	})
}

func TestReleases(t *testing.T) {
	for name, c := range map[string]struct{ patterns, want []string }{
		"the default branch alone":             {nil, []string{"main"}},
		"a star is anything but a slash":       {[]string{"release/*"}, []string{"main", "release/1.1"}},
		"a name without a star":                {[]string{"feature"}, []string{"feature", "main"}},
		"a pattern that no branch agrees with": {[]string{"hotfix/*"}, []string{"main"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := parseRefs(lsRemoteOutput).Releases(c.patterns); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestHas(t *testing.T) {
	refs := Refs{Of: map[string]string{"refs/heads/main": "a", "refs/tags/v1.0.0": "b"}}
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
			if got := refs.Has(c.want); got != c.has {
				t.Errorf("got %v", got)
			}
		})
	}
}
