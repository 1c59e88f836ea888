package gitremote

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRealTag(t *testing.T) {
	p := newPlace(t)
	r := p.reached()
	head := p.commits[2]
	for i, wantPushed := range []bool{true, false} {
		if pushed, err := PushTag(t.Context(), r, r.clock, "v1.2.3", head); err != nil || pushed != wantPushed {
			t.Fatalf("call %d: pushed %t, %v", i, pushed, err)
		}
	}
	tag := p.in(p.remote, "cat-file", "-p", "refs/tags/v1.2.3")
	if want := "object " + head + "\ntype commit\ntag v1.2.3\ntagger Ada <ada@example.com> 1000 +0000\n\nRelease v1.2.3"; tag != want {
		t.Errorf("the tag says %q, want %q", tag, want)
	}
	refs, err := ReadRefs(t.Context(), r, r.clock)
	if err != nil || refs.Default != "main" || refs.Branch("main") != head || !maps.Equal(refs.Tags(), map[string]string{"v1.2.3": head}) {
		t.Errorf("the remote says %+v, %v", refs, err)
	}
	var taken *Taken
	if _, err := PushTag(t.Context(), r, r.clock, "v1.2.3", p.commits[1]); !errors.As(err, &taken) || *taken != (Taken{"v1.2.3", head}) {
		t.Errorf("on another commit: %v", err)
	}
	// A tag that came after our look is refused by git, and stays.
	var e *Error
	if err := r.Tag(t.Context(), "v1.2.3", p.commits[1]); !errors.As(err, &e) || !strings.HasSuffix(e.What, "the tag is there already") || e.Temporary {
		t.Errorf("without a look: %v", err)
	}
	if got := p.in(p.remote, "for-each-ref", "--format=%(refname)"); got != "refs/heads/main\nrefs/tags/v1.2.3" {
		t.Errorf("the remote has %q", got)
	}
}

func TestRealNotes(t *testing.T) {
	p := newPlace(t)
	r := p.reached()
	const a, b = "refs/slipway/withdrawn/v1.3.0", "refs/slipway/withdrawn/v1.4.0"
	text := `{"why":"orders äre lost"}` + "\r\n"
	blob, err := WriteNotes(t.Context(), r, r.clock, text, map[string]string{a: "", b: ""})
	if err != nil || p.at(a) != blob || p.at(b) != blob {
		t.Fatalf("%s and %s after %v, want %s", p.at(a), p.at(b), err, blob)
	}
	if got, err := r.ReadNote(t.Context(), b); err != nil || got != text {
		t.Errorf("the note says %q, %v", got, err)
	}
	for name, c := range map[string]struct {
		refs map[string]string
		ok   bool
	}{
		"one of them is there":     {map[string]string{a: "", "refs/slipway/withdrawn/v1.5.0": ""}, false},
		"one is expected wrongly":  {map[string]string{a: blob, b: blobOf("x")}, false},
		"one is expected in vain":  {map[string]string{a: blob, "refs/slipway/withdrawn/v1.5.0": blob}, false},
		"both are as expected":     {map[string]string{a: blob, b: blob}, true},
		"the same text once again": {map[string]string{a: blobOf("x"), b: ""}, true},
	} {
		text := name
		if name == "the same text once again" {
			text = `{"why":"orders äre lost"}` + "\r\n"
		}
		t.Run(name, func(t *testing.T) {
			p.in(p.remote, "update-ref", a, blob)
			p.in(p.remote, "update-ref", b, blob)
			got, err := WriteNotes(t.Context(), r, r.clock, text, c.refs)
			if (err == nil) != c.ok || c.ok && (got != blobOf(text) || p.at(a) != got || p.at(b) != got) {
				t.Errorf("got %s, %v: %s and %s", got, err, p.at(a), p.at(b))
			}
			if !c.ok && (p.at(a) != blob || p.at(b) != blob || p.at("refs/slipway/withdrawn/v1.5.0") != "") {
				t.Errorf("a part of it was pushed: %s and %s", p.at(a), p.at(b))
			}
		})
	}
}

