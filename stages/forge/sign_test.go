package forge

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"dagger/slipway/stages/labtest"
)

// signer is a stand-in with pull request 7 and issue 3, which has the label bug.
type signer struct {
	Forge
	api      *labtest.Proxy
	weaken   func() // the token may only read
	labels   func(number int) []string
	comments func(number int) []string
}

var signers = map[string]func(*testing.T) signer{"GitHub": githubSigner, "Gitea": giteaSigner, "GitLab": gitlabSigner}

// lose lets the answers to so many requests that write get lost.
func (s signer) lose(path string, times int) {
	for _, method := range []string{"POST", "PUT"} {
		s.api.Fault(labtest.Fault{Method: method, Path: path, Times: times, Lose: true})
	}
}

var (
	places    = []Place{{Pull: true, Number: 7}, {Number: 3}}
	byLabel   = Sign{Label: "released in 1.2.3"}
	byComment = Sign{Comment: "Released in 1.2.3.\n\n<!-- v1.2.3 -->", Mark: "<!-- v1.2.3 -->", Since: noon.Add(-24 * time.Hour)}
)

func (s signer) signAll(t *testing.T, at []Place, sign Sign) (Signed, error) {
	t.Helper()
	return SignAll(t.Context(), s.Forge, &bench{}, at, sign)
}

// wantSigned looks at what is there after any number of runs.
func (s signer) wantSigned(t *testing.T, sign Sign) {
	t.Helper()
	for _, at := range places {
		if n := len(slices.DeleteFunc(slices.Clone(s.labels(at.Number)), func(l string) bool { return l != byLabel.Label })); (n == 1) != (sign.Label != "") {
			t.Errorf("%s has the labels %q", at, s.labels(at.Number))
		}
		want := []string(nil)
		if sign.Comment != "" {
			want = []string{sign.Comment}
		}
		if got := s.comments(at.Number); !slices.Equal(got, want) {
			t.Errorf("%s has the comments %q", at, got)
		}
	}
	if len(s.labels(3)) == 1 && sign.Label != "" {
		t.Errorf("the label of the issue is gone: %q", s.labels(3))
	}
}

func TestSignAll(t *testing.T) {
	for forge, start := range signers {
		for kind, sign := range map[string]Sign{"label": byLabel, "comment": byComment} {
			for name, prepare := range map[string]func(signer){
				"": func(signer) {}, "lost answers": func(s signer) { s.lose("/(7|3)(/|$)", 2) },
				"a server that is busy": func(s signer) { s.api.Fault(labtest.Fault{Method: "POST", Status: 502, Times: 2}) },
			} {
				t.Run(strings.Join([]string{forge, kind, name}, "/"), func(t *testing.T) {
					s := start(t)
					prepare(s)
					done, err := s.signAll(t, places, sign)
					if err != nil || done != (Signed{Pulls: 1, Issues: 1}) {
						t.Fatalf("got %+v, %v", done, err)
					}
					s.wantSigned(t, sign)
					s.api.Reset()
					if done, err = s.signAll(t, places, sign); err != nil || done != (Signed{Pulls: 1, Issues: 1}) || len(s.api.Writes()) != 0 {
						t.Errorf("once more: %+v, %v, %d requests that write", done, err, len(s.api.Writes()))
					}
				})
			}
		}
	}
}

// TestSignAllStops: a token that may not is found out by three requests, and not by three hundred.
func TestSignAllStops(t *testing.T) {
	for forge, start := range signers {
		for kind, sign := range map[string]Sign{"label": byLabel, "comment": byComment} {
			t.Run(forge+"/"+kind, func(t *testing.T) {
				s := start(t)
				s.weaken()
				many := slices.Repeat(places, 10)
				done, err := s.signAll(t, many, sign)
				wantError(t, err, map[string]string{"GitHub": `"Issues: write"`, "Gitea": "the scope write:issue", "GitLab": "the scope api"}[forge])
				if done != (Signed{Left: len(many)}) || len(s.api.Writes()) > patience {
					t.Errorf("got %+v after %d requests that write", done, len(s.api.Writes()))
				}
			})
		}
	}
}

// answering is a forge on which nothing worked before, or something, and then each place gets the same answer.
type answering struct {
	Signer
	works  int // this many
	err    error
	places int
}

func (a *answering) AddComment(context.Context, Place, Sign) (bool, error) {
	if a.places++; a.places <= a.works {
		return true, nil
	}
	return false, a.err
}

// TestSignAllKnowsWhatIsOfOnePlace: three places that cannot be commented on say nothing about the fourth, and a token that
// is refused from the start, or a server that is down, says all.
func TestSignAllKnowsWhatIsOfOnePlace(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		works int
		stops bool
	}{
		"unprocessable":            {err: &answerError{status: 422}},
		"gone":                     {err: &answerError{status: 410}},
		"forbidden from the start": {err: &answerError{status: 403}, stops: true},
		"forbidden in one place":   {err: &answerError{status: 403}, works: 1},
		"the token has expired":    {err: &answerError{status: 401}, works: 1, stops: true},
		"too many requests":        {err: &answerError{status: 429}, works: 1, stops: true},
		"the server is down":       {err: &answerError{status: 503}, works: 1, stops: true},
		"no answer":                {err: context.DeadlineExceeded, works: 1, stops: true},
	} {
		a := &answering{err: c.err, works: c.works}
		done, err := SignAll(t.Context(), a, &bench{}, slices.Repeat(places, 5), byComment)
		want := 10
		if c.stops {
			want = c.works + patience
		}
		if err == nil || a.places != want || done.Left != 10-c.works {
			t.Errorf("%s: got %+v, %v after %d places, want %d", name, done, err, a.places, want)
		}
	}
}

// TestSignAllPasses: what is not there needs nothing, and what fails does not keep the others from it.
func TestSignAllPasses(t *testing.T) {
	for forge, start := range signers {
		t.Run(forge, func(t *testing.T) {
			s := start(t)
			s.api.Fault(labtest.Fault{Method: "POST", Path: "/(issues|merge_requests)/7/", Status: 403})
			clock := &bench{}
			done, err := SignAll(t.Context(), s.Forge, clock, append([]Place{{Number: 99}}, places...), byComment)
			if err == nil || done != (Signed{Issues: 2, Left: 1}) || len(s.comments(3)) != 1 || len(s.comments(7)) != 0 {
				t.Errorf("got %+v, %v", done, err)
			}
			if !reflect.DeepEqual(clock.waits, []time.Duration{between}) {
				t.Errorf("it waits %v between writes", clock.waits)
			}
		})
	}
}

// TestSignIsSeenOnALaterPage: a long thread hides nothing.
func TestSignIsSeenOnALaterPage(t *testing.T) {
	for forge, start := range signers {
		t.Run(forge, func(t *testing.T) {
			s := start(t)
			for range 130 {
				if _, err := s.AddComment(t.Context(), places[1], Sign{Comment: "so do I", Mark: "never there", Since: noon}); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 {
				if _, err := s.AddComment(t.Context(), places[1], byComment); err != nil {
					t.Fatal(err)
				}
			}
			if n := len(s.comments(3)); n != 131 {
				t.Errorf("%d comments", n)
			}
		})
	}
}
