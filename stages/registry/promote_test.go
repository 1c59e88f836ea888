package registry

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote"

	"dagger/slipway/stages/labtest"
)

var images = []string{"backend", "frontend", "worker"}

// released is a bench where all images have the old tags and a new image without one.
type released struct {
	*bench
	old, new map[string]string // image to digest
}

func newReleased(t *testing.T, b *bench, oldTags ...string) released {
	t.Helper()
	r := released{b, map[string]string{}, map[string]string{}}
	for _, image := range images {
		r.old[image] = b.push(t, image, "0ld", append(oldTags, "1.2.0")...)
		r.new[image] = b.push(t, image, "c0ffee", "1.2.1")
	}
	return r
}

// moves lists the tags of each image together, which is not the order to move them in.
func (r released) moves(tags ...string) []Move {
	var all []Move
	for _, image := range images {
		for _, tag := range tags {
			all = append(all, Move{image, tag, r.new[image]})
		}
	}
	return all
}

// state describes the tag on all images as old, new, absent or other.
func (r released) state(t *testing.T, tag string) string {
	t.Helper()
	var all []string
	for _, image := range images {
		all = append(all, r.call(image, r.at(t, image, tag)))
	}
	return strings.Join(all, " ")
}

func (r released) call(image, digest string) string {
	switch digest {
	case r.old[image]:
		return "old"
	case r.new[image]:
		return "new"
	case "":
		return "absent"
	case Unknown:
		return "unknown"
	}
	return "other"
}

// report writes each result as image:tag old>new=final.
func (r released) report(all []Moved) string {
	var lines []string
	for _, m := range all {
		lines = append(lines, fmt.Sprintf("%s:%s %s>%s=%s", m.Image, m.Tag,
			r.call(m.Image, m.Old), r.call(m.Image, m.New), r.call(m.Image, m.Final)))
	}
	return strings.Join(lines, ", ")
}

func TestPromoteMovesTagByTag(t *testing.T) {
	eachRegistry(t, func(t *testing.T, b *bench) {
		r := newReleased(t, b, "1.2", "latest")
		got, err := Promote(t.Context(), r.client, r, r.moves("1.2", "1", "latest"))
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "report", r.report(got), "backend:1.2 old>new=new, frontend:1.2 old>new=new, worker:1.2 old>new=new, "+
			"backend:1 absent>new=new, frontend:1 absent>new=new, worker:1 absent>new=new, "+
			"backend:latest old>new=new, frontend:latest old>new=new, worker:latest old>new=new")
		wantEqual(t, "writes", r.writes(), "PUT backend:1.2, PUT frontend:1.2, PUT worker:1.2, "+
			"PUT backend:1, PUT frontend:1, PUT worker:1, PUT backend:latest, PUT frontend:latest, PUT worker:latest")
		for _, tag := range []string{"1.2", "1", "latest"} {
			wantEqual(t, tag, r.state(t, tag), "new new new")
		}
	})
}

func TestPromoteFinishesWhatIsHalfMoved(t *testing.T) {
	eachRegistry(t, func(t *testing.T, b *bench) {
		r := newReleased(t, b, "latest")
		if _, err := Tag(t.Context(), r.client, r, Move{"frontend", "latest", r.new["frontend"]}); err != nil {
			t.Fatal(err)
		}
		r.Reset()
		got, err := Promote(t.Context(), r.client, r, r.moves("latest"))
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "report", r.report(got),
			"backend:latest old>new=new, frontend:latest new>new=new, worker:latest old>new=new")
		wantEqual(t, "writes", r.writes(), "PUT backend:latest, PUT worker:latest")
	})
}

func TestPromoteLeavesAloneWhatItFoundMoved(t *testing.T) {
	b := inProcess(t)
	r := newReleased(t, b, "latest")
	if _, err := Tag(t.Context(), r.client, r, Move{"backend", "latest", r.new["backend"]}); err != nil {
		t.Fatal(err)
	}
	r.Reset()
	r.Fault(labtest.Fault{Method: "PUT", Path: `/worker/manifests/latest$`, Status: 403},
		labtest.Fault{Method: "GET", Path: `/backend/manifests/latest$`, Skip: 1, Status: 403})
	got, err := Promote(t.Context(), r.client, r, r.moves("latest"))
	wantError(t, err, "403", "no tag was left moved")
	wantEqual(t, "report", r.report(got),
		"backend:latest new>new=new, frontend:latest old>new=old, worker:latest old>new=old")
	wantEqual(t, "writes", r.writes(), "PUT frontend:latest, PUT worker:latest, PUT frontend:latest")
}

