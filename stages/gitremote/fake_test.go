package gitremote

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeClock stands still until somebody sleeps.
type fakeClock struct {
	mu    sync.Mutex
	now   time.Time
	slept []time.Duration
	// passes is called when time does.
	passes func(now time.Time)
}

func newClock() *fakeClock { return &fakeClock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) Sleep(ctx context.Context, d time.Duration) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.mu.Lock()
	c.now = c.now.Add(d)
	c.slept = append(c.slept, d)
	now, passes := c.now, c.passes
	c.mu.Unlock()
	if passes != nil {
		passes(now)
	}
	return ctx.Err()
}

func (c *fakeClock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// printed is how a command of git fails.
type printed string

func (p printed) Error() string  { return "git ended with exit code 128" }
func (p printed) Output() string { return string(p) }

var (
	errAway   = &Error{What: "the server is away", Temporary: true}
	errNo     = &Error{What: "the server has said no"}
	errMasked = errors.New("the engine is gone")
)

// fault is what goes wrong with one request: its error, and whether the server has done what it was asked all the same.
type fault struct {
	err  error
	done bool
}

// fakeServer is a remote in memory. Faults are used up one a request of that kind.
type fakeServer struct {
	mu     sync.Mutex
	refs   map[string]string
	texts  map[string]string
	faults map[string][]fault
	asked  []string
	// before is called before a request is carried out.
	before func(kind string)
}

func newServer() *fakeServer {
	return &fakeServer{refs: map[string]string{}, texts: map[string]string{}, faults: map[string][]fault{}}
}

func (s *fakeServer) ask(ctx context.Context, kind string, do func() error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if s.before != nil {
		s.before(kind)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, kind)
	var f fault
	if waiting := s.faults[kind]; len(waiting) > 0 {
		f, s.faults[kind] = waiting[0], waiting[1:]
	}
	if f.err == nil || f.done {
		if err := do(); err != nil {
			return err
		}
	}
	return f.err
}

func (s *fakeServer) Refs(ctx context.Context) (refs Refs, err error) {
	err = s.ask(ctx, "refs", func() error {
		refs = Refs{Default: "main", Of: maps.Clone(s.refs)}
		return nil
	})
	return refs, err
}

func (s *fakeServer) Note(ctx context.Context, text string, refs map[string]string) (blob string, err error) {
	err = s.ask(ctx, "note", func() error {
		for ref, expected := range refs {
			if s.refs[ref] != expected {
				return &Error{What: "stale"}
			}
		}
		blob = blobOf(text)
		s.texts[blob] = text
		for ref := range refs {
			s.refs[ref] = blob
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return blob, nil
}

func (s *fakeServer) ReadNote(ctx context.Context, ref string) (text string, err error) {
	err = s.ask(ctx, "read", func() error {
		var ok bool
		if text, ok = s.texts[s.refs[ref]]; !ok {
			return &Error{What: "no such ref"}
		}
		return nil
	})
	return text, err
}

func (s *fakeServer) Remove(ctx context.Context, ref, blob string) error {
	return s.ask(ctx, "remove", func() error {
		if s.refs[ref] != blob {
			return &Error{What: "stale"}
		}
		delete(s.refs, ref)
		return nil
	})
}

func (s *fakeServer) Tag(ctx context.Context, name, commit string) error {
	return s.ask(ctx, "tag", func() error {
		if s.refs[tagPrefix+name] != "" {
			return &Error{What: "already exists"}
		}
		s.refs[tagPrefix+name] = commit
		return nil
	})
}

func (s *fakeServer) Containing(ctx context.Context, branches []string, _ string) (with []string, err error) {
	err = s.ask(ctx, "containing", func() error { with = branches[:1]; return nil })
	return with, err
}

// count is how many requests of a kind there were.
func (s *fakeServer) count(kind string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.asked {
		if k == kind {
			n++
		}
	}
	return n
}

// script is an executor that answers from a table, one line a call: what the last command prints, or why it fails.
type script struct {
	t       *testing.T
	answers []answer
	ran     []string
	files   []map[string]string
	env     []map[string]string
}

type answer struct {
	out string
	err error
}

func (s *script) Run(_ context.Context, files, env map[string]string, commands ...[]string) (string, error) {
	var lines []string
	for _, c := range commands {
		lines = append(lines, strings.Join(c, " "))
	}
	s.ran, s.files, s.env = append(s.ran, strings.Join(lines, "; ")), append(s.files, files), append(s.env, env)
	if len(s.answers) == 0 {
		return "", fmt.Errorf("nothing is said about call %d: %s", len(s.ran), s.ran[len(s.ran)-1])
	}
	a := s.answers[0]
	s.answers = s.answers[1:]
	return a.out, a.err
}

// remoteOf answers from a table, and its clock is not waited for.
func remoteOf(t *testing.T, answers ...answer) (*Remote, *script, *fakeClock) {
	exec, clock := &script{t: t, answers: answers}, newClock()
	r := New(exec, "https://me:s3cret@git.example/acme/shop", Signature{"Ada", "ada@example.com", time.Unix(1000, 0)})
	r.clock = clock
	return r, exec, clock
}
