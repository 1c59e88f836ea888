package gitremote

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dagger/slipway/stages/retry"
)

const (
	at     = " --end-of-options https://git.example/acme/shop "
	pushed = "git push --quiet --atomic --no-follow-tags"
)

// TestCommands: what git is asked, in one call each, and without the user information of the address.
func TestCommands(t *testing.T) {
	signed := map[string]string{
		"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com", "GIT_AUTHOR_DATE": "@1000 +0000",
		"GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.com", "GIT_COMMITTER_DATE": "@1000 +0000",
	}
	blob := blobOf("why")
	for name, c := range map[string]struct {
		do    func(r *Remote) (any, error)
		want  string
		files map[string]string
		env   map[string]string
	}{
		"refs": {do: func(r *Remote) (any, error) { return r.Refs(t.Context()) }, want: "git ls-remote --symref" + strings.TrimSuffix(at, " ")},
		"note": {
			do: func(r *Remote) (any, error) {
				return r.Note(t.Context(), "why", map[string]string{"refs/b": "", "refs/a": "1"})
			},
			want:  "git hash-object -w --no-filters -- slipway-note; " + pushed + " --force-with-lease=refs/a:1 --force-with-lease=refs/b:" + at + blob + ":refs/a " + blob + ":refs/b",
			files: map[string]string{"slipway-note": "why"},
		},
		"read note": {
			do:   func(r *Remote) (any, error) { return r.ReadNote(t.Context(), "refs/a") },
			want: "git fetch --quiet --no-tags" + at + "+refs/a:refs/slipway/read; git cat-file blob refs/slipway/read",
		},
		"remove": {do: func(r *Remote) (any, error) { return nil, r.Remove(t.Context(), "refs/a", "1") }, want: pushed + " --force-with-lease=refs/a:1" + at + ":refs/a"},
		"tag": {
			do:   func(r *Remote) (any, error) { return nil, r.Tag(t.Context(), "v1.2.3", "c1") },
			want: "git -c tag.gpgSign=false tag --annotate --message=Release v1.2.3 --end-of-options v1.2.3 c1; " + pushed + at + "refs/tags/v1.2.3:refs/tags/v1.2.3",
			env:  signed,
		},
		"containing": {
			do:   func(r *Remote) (any, error) { return r.Containing(t.Context(), []string{"main", "x"}, "c1") },
			want: "git fetch --quiet --no-tags" + at + "+refs/heads/main:refs/heads/main +refs/heads/x:refs/heads/x; git for-each-ref --contains=c1 --format=%(refname:strip=2) refs/heads/",
		},
		"push": {
			do: func(r *Remote) (any, error) {
				return nil, r.Push(t.Context(), map[string]string{"refs/tags/v1": "c1", "refs/heads/main": "c1"}, []string{"git", "fetch"}, []string{"sh", "-c", "x"})
			},
			want: "git fetch; sh -c x; git -c tag.gpgSign=false tag --annotate --message=Release v1 --end-of-options v1 c1; " + pushed + at + "c1:refs/heads/main refs/tags/v1:refs/tags/v1",
			env:  signed,
		},
		"history": {
			do: func(r *Remote) (any, error) {
				return r.History(t.Context(), []string{"refs/tags/v1"}, "-z", "c1", "^refs/tags/v1")
			},
			want: "git fetch --quiet --no-tags" + at + "+refs/tags/v1:refs/tags/v1; git log --no-show-signature -z c1 ^refs/tags/v1",
		},
		"history of what is here": {do: func(r *Remote) (any, error) { return r.History(t.Context(), nil, "c1") }, want: "git log --no-show-signature c1"},
		"an incomplete source": {
			do: func(r *Remote) (any, error) {
				r.Incomplete = true
				return r.History(t.Context(), []string{"refs/tags/v1"}, "c1")
			},
			want: "git -c core.alternateRefsCommand=: fetch --quiet --no-tags" + at + "+refs/tags/v1:refs/tags/v1; git log --no-show-signature c1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, exec, _ := remoteOf(t, answer{})
			if _, err := c.do(r); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(exec.ran, []string{c.want}) {
				t.Errorf("got  %s\nwant %s", strings.Join(exec.ran, "\n     "), c.want)
			}
			if !maps.Equal(exec.files[0], c.files) || !maps.Equal(exec.env[0], c.env) {
				t.Errorf("files %v, env %v", exec.files[0], exec.env[0])
			}
			for _, never := range []string{"--force", "--tags", "--follow-tags", "--mirror", "--all"} {
				if slices.Contains(strings.Fields(exec.ran[0]), never) {
					t.Errorf("it says %s", never)
				}
			}
		})
	}
}

