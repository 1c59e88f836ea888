package release

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/registry"
)

// state is one of the states that the four worlds can be in together, by what each is called below.
type state struct{ sha, version, revision, label, tag, page, staging, withdrawn string }

// states are what each part can be.
var states = map[string][]string{
	"sha":       {"none", "some", "all"},
	"version":   {"none", "some", "all"},
	"revision":  {here, other, ""},
	"label":     {"1.2.3", "1.2.3" + inDoubt, "1.2.3-rc.1"},
	"tag":       {"none", "here", "elsewhere", "bare here", "bare elsewhere", "only in the clone"},
	"page":      {"no forge", "none", "draft", "draft by hand", "draft of another commit", "published", "incomplete", "immutable", "immutable and incomplete"},
	"staging":   {"no server", "", "1.2.2", "1.2.3", "1.2.4"},
	"withdrawn": {"no", "by git", "by the forge"},
}

const inDoubt = ", and nobody vouches for it"

// some are the images that a state of a part speaks of.
func some(of string) []string {
	switch of {
	case "some":
		return shop[:1]
	case "all":
		return shop
	}
	return nil
}

// eachState is the whole cross product.
func eachState(do func(state)) {
	s := state{}
	fields := []struct {
		name string
		at   *string
	}{{"sha", &s.sha}, {"version", &s.version}, {"revision", &s.revision}, {"label", &s.label}, {"tag", &s.tag}, {"page", &s.page},
		{"staging", &s.staging}, {"withdrawn", &s.withdrawn}}
	var from func(n int)
	from = func(n int) {
		if n == len(fields) {
			do(s)
			return
		}
		for _, value := range states[fields[n].name] {
			*fields[n].at = value
			from(n + 1)
		}
	}
	from(0)
}

// observed is what is seen of a state.
func (s state) observed(t *testing.T) (Observed, Request) {
	o, q := nothing(t), wanted(t)
	pushed(o, some(s.sha)...)
	for _, name := range some(s.version) {
		label, doubted := strings.CutSuffix(s.label, inDoubt)
		versioned(t, o, built(name, "sha256:"+name, s.revision, label))
		if doubted {
			o.Registry.Is.Doubts[name+":1.2.3"] = "none"
		}
	}
	switch s.tag {
	case "here":
		o.Remote.Is.Of["refs/tags/v1.2.3"] = here
	case "elsewhere":
		o.Remote.Is.Of["refs/tags/v1.2.3"] = other
	case "bare here":
		o.Remote.Is.Of["refs/tags/1.2.3"] = here
	case "bare elsewhere":
		o.Remote.Is.Of["refs/tags/1.2.3"] = other
	case "only in the clone":
		q.Local = []Tag{{"v1.2.3", other}}
	}
	s.forge(&o)
	o.Staging.Is.Version = s.staging
	if s.staging == "no server" {
		o.Staging = Part[Running]{Why: "none"}
	}
	if s.withdrawn == "by git" {
		o.Remote.Is.Of["refs/slipway/withdrawn/v1.2.3"] = "blob"
	}
	return o, q
}

func (s state) forge(o *Observed) {
	switch s.page {
	case "no forge":
		o.Forge = Part[[]forge.Release]{Why: "none"}
	case "none":
	default:
		page(o, func(r *forge.Release) {
			r.Draft = strings.HasPrefix(s.page, "draft")
			r.Immutable = strings.HasPrefix(s.page, "immutable")
			if s.page == "draft by hand" {
				r.Commit, r.Body = "main", "by hand"
			}
			if s.page == "draft of another commit" {
				r.Commit = other
			}
			if strings.HasSuffix(s.page, "incomplete") {
				r.Assets = nil
			}
			if s.withdrawn == "by the forge" {
				*r = forge.Withdraw(*r, "slow")
			}
		})
	}
}

// stops are all reasons against the release, told in other words than those of Decide.
func (s state) stops() bool {
	foreign := s.version != "none" && (s.revision != here || s.label != "1.2.3")
	burnt := slices.Contains([]string{"elsewhere", "bare elsewhere", "only in the clone"}, s.tag)
	unnamed := s.tag == "bare here" && s.page != "no forge"
	taken := s.page == "draft of another commit" || s.page == "immutable and incomplete"
	hasPage := s.page != "no forge" && s.page != "none"
	back := s.withdrawn == "by git" || s.withdrawn == "by the forge" && hasPage
	return foreign || burnt || unnamed || taken || back
}

// TestDecideInEveryState holds the decision against what has to be true of it whatever the state.
func TestDecideInEveryState(t *testing.T) {
	n := 0
	eachState(func(s state) {
		n++
		o, q := s.observed(t)
		plan, err := Decide(o, q)
		if (err != nil) != s.stops() {
			t.Fatalf("%+v: got %v, and stopped by a rule: %t", s, err, s.stops())
		}
		if wrong := s.wrong(plan, err != nil); len(wrong) > 0 {
			t.Fatalf("%+v: %s\n%s", s, strings.Join(wrong, "; "), lines(plan))
		}
	})
	if n < 60_000 {
		t.Errorf("%d states", n)
	}
}

// wrong is what must not be in a plan.
func (s state) wrong(plan Plan, refused bool) (wrong []string) {
	is := func(ok bool, what string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Sprintf(what, args...))
		}
	}
	is(slices.IsSortedFunc(plan.Effects, func(a, b Effect) int { return int(a.Phase() - b.Phase()) }), "phases out of order")
	done := map[string]bool{}
	for _, e := range plan.Effects {
		done[fmt.Sprintf("%T", e)] = e.Done()
	}
	_, deploys := done["release.rollout"]
	is(deploys == (s.staging != "no server" && s.staging != "1.2.4"), "deploys: %t", deploys)
	is(done["release.gitTag"] == (s.tag != "none" && s.tag != "only in the clone"), "the tag is there: %t", done["release.gitTag"])
	is(done["release.versionTags"] == (s.version == "all"), "VERSION is there: %t", done["release.versionTags"])
	is(done["release.commitTags"] == (s.sha == "all"), "the tag of the commit is there: %t", done["release.commitTags"])
	is(!done["release.rollout"] && !done["release.floatingTags"], "done without a look")
	is(slices.Equal(plan.moving(), []string{"1.2", "1", "latest"}) || s.withdrawn != "no", "moves %v", plan.moving())
	for _, name := range shop {
		at, reused := plan.Reused[name]
		doubted := slices.Contains(some(s.version), name) && strings.HasSuffix(s.label, inDoubt)
		is(!reused || sameRelease(at, plan.Request) && !doubted, "%s of another release is used again: %+v", name, registry.Image{Labels: at.Labels})
	}
	if refused {
		return wrong
	}
	public := s.page == "published" || s.page == "incomplete" || s.page == "immutable"
	is(done["release.publication"] == public, "published: %t", done["release.publication"])
	is(done["release.files"] == (s.page == "published" || s.page == "immutable" || s.page == "draft" || s.page == "draft by hand"), "files: %t", done["release.files"])
	for _, name := range shop {
		_, reused := plan.Reused[name]
		there := slices.Contains(some(s.sha), name) || slices.Contains(some(s.version), name)
		is(reused == there, "%s is used again: %t", name, reused)
	}
	return wrong
}
