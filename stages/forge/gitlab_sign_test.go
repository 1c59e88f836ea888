package forge

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// signRoutes are those of single merge requests and issues, each with numbers of its own.
func (s *gitlabServer) signRoutes() map[string]http.HandlerFunc {
	const p = " /api/v4/projects/{project}"
	read, write := s.project(20, "read_api", "api"), s.project(30, "api")
	routes := map[string]http.HandlerFunc{}
	for path, list := range map[string]*[]object{"/merge_requests": &s.merges, "/issues": &s.issues} {
		found := func(handle func(http.ResponseWriter, *http.Request, object)) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				i := slices.IndexFunc(*list, func(o object) bool { return fmt.Sprint(o["iid"]) == r.PathValue("n") })
				if i < 0 {
					reply(w, 404, message("404 Not found"))
					return
				}
				handle(w, r, (*list)[i])
			}
		}
		routes["GET"+p+path+"/{n}"] = read(found(func(w http.ResponseWriter, _ *http.Request, o object) { reply(w, 200, o) }))
		routes["PUT"+p+path+"/{n}"] = write(found(s.addLabels))
		routes["GET"+p+path+"/{n}/notes"] = read(found(s.listNotes))
		routes["POST"+p+path+"/{n}/notes"] = write(found(s.createNote))
	}
	return routes
}

func (s *gitlabServer) addLabels(w http.ResponseWriter, r *http.Request, o object) {
	body, bad := s.fields(r, object{"add_labels": "", "remove_labels": "", "labels": "", "title": "", "description": "", "state_event": ""})
	if bad != "" || len(body) == 0 {
		reply(w, 400, object{"error": "at least one parameter must be provided"})
		return
	}
	labels := o["labels"].([]string)
	for name := range strings.SplitSeq(text(body, "add_labels"), ",") {
		if name = strings.TrimSpace(name); !slices.Contains(labels, name) {
			labels = append(labels, name)
		}
	}
	o["labels"] = labels
	reply(w, 200, o)
}

func (s *gitlabServer) listNotes(w http.ResponseWriter, r *http.Request, o object) {
	s.query(r, "sort", "order_by", "activity_filter")
	notes, _ := o["notes"].([]object)
	page(&s.server, w, r, append([]object{}, notes...), s.root()+r.URL.EscapedPath())
}

func (s *gitlabServer) createNote(w http.ResponseWriter, r *http.Request, o object) {
	body, bad := s.fields(r, object{"body": "", "confidential": true, "internal": true, "created_at": "", "merge_request_diff_head_sha": ""}, "body")
	if bad != "" {
		reply(w, 400, object{"error": bad})
		return
	}
	made := object{"id": s.next(), "body": body["body"], "system": false}
	notes, _ := o["notes"].([]object)
	o["notes"] = append(notes, made)
	reply(w, 201, made)
}

func gitlabSigner(t *testing.T) signer {
	s := newGitLab(t)
	s.merges = []object{gitlabMerge(7, "feat: x", ours, noon)}
	s.issues = []object{{"iid": 3, "labels": []string{"bug"}}}
	at := func(n int) object {
		all := slices.Concat(s.merges, s.issues)
		return all[slices.IndexFunc(all, func(o object) bool { return o["iid"] == n })]
	}
	return signer{
		Forge: s.Forge(), api: s.api,
		weaken: func() { s.scopes = []string{"read_api"} },
		labels: func(n int) []string { return at(n)["labels"].([]string) },
		comments: func(n int) (all []string) {
			notes, _ := at(n)["notes"].([]object)
			for _, c := range notes {
				all = append(all, text(c, "body"))
			}
			return all
		},
	}
}