func TestPromotePutsBackInReverseOrder(t *testing.T) {
	eachRegistry(t, func(t *testing.T, b *bench) {
		r := newReleased(t, b, "1", "latest")
		r.Fault(labtest.Fault{Method: "PUT", Path: `/worker/manifests/latest$`, Status: 403, Body: denied})
		got, err := Promote(t.Context(), r.client, r, r.moves("1", "latest"))
		wantError(t, err, "/worker:latest: the registry answered 403", "; no tag was left moved")
		wantEqual(t, "report", r.report(got), "backend:1 old>new=old, frontend:1 old>new=old, worker:1 old>new=old, "+
			"backend:latest old>new=old, frontend:latest old>new=old, worker:latest old>new=old")
		wantEqual(t, "writes", r.writes(),
			"PUT backend:1, PUT frontend:1, PUT worker:1, PUT backend:latest, PUT frontend:latest, PUT worker:latest, "+
				"PUT frontend:latest, PUT backend:latest, PUT worker:1, PUT frontend:1, PUT backend:1")
		wantEqual(t, "1", r.state(t, "1"), "old old old")
		wantEqual(t, "latest", r.state(t, "latest"), "old old old")
	})
}

func TestPromotePutsBackAlsoWhatWasMovedWithoutAnAnswer(t *testing.T) {
	eachRegistry(t, func(t *testing.T, b *bench) {
		r := newReleased(t, b, "latest")
		r.Fault(labtest.Fault{Method: "PUT", Path: `/frontend/manifests/latest$`, Times: 6, Lose: true})
		got, err := Promote(t.Context(), r.client, r, r.moves("latest"))
		wantError(t, err, "/frontend:latest: ", "no tag was left moved")
		wantEqual(t, "report", r.report(got),
			"backend:latest old>new=old, frontend:latest old>new=old, worker:latest old>new=old")
		wantEqual(t, "latest", r.state(t, "latest"), "old old old")
	})
}

func TestPromoteRemovesTagsThatDidNotExist(t *testing.T) {
	eachRegistry(t, func(t *testing.T, b *bench) {
		r := newReleased(t, b)
		r.Fault(labtest.Fault{Method: "PUT", Path: `/worker/manifests/latest$`, Status: 403})
		got, err := Promote(t.Context(), r.client, r, r.moves("latest"))
		wantError(t, err, "no tag was left moved")
		wantEqual(t, "report", r.report(got),
			"backend:latest absent>new=absent, frontend:latest absent>new=absent, worker:latest absent>new=absent")
		wantEqual(t, "writes", r.writes(), "PUT backend:latest, PUT frontend:latest, PUT worker:latest, "+
			"DELETE frontend:latest, DELETE backend:latest")
		wantEqual(t, "latest", r.state(t, "latest"), "absent absent absent")
		wantEqual(t, "the version stays", r.state(t, "1.2.1"), "new new new")
	})
}

func TestPromoteReportsTagsThatCannotBeRemoved(t *testing.T) {
	b := inProcess(t)
	r := newReleased(t, b)
	r.Fault(labtest.Fault{Method: "PUT", Path: `/worker/manifests/latest$`, Status: 403},
		labtest.Fault{Method: "DELETE", Status: 405, Body: `{"errors":[{"code":"UNSUPPORTED"}]}`})
	got, err := Promote(t.Context(), r.client, r, r.moves("latest"))
	wantError(t, err, "/worker:latest: the registry answered 403",
		"/frontend:latest is not put back: it did not exist before, and removing ",
		"/frontend:latest: the registry answered 405",
		"/backend:latest is not put back")
	if strings.Contains(err.Error(), "no tag was left moved") {
		t.Errorf("the error hides what is left: %v", err)
	}
	wantEqual(t, "report", r.report(got),
		"backend:latest absent>new=new, frontend:latest absent>new=new, worker:latest absent>new=absent")
}

func TestPromoteReportsTagsThatStayAfterTheirRemoval(t *testing.T) {
	b := inProcess(t)
	r := newReleased(t, b)
	r.Fault(labtest.Fault{Method: "PUT", Path: `/frontend/manifests/latest$`, Status: 403},
		labtest.Fault{Method: "DELETE", Status: 202})
	got, err := Promote(t.Context(), r.client, r, r.moves("latest"))
	wantError(t, err, "/backend:latest is not put back: ", "read back it is "+r.new["backend"]+" and not absent")
	wantEqual(t, "report", r.report(got[:1]), "backend:latest absent>new=new")
}

func TestPromoteJudgesThePutBackByTheTag(t *testing.T) {
	b := inProcess(t)
	r := newReleased(t, b, "latest")
	r.Fault(labtest.Fault{Method: "PUT", Path: `/frontend/manifests/latest$`, Status: 403},
		labtest.Fault{Method: "PUT", Path: `/backend/manifests/latest$`, Skip: 1, Lose: true})
	got, err := Promote(t.Context(), r.client, r, r.moves("latest"))
	wantError(t, err, "no tag was left moved")
	wantEqual(t, "report", r.report(got[:1]), "backend:latest old>new=old")
}