// TestRealLostAnswers: each writing request is carried out by the server, and its answer is lost.
func TestRealLostAnswers(t *testing.T) {
	p := newPlace(t)
	r := p.reached()
	pushes := 0
	p.git.answered = func(commands [][]string, err error) error {
		if push := commands[len(commands)-1][1] == "push"; push && err == nil {
			pushes++
			return printed("fatal: the remote end hung up unexpectedly")
		}
		return err
	}
	if pushed, err := PushTag(t.Context(), r, r.clock, "v1.2.3", p.commits[2]); err != nil || !pushed || pushes != 1 {
		t.Errorf("the tag: %t, %v after %d pushes", pushed, err, pushes)
	}
	if blob, err := WriteNotes(t.Context(), r, r.clock, "why", map[string]string{"refs/slipway/x": ""}); err != nil || blob != p.at("refs/slipway/x") || pushes != 2 {
		t.Errorf("the note: %s, %v after %d pushes", blob, err, pushes)
	}
	next := p.commit("main")
	if err := r.Push(t.Context(), map[string]string{"refs/heads/main": next}); err != nil || p.at("refs/heads/main") != next || pushes != 3 {
		t.Errorf("the branch: %v after %d pushes", err, pushes)
	}
	l := acquired(t, r, r.clock, "a")
	if err := l.Beat(t.Context()); err != nil || pushes != 5 {
		t.Errorf("the lock: %v after %d pushes", err, pushes)
	}
	if err := l.Release(t.Context()); err != nil || p.at(LockRef) != "" || pushes != 6 {
		t.Errorf("the lock given back: %v after %d pushes", err, pushes)
	}
}

func TestRealPush(t *testing.T) {
	p := newPlace(t)
	r := p.reached()
	head, next := p.commits[2], p.commit("main")
	both := map[string]string{"refs/heads/main": next, "refs/tags/v1.2.3": next}
	p.in(p.remote, "update-ref", "refs/tags/v1.2.3", head)
	var e *Error
	if err := r.Push(t.Context(), both); !errors.As(err, &e) || !strings.HasSuffix(e.What, "the tag is there already") || p.at("refs/heads/main") != head {
		t.Errorf("one of them is refused: %v, and main is at %s", err, p.at("refs/heads/main"))
	}
	p.in(p.remote, "update-ref", "-d", "refs/tags/v1.2.3")
	if err := r.Push(t.Context(), both); err != nil || p.at("refs/heads/main") != next || p.in(p.remote, "rev-parse", "v1.2.3^{commit}") != next {
		t.Errorf("both: %v", err)
	}
	if err := r.Push(t.Context(), both); err != nil {
		t.Errorf("once more: %v", err)
	}
	if p.in(p.remote, "cat-file", "-t", "refs/tags/v1.2.3") != "tag" {
		t.Error("the tag is not annotated")
	}
	// A branch that has moved is not moved back.
	p.in(p.source, "checkout", "--quiet", "-b", "other", head)
	other := p.commit("other")
	calls := p.git.calls
	if err := r.Push(t.Context(), map[string]string{"refs/heads/main": other}); !errors.As(err, &e) || !strings.Contains(e.What, "the branch has moved") || p.at("refs/heads/main") != next {
		t.Errorf("main, moved: %v", err)
	}
	if p.git.calls > calls+2 {
		t.Errorf("a refused push is tried again: %d calls", p.git.calls-calls)
	}
}

// TestRealPushAfterCommands: what makes the commits runs in the repository that pushes them, each time, on what the remote
// has then.
func TestRealPushAfterCommands(t *testing.T) {
	p := newPlace(t)
	r := p.reached()
	// A commit that is on the remote and not in the source.
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	p.in(p.remote, "clone", "--quiet", p.remote, elsewhere)
	p.in(elsewhere, "commit", "--quiet", "--allow-empty", "--message=elsewhere")
	p.in(elsewhere, "push", "--quiet", "origin", "main")
	base := p.at("refs/heads/main")
	commands := [][]string{
		r.FetchCommand("refs/heads/main"),
		{"sh", "-c", `git commit-tree -p refs/heads/main -m revert "refs/heads/main^{tree}" > made && git update-ref refs/heads/revert "$(cat made)" && cat made`},
	}
	out, err := p.git.Run(t.Context(), nil, ada.Env(), commands...)
	if err != nil {
		t.Fatal(err)
	}
	fails := 1
	p.git.answered = func(commands [][]string, err error) error {
		if fails > 0 {
			fails--
			return printed("The requested URL returned error: 503")
		}
		return err
	}
	want := map[string]string{"refs/heads/slipway/revert": strings.TrimSpace(out)}
	if err := r.Push(t.Context(), want, commands...); err != nil {
		t.Fatal(err)
	}
	if got := p.in(p.remote, "rev-parse", "slipway/revert", "slipway/revert^"); got != strings.TrimSpace(out)+"\n"+base {
		t.Errorf("pushed %s", got)
	}
}

