package forge

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"
)

// giteaIssues is the part of the server that pull requests and issues are on: both are issues, by their number.
type giteaIssues struct {
	*giteaServer
	labels   []object // of the repository
	on       map[string][]object
	comments map[string][]object
	weak     bool // the token has not the scope write:issue
}

func (s *giteaIssues) routes() map[string]http.HandlerFunc {
	const p = " /api/v1/repos/acme/shop"
	return map[string]http.HandlerFunc{
		"GET" + p + "/labels":               s.listLabels,
		"POST" + p + "/labels":              s.writes(s.makeLabel),
		"GET" + p + "/issues/{n}":           s.issue(s.get),
		"POST" + p + "/issues/{n}/labels":   s.writes(s.issue(s.addLabels)),
		"GET" + p + "/issues/{n}/comments":  s.issue(s.listComments),
		"POST" + p + "/issues/{n}/comments": s.writes(s.issue(s.comment)),
	}
}

func (s *giteaIssues) writes(handle http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.weak {
			reply(w, 403, message("token does not have at least one of required scope(s), required=[write:issue], token scope=read:issue"))
			return
		}
		handle(w, r)
	}
}

func (s *giteaIssues) issue(handle http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if _, ok := s.on[r.PathValue("n")]; !ok {
			reply(w, 404, message("The target couldn't be found."))
			return
		}
		handle(w, r)
	}
}

// listLabels has pages, and no link to the next one.
func (s *giteaIssues) listLabels(w http.ResponseWriter, r *http.Request) {
	q := s.query(r, "limit", "sort")
	n, limit := 1, 30
	for name, value := range map[string]*int{"page": &n, "limit": &limit} {
		if q.Has(name) {
			*value, _ = strconv.Atoi(q.Get(name))
		}
	}
	limit = min(limit, 50)
	from := min((n-1)*limit, len(s.labels))
	w.Header().Set("X-Total-Count", strconv.Itoa(len(s.labels)))
	reply(w, 200, s.labels[from:min(from+limit, len(s.labels))])
}

// makeLabel makes a second one of the same name without a word.
func (s *giteaIssues) makeLabel(w http.ResponseWriter, r *http.Request) {
	body, bad := s.fields(r, object{"name": "", "color": "", "description": "", "exclusive": true, "is_archived": true}, "name", "color")
	if bad != "" || len(text(body, "name")) > 50 {
		reply(w, 422, message("[Name]: Required"))
		return
	}
	s.id++
	made := object{"id": s.id, "name": body["name"], "color": body["color"]}
	s.labels = append(s.labels, made)
	reply(w, 201, made)
}

func (s *giteaIssues) get(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(r.PathValue("n"))
	reply(w, 200, object{"number": n, "labels": append([]object{}, s.on[r.PathValue("n")]...)})
}

// addLabels takes numbers, and says nothing of those that it does not know.
func (s *giteaIssues) addLabels(w http.ResponseWriter, r *http.Request) {
	body, bad := s.fields(r, object{"labels": []any{}})
	if bad != "" {
		reply(w, 422, message(bad))
		return
	}
	n := r.PathValue("n")
	for _, id := range body["labels"].([]any) {
		if _, isNumber := id.(float64); !isNumber {
			s.unknown(r, "a label %v: older versions take numbers only", id)
		}
		i := slices.IndexFunc(s.labels, func(l object) bool { return fmt.Sprint(l["id"]) == fmt.Sprint(id) })
		if i >= 0 && !slices.ContainsFunc(s.on[n], func(l object) bool { return l["id"] == s.labels[i]["id"] }) {
			s.on[n] = append(s.on[n], s.labels[i])
		}
	}
	reply(w, 200, s.on[n])
}

// listComments has no pages.
func (s *giteaIssues) listComments(w http.ResponseWriter, r *http.Request) {
	since, err := time.Parse(time.RFC3339, s.query(r, "since", "before", "limit").Get("since"))
	if err != nil {
		reply(w, 422, message(err.Error()))
		return
	}
	found := []object{}
	for _, c := range s.comments[r.PathValue("n")] {
		if !c["updated_at"].(time.Time).Before(since) {
			found = append(found, c)
		}
	}
	reply(w, 200, found)
}

func (s *giteaIssues) comment(w http.ResponseWriter, r *http.Request) {
	body, bad := s.fields(r, object{"body": ""}, "body")
	if bad != "" {
		reply(w, 422, message(bad))
		return
	}
	s.id++
	made := object{"id": s.id, "body": body["body"], "updated_at": noon}
	s.comments[r.PathValue("n")] = append(s.comments[r.PathValue("n")], made)
	reply(w, 201, made)
}

func giteaSigner(t *testing.T) signer {
	g := newGitea(t)
	s := g.issues
	for n := range 60 { // more than a page
		s.labels = append(s.labels, object{"id": 1000 + n, "name": fmt.Sprint("label ", n)})
	}
	s.on["7"], s.on["3"] = []object{}, []object{s.labels[0]}
	return signer{
		Forge: g.Forge(), api: g.api,
		weaken: func() { s.weak = true },
		labels: func(n int) (all []string) {
			for _, l := range s.on[fmt.Sprint(n)] {
				all = append(all, text(l, "name"))
			}
			return all
		},
		comments: func(n int) (all []string) {
			for _, c := range s.comments[fmt.Sprint(n)] {
				all = append(all, text(c, "body"))
			}
			return all
		},
	}
}

// TestGiteaLabelIsMadeOnce: its answer may be lost, and a second label of the same name would be another.
func TestGiteaLabelIsMadeOnce(t *testing.T) {
	s := giteaSigner(t)
	s.lose("/labels$", 1)
	one, err := s.MakeLabel(t.Context(), "released in 1.2.3")
	if err != nil || one.id == 0 {
		t.Fatalf("got %+v, %v", one, err)
	}
	if two, err := s.MakeLabel(t.Context(), "released in 1.2.3"); err != nil || two != one || len(s.api.Writes()) != 1 {
		t.Errorf("got %+v, %v after %d requests that write", two, err, len(s.api.Writes()))
	}
}