func TestPromotePutsBackDespiteAStaleRead(t *testing.T) {
	b := inProcess(t)
	r := newReleased(t, b, "latest")
	old, err := remote.Get(r.ref(t, "backend:latest"))
	if err != nil {
		t.Fatal(err)
	}
	// The reads before and after the move are right, the one before the put-back is of yesterday.
	r.Fault(labtest.Fault{Method: "PUT", Path: `/frontend/manifests/latest$`, Status: 403},
		labtest.Fault{Method: "GET", Path: `/backend/manifests/latest$`, Skip: 2, Times: 1, Status: 200,
			Header: http.Header{"Content-Type": {string(old.MediaType)}}, Body: string(old.Manifest)})
	got, err := Promote(t.Context(), r.client, r, r.moves("latest"))
	wantError(t, err, "no tag was left moved")
	wantEqual(t, "report", r.report(got[:1]), "backend:latest old>new=old")
	wantEqual(t, "latest", r.state(t, "latest"), "old old old")
}

// A write that was accepted is undone by a write, even if all reads still say what was there before.
func TestPromotePutsBackWhatIsNotSeenYet(t *testing.T) {
	b := inProcess(t)
	r := newReleased(t, b, "latest")
	old, err := remote.Get(r.ref(t, "frontend:latest"))
	if err != nil {
		t.Fatal(err)
	}
	r.Fault(labtest.Fault{Method: "GET", Path: `/frontend/manifests/latest$`, Skip: 1, Times: 8, Status: 200,
		Header: http.Header{"Content-Type": {string(old.MediaType)}}, Body: string(old.Manifest)})
	got, err := Promote(t.Context(), r.client, r, r.moves("latest"))
	wantError(t, err, "no tag was left moved")
	wantEqual(t, "report", r.report(got[1:2]), "frontend:latest old>new=old")
	r.Heal()
	wantEqual(t, "latest", r.state(t, "latest"), "old old old")
}

// What was accepted, was never seen and cannot be undone may still be there: a read that says otherwise proves nothing.
func TestPromoteDoesNotTrustAStaleReadOfWhatItCannotUndo(t *testing.T) {
	b := inProcess(t)
	r := newReleased(t, b, "latest")
	old, err := remote.Get(r.ref(t, "frontend:latest"))
	if err != nil {
		t.Fatal(err)
	}
	r.Fault(labtest.Fault{Method: "PUT", Path: `/frontend/manifests/latest$`, Skip: 1, Status: 403},
		labtest.Fault{Method: "GET", Path: `/frontend/manifests/latest$`, Skip: 1, Status: 200,
			Header: http.Header{"Content-Type": {string(old.MediaType)}}, Body: string(old.Manifest)})
	got, err := Promote(t.Context(), r.client, r, r.moves("latest"))
	wantError(t, err, "frontend:latest is not put back")
	wantEqual(t, "report", r.report(got[1:2]), "frontend:latest old>new=unknown")
}

func TestPromoteReportsImageLostWithItsTag(t *testing.T) {
	b := inProcess(t)
	r := newReleased(t, b)
	// The first read of the digest is the one before the move.
	r.Fault(labtest.Fault{Method: "PUT", Path: `/frontend/manifests/latest$`, Status: 403},
		labtest.Fault{Method: "GET", Path: `/backend/manifests/sha256:`, Skip: 1, Status: 404, Body: manifestUnknown})
	got, err := Promote(t.Context(), r.client, r, r.moves("latest"))
	wantError(t, err, "/backend:latest is not put back: the registry removed ", "push the image again")
	wantEqual(t, "report", r.report(got[:1]), "backend:latest absent>new=absent")
}

func TestPromoteReportsFirstFailureAndFailedPutBack(t *testing.T) {
	b := inProcess(t)
	r := newReleased(t, b, "latest")
	r.Fault(labtest.Fault{Method: "PUT", Path: `/worker/manifests/latest$`, Status: 403},
		labtest.Fault{Method: "PUT", Path: `/backend/manifests/latest$`, Skip: 1, Status: 507})
	got, err := Promote(t.Context(), r.client, r, r.moves("latest"))
	wantError(t, err, "/worker:latest: the registry answered 403",
		"/backend:latest is not put back: setting ", "the registry answered 507")
	if first, last := strings.Index(err.Error(), "403"), strings.Index(err.Error(), "507"); first > last {
		t.Errorf("the first failure does not stand first: %v", err)
	}
	wantEqual(t, "report", r.report(got),
		"backend:latest old>new=new, frontend:latest old>new=old, worker:latest old>new=old")
}

