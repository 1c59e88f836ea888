package forge

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"dagger/slipway/stages/labtest"
)

// giteaServer behaves like Gitea's releases for acme/shop, and like Gitea it may publish a draft by itself.
type giteaServer struct {
	server
	*bench
	api      *labtest.Proxy
	issues   *giteaIssues
	releases []object
	pushed   []string          // tags: each has a row, its release's or its own
	files    map[string][]byte // by uuid
	id       int
	// showsAfter is how many requests after the draft was made the pushed tag is handled, never if 0.
	showsAfter int
}

func newGitea(t *testing.T) *giteaServer {
	s := &giteaServer{server: server{t: t}, bench: &bench{}, files: map[string][]byte{}}
	s.issues = &giteaIssues{giteaServer: s, on: map[string][]object{}, comments: map[string][]object{}}
	const p = " /api/v1/repos/acme/shop/releases"
	mux := http.NewServeMux()
	routes := map[string]http.HandlerFunc{
		"/":                                      func(w http.ResponseWriter, r *http.Request) { s.unknown(r, "no such endpoint"); http.NotFound(w, r) },
		"GET" + p:                                func(w http.ResponseWriter, r *http.Request) { reply(w, 200, s.releases) },
		"POST" + p:                               s.create,
		"GET" + p + "/{id}":                      s.release(func(w http.ResponseWriter, _ *http.Request, found object) { reply(w, 200, found) }),
		"PATCH" + p + "/{id}":                    s.release(s.update),
		"DELETE" + p + "/{id}":                   s.release(s.delete),
		"GET" + p + "/{id}/assets":               s.release(func(w http.ResponseWriter, _ *http.Request, found object) { reply(w, 200, found["assets"]) }),
		"POST" + p + "/{id}/assets":              s.release(s.attach),
		"DELETE" + p + "/{id}/assets/{asset}":    s.release(s.remove),
		"GET /api/v1/repos/acme/shop/tags/{tag}": func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, object{}) },
		"GET /attachments/{uuid}":                func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(s.files[r.PathValue("uuid")]) },
	}
	maps.Copy(routes, s.issues.routes())
	for pattern, handle := range routes {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			s.state.Lock()
			defer s.state.Unlock()
			handle(w, r)
			s.handleTag()
		})
	}
	ts := httptest.NewServer(mux)
	t.Cleanup(ts.Close)
	s.api = labtest.NewProxy(t, ts.URL)
	return s
}

func (s *giteaServer) Forge() Forge {
	at := "http://" + s.api.Addr()
	return s.forge(Repository{Kind: Gitea, Path: "acme/shop", Web: at + "/acme/shop", API: at + "/api/v1"}, canary)
}

// handleTag is what Gitea does in the background some time after a push: a release of that tag is made a published one.
func (s *giteaServer) handleTag() {
	if s.showsAfter == 0 || len(s.releases) == 0 {
		return
	}
	if s.showsAfter--; s.showsAfter == 0 {
		s.releases[0]["draft"] = false
	}
}

func (s *giteaServer) create(w http.ResponseWriter, r *http.Request) {
	body, bad := s.fields(r, object{"tag_name": "", "target_commitish": "", "name": "", "body": "", "draft": true, "prerelease": true}, "tag_name")
	if bad != "" || s.ofTag(body["tag_name"]) != nil {
		reply(w, 409, message("Release is has no Tag")) // as it says
		return
	}
	s.id++
	body["id"], body["assets"] = s.id, []object{}
	s.releases = append(s.releases, body)
	reply(w, 201, body)
}

func (s *giteaServer) release(handle func(http.ResponseWriter, *http.Request, object)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		i := slices.IndexFunc(s.releases, func(o object) bool { return fmt.Sprint(o["id"]) == r.PathValue("id") })
		if i < 0 {
			reply(w, 404, message("The target couldn't be found."))
			return
		}
		handle(w, r, s.releases[i])
	}
}

func (s *giteaServer) update(w http.ResponseWriter, r *http.Request, found object) {
	body, bad := s.fields(r, object{"tag_name": "", "target_commitish": "", "name": "", "body": "", "draft": true, "prerelease": true})
	if bad != "" {
		reply(w, 422, message(bad))
		return
	}
	tag := text(body, "tag_name")
	if tag != "" && tag != found["tag_name"] && (s.ofTag(tag) != nil || slices.Contains(s.pushed, tag)) {
		reply(w, 500, message("UNIQUE constraint failed: release.repo_id, release.tag_name"))
		return
	}
	for name, value := range body {
		if value != "" { // an empty text is left out
			found[name] = value
		}
	}
	reply(w, 200, found)
}

