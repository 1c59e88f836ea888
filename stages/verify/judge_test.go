package verify

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"dagger/slipway/stages/attest"
	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/registry"
	"dagger/slipway/stages/release"
)

// TestUntouched: a release with all that it can have is ok in every row.
func TestUntouched(t *testing.T) {
	for name, set := range map[string]func(*shop){
		"by a key":       func(*shop) {},
		"by an identity": byIdentity(t, job, time.Now().Add(time.Minute)),
	} {
		t.Run(name, func(t *testing.T) {
			w := newShop(t)
			set(w)
			table := Judge(w.released().facts())
			if !table.Green() || len(table.with(NotChecked)) > 0 || len(table) < 30 {
				t.Errorf("an untouched release is not green:\n%s", table.Text("1.2.3"))
			}
			if want := 4 + 2 + 4; w.checker.asked != want { // backend's lists of contents are two of each kind
				t.Errorf("cosign was asked %d times, want %d: once for each statement", w.checker.asked, want)
			}
		})
	}
}

// byIdentity makes a shop whose releases are signed by a job of a CI.
func byIdentity(t *testing.T, who string, end time.Time) func(*shop) {
	return func(w *shop) {
		w.signer, w.builder = identity(t, who, end), "https://github.com/acme/shop/actions/runs/7"
		w.checker = &checker{identity: job, now: time.Now()}
	}
}

// TestNotChecked: what nobody can tell is named, and never ok.
func TestNotChecked(t *testing.T) {
	for name, c := range map[string]struct {
		set, then func(*shop)
		open      []string
	}{
		"signed, and nobody knows by whom": {
			set:  func(w *shop) { w.checker = nil },
			open: append(append(allKinds(backend), allKinds(frontend)...), "signature of checksums.txt"),
		},
		"not signed": {
			set:  func(w *shop) { w.unsigned, w.checker = true, nil },
			open: append(append(allKinds(backend), allKinds(frontend)...), "signature of checksums.txt"),
		},
		"another version on a server": {
			then: func(w *shop) { w.runs[1].Status.Current.Version = "1.1.0" },
			open: []string{"production"},
		},
		"a server that nothing was deployed to": {
			then: func(w *shop) { w.runs[1].Status.Deployed = false },
			open: []string{"production"},
		},
		"a stranger's signature beside the right one": {
			then: func(w *shop) {
				stranger := *w
				stranger.signer = newSigner(w.t)
				stranger.commit = other
				stranger.attach(backend, w.digests[backend], stranger.artifact(attest.Provenance, "", w.digests[backend]))
			},
			open: []string{"more provenance of backend"},
		},
		"a statement that no release has": {
			then: func(w *shop) {
				w.attach(backend, w.digests[backend], w.artifact("https://scanner.example/v1", "", w.digests[backend]))
			},
			open: []string{"https://scanner.example/v1 of backend"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newShop(t)
			if c.set != nil {
				c.set(w)
			}
			w.released()
			if c.then != nil {
				c.then(w)
			}
			table := Judge(w.facts())
			var open []string
			for _, row := range table.with(NotChecked) {
				open = append(open, row.What)
			}
			slices.Sort(open)
			if want := slices.Sorted(slices.Values(c.open)); !table.Green() || !slices.Equal(open, want) {
				t.Errorf("not checked are\n%q, want\n%q:\n%s", open, want, table.Text("1.2.3"))
			}
		})
	}
}

