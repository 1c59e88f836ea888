package gitremote

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dagger/slipway/stages/retry"
)

func TestPushTag(t *testing.T) {
	lost, away, no := fault{errAway, true}, fault{err: errAway}, fault{err: errNo}
	for name, c := range map[string]struct {
		at             string
		tag, refs      []fault
		pushed         bool
		wantErr, after string
		tries          int
	}{
		"free":                            {pushed: true, after: "c1", tries: 1},
		"there already":                   {at: "c1", after: "c1"},
		"on another commit":               {at: "c2", after: "c2", wantErr: "the tag v1.2.3 exists on the remote and names c2"},
		"the answer is lost":              {tag: []fault{lost}, pushed: true, after: "c1", tries: 1},
		"refused, and there all the same": {tag: []fault{{errNo, true}}, pushed: true, after: "c1", tries: 1},
		"away for a moment":               {tag: []fault{away, away}, pushed: true, after: "c1", tries: 3},
		"away for good":                   {tag: []fault{away, away, away, away, away, away, away}, wantErr: errAway.What, tries: retry.Tries},
		"refused":                         {tag: []fault{no}, wantErr: errNo.What, tries: 1},
		"refused, and not to be read": {tag: []fault{no}, refs: []fault{{}, no}, tries: 1,
			wantErr: "the server has said no; whether it arrived all the same could not be read: the server has said no"},
		"lost, and read when the remote is back": {tag: []fault{lost}, refs: []fault{{}, away, away}, pushed: true, after: "c1", tries: 1},
		"the refs cannot be read":                {refs: []fault{no}, wantErr: errNo.What},
	} {
		t.Run(name, func(t *testing.T) {
			s, clock := newServer(), newClock()
			if c.at != "" {
				s.refs["refs/tags/v1.2.3"] = c.at
			}
			s.faults["tag"], s.faults["refs"] = c.tag, c.refs
			pushed, err := PushTag(t.Context(), s, clock, "v1.2.3", "c1")
			if pushed != c.pushed || (err == nil) != (c.wantErr == "") || err != nil && err.Error() != c.wantErr {
				t.Errorf("pushed: %t, %v", pushed, err)
			}
			if s.refs["refs/tags/v1.2.3"] != c.after || s.count("tag") != c.tries {
				t.Errorf("the tag is at %q after %d tries", s.refs["refs/tags/v1.2.3"], s.count("tag"))
			}
		})
	}
}

// TestPushTagRace: somebody puts the tag elsewhere between our look and our push.
func TestPushTagRace(t *testing.T) {
	s := newServer()
	s.before = func(kind string) {
		if kind == "tag" {
			s.refs["refs/tags/v1.2.3"] = "c2"
		}
	}
	var taken *Taken
	if pushed, err := PushTag(t.Context(), s, newClock(), "v1.2.3", "c1"); pushed || !errors.As(err, &taken) || taken.Commit != "c2" {
		t.Errorf("pushed: %t, %v", pushed, err)
	}
}