// TestRealFetchIntoPartial: what the source names and does not hold is not taken for known, or the remote would send differences
// from it.
func TestRealFetchIntoPartial(t *testing.T) {
	p := newPlace(t)
	long := func(from int) {
		var text strings.Builder
		for n := range 5000 {
			fmt.Fprintln(&text, from+n)
		}
		if err := os.WriteFile(filepath.Join(p.source, "long"), []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		p.in(p.source, "add", "long")
	}
	long(1)
	p.commit("main")
	p.in(p.source, "branch", "side")
	p.in(p.source, "rm", "-q", "--force", "long")
	p.commit("main")
	p.in(p.source, "push", "--quiet", p.remote, "main")
	p.in(p.remote, "config", "uploadpack.allowFilter", "true")
	partial := filepath.Join(t.TempDir(), "clone")
	p.in(p.remote, "clone", "--quiet", "--single-branch", "--branch=main", "--filter=blob:none", "file://"+p.remote, partial)
	p.in(p.source, "checkout", "--quiet", "side")
	long(2)
	side := p.commit("side")
	p.in(p.source, "push", "--quiet", p.remote, "side")
	p.git.source = partial
	for incomplete, want := range map[bool]string{true: side, false: ""} {
		r := p.reached()
		r.Incomplete = incomplete
		got, _ := r.History(t.Context(), []string{"refs/heads/side"}, "--format=%H", "-1", side)
		if strings.TrimSpace(got) != want {
			t.Errorf("incomplete %t: fetched %q, want %q", incomplete, got, want)
		}
	}
}

// TestRealHistory: what the notes need is fetched, also into a clone that is cut off (C10).
func TestRealHistory(t *testing.T) {
	for name, left := range map[string]string{"a whole clone": "", "a shallow one": "--depth=1", "a partial one": "--filter=blob:none"} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.in(p.source, "checkout", "--quiet", "-b", "release/1.2", p.commits[1])
			side := p.commit("release/1.2")
			p.in(p.source, "tag", "--annotate", "--message=x", "v1.2.9", side)
			p.in(p.source, "push", "--quiet", p.remote, "release/1.2", "v1.2.9")
			p.source = filepath.Join(t.TempDir(), "clone")
			args := []string{"clone", "--quiet", "--no-tags", "--single-branch", "--branch=main", "file://" + p.remote, p.source}
			if left != "" {
				args = append(args, left)
			}
			p.in(p.remote, "config", "uploadpack.allowFilter", "true")
			p.in(p.remote, args...)
			p.git.source = p.source
			r := p.reached()
			r.Incomplete = left != ""
			head := p.commits[2]
			got, err := r.History(t.Context(), []string{"refs/heads/main", "refs/tags/v1.2.9"}, "--format=%H", head, "^refs/tags/v1.2.9")
			if err != nil || strings.TrimSpace(got) != head {
				t.Errorf("since the tag: %q, %v", got, err)
			}
			got, err = r.History(t.Context(), []string{"refs/heads/main"}, "--format=%H", head)
			if err != nil || got != strings.Join([]string{head, p.commits[1], p.commits[0]}, "\n")+"\n" {
				t.Errorf("from the root: %q, %v", got, err)
			}
			with, err := BranchesWith(t.Context(), r, r.clock, []string{"main", "release/1.2"}, p.commits[1])
			if err != nil || strings.Join(with, " ") != "main release/1.2" {
				t.Errorf("branches with the second commit: %q, %v", with, err)
			}
			with, err = BranchesWith(t.Context(), r, r.clock, []string{"main", "release/1.2"}, side)
			if err != nil || strings.Join(with, " ") != "release/1.2" {
				t.Errorf("branches with the commit beside: %q, %v", with, err)
			}
		})
	}
}