func TestPush(t *testing.T) {
	const refused, away = printed(" ! [rejected] main -> main (fetch first)"), printed("The requested URL returned error: 503")
	there, before := answer{out: "c2\trefs/heads/main\n"}, answer{out: "c1\trefs/heads/main\n"}
	for name, c := range map[string]struct {
		answers []answer
		want    string
	}{
		"at once":                            {answers: []answer{{}}},
		"the answer is lost":                 {answers: []answer{{err: away}, there}},
		"away for a moment":                  {answers: []answer{{err: away}, before, {}}},
		"away, for its reading as well":      {answers: []answer{{err: away}, {err: away}, {err: away}, before, {}}},
		"refused":                            {answers: []answer{{err: refused}, before}, want: "the git remote https://git.example/acme/shop did not take the push: the branch has moved on the remote"},
		"refused, and there, by another try": {answers: []answer{{err: refused}, there}},
		"not a command's failure":            {answers: []answer{{err: errMasked}, before}, want: "the git remote https://git.example/acme/shop cannot be read: the engine is gone"},
		"away again and again": {answers: slices.Repeat([]answer{{err: away}, before}, retry.Tries),
			want: "the git remote https://git.example/acme/shop cannot be read: The requested URL returned error: 503"},
	} {
		t.Run(name, func(t *testing.T) {
			r, exec, _ := remoteOf(t, c.answers...)
			err := r.Push(t.Context(), map[string]string{"refs/heads/main": "c2"})
			if (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
				t.Errorf("got %v", err)
			}
			if len(exec.answers) > 0 || len(exec.ran) != len(c.answers) {
				t.Errorf("%d calls of %d", len(exec.ran), len(c.answers))
			}
		})
	}
}

// TestPushTakesItsTime: a push alone ends with its minute, one after commands does not.
func TestPushTakesItsTime(t *testing.T) {
	for name, c := range map[string]struct {
		before [][]string
		want   time.Duration
	}{
		"alone":          {nil, time.Minute},
		"after commands": {[][]string{{"git", "fetch"}}, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first := time.Duration(0)
				r := New(executor(func(ctx context.Context) error {
					began := time.Now()
					select {
					case <-ctx.Done():
					case <-time.After(time.Hour):
					}
					if first == 0 {
						first = time.Since(began)
					}
					return ctx.Err()
				}), "x", ada)
				r.clock = newClock()
				err := r.Push(t.Context(), map[string]string{"refs/heads/main": "c2"}, c.before...)
				if first != c.want || (err == nil) != (c.before != nil) {
					t.Errorf("it had %s: %v", first, err)
				}
			})
		})
	}
}

type executor func(context.Context) error

func (e executor) Run(ctx context.Context, _, _ map[string]string, _ ...[]string) (string, error) {
	return "", e(ctx)
}

// TestHistoryIsRepeated while what went wrong may pass.
func TestHistoryIsRepeated(t *testing.T) {
	r, exec, clock := remoteOf(t, answer{err: printed("early EOF")}, answer{out: "log"})
	if got, err := r.History(t.Context(), []string{"refs/tags/v1"}, "c1"); err != nil || got != "log" || len(exec.ran) != 2 || len(clock.slept) != 1 {
		t.Errorf("got %q, %v after %d calls", got, err, len(exec.ran))
	}
	r, exec, _ = remoteOf(t, answer{err: printed("fatal: bad object c1")})
	var e *Error
	if _, err := r.History(t.Context(), nil, "c1"); !errors.As(err, &e) || e.Output != "fatal: bad object c1" || len(exec.ran) != 1 {
		t.Errorf("got %v after %d calls", err, len(exec.ran))
	}
}