// TestNothingIsNotGreen: where nobody could be asked, nothing is fine.
func TestNothingIsNotGreen(t *testing.T) {
	w := newShop(t)
	none := Facts{Request: w.request}
	none.Observed.Remote.Why, none.Observed.Registry.Why, none.Page.Why, none.Servers.Why = "no forgeToken is set", "no registry is set", "no forge", "no server"
	if table := Judge(none); table.Green() || len(table.with(OK)) > 0 {
		t.Errorf("got\n%s", table.Text("1.2.3"))
	}
	none.Request.Local = []release.Tag{{Name: "v1.2.3", Commit: commit}}
	table := Judge(none)
	if !table.Green() || table[0].What != "git tag v1.2.3 of this clone, because of the remote: no forgeToken is set" {
		t.Errorf("the clone's tag: got\n%s", table.Text("1.2.3"))
	}
	none.Observed.Remote.Err = errors.New("no route to host")
	if table := Judge(none); table.Green() || table[0].Verdict != NotRead {
		t.Errorf("a remote that does not answer: got\n%s", table.Text("1.2.3"))
	}
}

// TestWithdrawn: nobody should use what was taken back, however well it is signed, and no floating tag is its.
func TestWithdrawn(t *testing.T) {
	w := newShop(t).released()
	f := w.facts()
	refs := f.Observed.Remote.Is.Refs.Of
	f.Observed.Remote.Is.Refs = gitremote.Refs{Of: map[string]string{release.WithdrawnRef(w.request.Prefix, w.request.Version): "1"}}
	for ref, commit := range refs {
		f.Observed.Remote.Is.Refs.Of[ref] = commit
	}
	f.Floating = ReadFloating(t.Context(), w.client, f.Observed, w.request)
	red := fmt.Sprint(Judge(f).Red())
	for _, want := range []string{"rollbacks: ", "tag latest of backend: expected 1.1.0 ", "tag 1.2 of frontend: expected not 1.2.3"} {
		if !strings.Contains(red, want) {
			t.Errorf("got %s, want %q", red, want)
		}
	}
}

// TestJudgeImages is what a server asks before it runs something: who has signed, and of which commit.
func TestJudgeImages(t *testing.T) {
	w := newShop(t)
	w.without = attest.SPDX // of a forced release, whose scan has not ended
	w.released()
	if table := JudgeImages(w.facts(), commit); !table.Green() || len(table) != 4 {
		t.Errorf("got\n%s", table.Text("1.2.3"))
	}
	if red := fmt.Sprint(JudgeImages(w.facts(), other).Red()); strings.Count(red, "one of commit c0ffee12c0ff, not of badc0de5badc") != 2 {
		t.Errorf("another commit: got %s", red)
	}
	if JudgeImages(Facts{Images: part(map[string]Image{}, nil)}, commit).Green() {
		t.Error("no images are fine")
	}
	if JudgeImages(w.facts(), "").Green() {
		t.Error("images of no commit are fine")
	}
	w.silent = errors.New("no route to host")
	if table := JudgeImages(w.facts(), commit); table.Green() {
		t.Errorf("what could not be read: got\n%s", table.Text("1.2.3"))
	}
}

var _ Registry = (*registry.Client)(nil)

func TestSameOwner(t *testing.T) {
	for _, c := range []struct {
		builder, signer string
		want            bool
	}{
		{job, job, true},
		{"https://github.com/acme/shop/actions/runs/1/attempts/2", job, true},
		{"https://github.com/acme/shop2/actions/runs/1", job, false},
		{"https://github.com/evil/shop/actions/runs/1", job, false},
		{"https://gitlab.com/acme/team/shop/-/jobs/7", "https://gitlab.com/acme/team/shop//.gitlab-ci.yml@refs/heads/main", true},
		{"https://gitlab.com/acme/shop/-/jobs/7", "https://gitlab.com/acme/team/shop//.gitlab-ci.yml@refs/heads/main", false},
		{attest.Laptop, job, true},
		{"https://ci.example.com/job/shop", job, false},
		{attest.Laptop, "somebody@example.com", true},
		{"somebody@example.com", "somebody@example.com", true},
		{job, "somebody@example.com", false},
		{"", job, false},
	} {
		if got := sameOwner(c.builder, c.signer); got != c.want {
			t.Errorf("%s signed by %s: got %t", c.builder, c.signer, got)
		}
	}
}