func TestWriteNotes(t *testing.T) {
	const a, b = "refs/slipway/withdrawn/v1", "refs/slipway/withdrawn/v2"
	blob := blobOf("why")
	both := map[string]string{a: blob, b: blob}
	lost, away := fault{errAway, true}, fault{err: errAway}
	for name, c := range map[string]struct {
		there   map[string]string
		faults  []fault
		wantErr string
		after   map[string]string
		tries   int
	}{
		"free":                   {after: both, tries: 1},
		"the answer is lost":     {faults: []fault{lost}, after: both, tries: 1},
		"away for a moment":      {faults: []fault{away, away}, after: both, tries: 3},
		"one is somebody else's": {there: map[string]string{b: "x"}, after: map[string]string{b: "x"}, wantErr: "stale", tries: 1},
		"one is there, and the other is somebody else's":    {there: map[string]string{a: blob, b: "x"}, after: map[string]string{a: blob, b: "x"}, wantErr: "stale", tries: 1},
		"both are somebody else's":                          {there: map[string]string{a: "x", b: "x"}, after: map[string]string{a: "x", b: "x"}, wantErr: "stale", tries: 1},
		"the same text over itself, and the answer is lost": {there: both, faults: []fault{lost}, after: both, tries: 1},
		"refused by the server":                             {faults: []fault{{err: errNo}}, after: map[string]string{}, wantErr: errNo.What, tries: 1},
		"the server is away for good":                       {faults: []fault{away, away, away, away, away, away}, after: map[string]string{}, wantErr: errAway.What, tries: retry.Tries},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer()
			maps.Copy(s.refs, c.there)
			s.texts["x"] = "somebody else's"
			s.texts[blob] = "why"
			expected := map[string]string{a: "", b: ""}
			if c.there[b] == blob {
				expected = both
			}
			s.faults["note"] = c.faults
			got, err := WriteNotes(t.Context(), s, newClock(), "why", expected)
			if (err == nil) != (c.wantErr == "") || err != nil && err.Error() != c.wantErr || err == nil && got != blob {
				t.Errorf("got %q, %v", got, err)
			}
			if !maps.Equal(s.refs, c.after) || s.count("note") != c.tries {
				t.Errorf("the refs are %v after %d tries", s.refs, s.count("note"))
			}
		})
	}
}

// TestRepeat: what may pass is waited for longer each time, and not after the last try.
func TestRepeat(t *testing.T) {
	s, clock := newServer(), newClock()
	for range retry.Tries {
		s.faults["refs"] = append(s.faults["refs"], fault{err: errAway})
	}
	if _, err := ReadRefs(t.Context(), s, clock); !errors.Is(err, errAway) || s.count("refs") != retry.Tries || len(clock.slept) != retry.Tries-1 {
		t.Errorf("%v after %d tries and %d waits", err, s.count("refs"), len(clock.slept))
	}
	if first, last := clock.slept[0], clock.slept[len(clock.slept)-1]; last < 4*first {
		t.Errorf("waited %v", clock.slept)
	}
	s.faults["containing"] = []fault{{err: errAway}}
	if got, err := BranchesWith(t.Context(), s, clock, []string{"main", "x"}, "c1"); err != nil || strings.Join(got, " ") != "main" || s.count("containing") != 2 {
		t.Errorf("got %q, %v after %d tries", got, err, s.count("containing"))
	}
	if got, err := BranchesWith(t.Context(), s, clock, nil, "c1"); err != nil || got != nil || s.count("containing") != 2 {
		t.Errorf("of no branch: got %q, %v after %d tries", got, err, s.count("containing"))
	}
}

// TestRepeatEndsWithTheContext and says why, also when the context has ended within the try.
func TestRepeatEndsWithTheContext(t *testing.T) {
	for name, during := range map[string]bool{"between two tries": false, "within a try": true} {
		t.Run(name, func(t *testing.T) {
			s, clock := newServer(), newClock()
			s.faults["refs"] = []fault{{err: errAway}, {err: errAway}, {err: errAway}}
			ctx, cancel := context.WithCancelCause(t.Context())
			if during {
				s.before = func(string) { cancel(ErrLost) }
			} else {
				clock.passes = func(time.Time) { cancel(ErrLost) }
			}
			if _, err := ReadRefs(ctx, s, clock); !errors.Is(err, ErrLost) || s.count("refs") > 1 {
				t.Errorf("got %v after %d tries", err, s.count("refs"))
			}
		})
	}
}

// TestRequestsEnd: one that hangs has its minute, and is then repeated as if it had failed.
func TestRequestsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, tries := time.Now(), 0
		err := begin(t.Context(), nil, retry.Real).repeat(t.Context(), bounded(func(ctx context.Context) error {
			if tries++; tries == 1 {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}))
		if took := time.Since(began); err != nil || tries != 2 || took < time.Minute || took > time.Minute+time.Second {
			t.Errorf("%v after %d tries and %s", err, tries, took)
		}
	})
	if fresh+requestTime > stale {
		t.Errorf("a request may begin %s after the last write and take %s, and the lock is taken over after %s", fresh, requestTime, stale)
	}
}