func TestPromoteSaysUnknownWhenTheRegistryIsGone(t *testing.T) {
	b := inProcess(t)
	r := newReleased(t, b, "latest")
	r.Fault(labtest.Fault{Path: `/frontend/manifests/latest$`, Skip: 1, Status: 503},
		labtest.Fault{Path: `/backend/manifests/latest$`, Skip: 3, Reset: true})
	got, err := Promote(t.Context(), r.client, r, r.moves("latest"))
	wantError(t, err, "/frontend:latest is not put back", "/backend:latest is not put back")
	wantEqual(t, "report", r.report(got),
		"backend:latest old>new=unknown, frontend:latest old>new=unknown, worker:latest old>new=old")
}

func TestPromotePutsBackAfterTheContextHasEnded(t *testing.T) {
	eachRegistry(t, func(t *testing.T, b *bench) {
		r := newReleased(t, b, "latest")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r.Fault(labtest.Fault{Method: "PUT", Path: `/worker/manifests/latest$`, Hang: true})
		go func() {
			defer cancel()
			for t.Context().Err() == nil && !strings.Contains(r.writes(), "PUT worker:latest") {
				time.Sleep(time.Millisecond)
			}
		}()
		got, err := Promote(ctx, r.client, r, r.moves("latest"))
		wantError(t, err, "/worker:latest: context canceled", "no tag was left moved")
		wantEqual(t, "report", r.report(got),
			"backend:latest old>new=old, frontend:latest old>new=old, worker:latest old>new=old")
		wantEqual(t, "latest", r.state(t, "latest"), "old old old")
	})
}

func TestPromoteLeavesWhatAnotherWriterHasSet(t *testing.T) {
	b := inProcess(t)
	r := newReleased(t, b, "latest")
	other := newImage(t, "other")
	if err := remote.Write(r.ref(t, "backend:other"), other); err != nil {
		t.Fatal(err)
	}
	// While the frontend's tag fails, another run moves the backend's.
	meddler := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Method == http.MethodPut && strings.HasSuffix(q.URL.Path, "/frontend/manifests/latest") {
			if err := remote.Write(r.ref(t, "backend:latest"), other); err != nil {
				t.Error(err)
			}
			w.WriteHeader(http.StatusForbidden)
			return
		}
		http.Redirect(w, q, "http://"+r.Addr()+q.URL.Path, http.StatusTemporaryRedirect)
	}))
	t.Cleanup(meddler.Close)
	_, path, _ := strings.Cut(r.direct, "/")
	client := r.connect(t, meddler.Listener.Addr().String()+"/"+path, Auth{})
	got, err := Promote(t.Context(), client, r, r.moves("latest"))
	wantError(t, err, "/backend:latest is not put back: it points to sha256:", "another writer")
	wantEqual(t, "report", r.report(got),
		"backend:latest old>new=other, frontend:latest old>new=old, worker:latest old>new=old")
	wantEqual(t, "latest", r.state(t, "latest"), "other old old")
}

func TestPromoteWritesNothingWhen(t *testing.T) {
	tests := []struct {
		name    string
		fault   labtest.Fault
		change  func([]Move)
		message string
	}{
		{"a tag cannot be read", labtest.Fault{Path: `/worker/manifests/latest$`, Status: 403}, nil, "403"},
		{"an image cannot be read", labtest.Fault{Path: `/worker/manifests/sha256:`, Status: 503}, nil, "503"},
		{"an image is missing", labtest.Fault{Path: `/worker/manifests/sha256:`, Status: 404, Body: manifestUnknown}, nil,
			"is not in the registry"},
		{"a tag is to move twice", labtest.Fault{Path: "never"}, func(m []Move) { m[2].Image = m[0].Image },
			"the tag latest of backend is to be moved twice"},
		{"a tag is malformed", labtest.Fault{Path: "never"}, func(m []Move) { m[2].Tag = "a/b" }, "is not an image tag"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := inProcess(t)
			r := newReleased(t, b, "latest")
			r.Fault(test.fault)
			moves := r.moves("latest")
			if test.change != nil {
				test.change(moves)
			}
			got, err := Promote(t.Context(), r.client, r, moves)
			wantError(t, err, test.message)
			wantEqual(t, "results", len(got), 0)
			wantEqual(t, "writes", r.writes(), "")
		})
	}
}

func TestPromoteNothing(t *testing.T) {
	b := inProcess(t)
	if got, err := Promote(t.Context(), b.client, b, nil); len(got) != 0 || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
	wantEqual(t, "requests", len(b.Requests()), 0)
}

func TestTagByTag(t *testing.T) {
	in := []Move{{"b", "1.2", "x"}, {"b", "latest", "x"}, {"f", "latest", "y"}, {"f", "1.2", "y"}, {"w", "1", "z"}}
	want := []Move{{"b", "1.2", "x"}, {"f", "1.2", "y"}, {"b", "latest", "x"}, {"f", "latest", "y"}, {"w", "1", "z"}}
	got, err := tagByTag(in)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
}