// ofTag is the release or draft of the tag, nil if there is none.
func (s *giteaServer) ofTag(tag any) object {
	i := slices.IndexFunc(s.releases, func(o object) bool { return o["tag_name"] == tag })
	if i < 0 {
		return nil
	}
	return s.releases[i]
}

// delete leaves the row of the tag, so that no other release can be moved to it.
func (s *giteaServer) delete(w http.ResponseWriter, _ *http.Request, found object) {
	s.pushed = append(s.pushed, fmt.Sprint(found["tag_name"]))
	s.releases = slices.DeleteFunc(s.releases, func(o object) bool { return o["id"] == found["id"] })
	w.WriteHeader(http.StatusNoContent)
}

func (s *giteaServer) attach(w http.ResponseWriter, r *http.Request, found object) {
	file, header, err := r.FormFile("attachment")
	if err != nil {
		reply(w, 400, message(err.Error()))
		return
	}
	data, _ := io.ReadAll(file)
	s.id++
	asset := object{"id": s.id, "name": header.Filename, "size": len(data), "uuid": fmt.Sprint("uuid-", s.id)}
	s.files[fmt.Sprint("uuid-", s.id)] = data
	found["assets"] = append(found["assets"].([]object), asset)
	reply(w, 201, asset)
}

func (s *giteaServer) remove(w http.ResponseWriter, r *http.Request, found object) {
	found["assets"] = slices.DeleteFunc(found["assets"].([]object), func(a object) bool { return fmt.Sprint(a["id"]) == r.PathValue("asset") })
	w.WriteHeader(http.StatusNoContent)
}

// A draft that Gitea publishes by itself is hidden again, whenever that is, and one that a person published is not.
func TestGiteaPublishesADraftByItself(t *testing.T) {
	tests := []struct {
		name       string
		prepare    func(*giteaServer)
		hidden     bool // after the draft was made
		writes     int  // to make it
		afterwards int  // further requests that write, to keep it hidden
	}{
		{"never", func(*giteaServer) {}, true, 1, 0},
		{"at once", func(s *giteaServer) { s.showsAfter = 1 }, true, 2, 0},
		{"at once, and the answer is lost", func(s *giteaServer) {
			s.showsAfter = 1
			s.api.Fault(labtest.Fault{Method: "POST", Times: 1, Lose: true})
		}, true, 2, 0},
		{"later", func(s *giteaServer) { s.showsAfter = 3 }, true, 1, 1},
		{"a person did, before", func(s *giteaServer) {
			s.releases = []object{{"id": 7, "tag_name": "v1.2.3", "draft": false, "body": "mine", "assets": []object{}}}
		}, false, 0, 0},
		{"a person made a draft, before", func(s *giteaServer) {
			s.releases = []object{{"id": 7, "tag_name": "v1.2.3", "draft": true, "body": "mine", "assets": []object{}}}
		}, true, 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newGitea(t)
			test.prepare(s)
			f := s.Forge()
			draft, err := f.CreateDraft(t.Context(), release)
			if err != nil || draft.Draft != test.hidden || s.releases[0]["draft"] != test.hidden || draft.Tag != "v1.2.3" {
				t.Fatalf("got %+v, %v; on the forge %v", draft, err, s.releases[0])
			}
			if n := len(s.api.Writes()); n != test.writes {
				t.Errorf("%d requests that write, want %d", n, test.writes)
			}
			if _, err := f.Assets(t.Context(), draft); err != nil { // meanwhile
				t.Fatal(err)
			}
			kept, err := KeepHidden(t.Context(), f, draft)
			if err != nil || kept.Draft != test.hidden || s.releases[0]["draft"] != test.hidden || kept.Body != draft.Body {
				t.Errorf("kept: got %+v, %v; on the forge %v", kept, err, s.releases[0])
			}
			if n := len(s.api.Writes()) - test.writes; n != test.afterwards {
				t.Errorf("%d requests that write to keep it hidden, want %d", n, test.afterwards)
			}
		})
	}
}

func TestKeepHiddenAsksOnlyWhereItMatters(t *testing.T) {
	g, l := newGitHub(t), newGitLab(t)
	for _, f := range []Forge{g.Forge(), l.Forge()} {
		if got, err := KeepHidden(t.Context(), f, Release{ID: 7, Tag: "v1.2.3", Draft: true}); err != nil || !got.Draft {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	if n := len(g.api.Requests()) + len(l.api.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
	s := newGitea(t)
	if _, err := KeepHidden(t.Context(), s.Forge(), Release{ID: 7, Tag: "v1.2.3", Draft: true}); err == nil {
		t.Error("a draft that is gone is not missed")
	}
}
