package forge

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// place is the pull request or issue with the number; a pull request is an issue as well.
func (s *githubServer) place(w http.ResponseWriter, r *http.Request) object {
	for _, p := range s.pulls {
		p["pull_request"] = object{"url": p["html_url"]}
	}
	return byNumber(w, r, slices.Concat(s.issues, s.pulls))
}

// maySign: one of the two rights is enough, each for its own.
func (s *githubServer) maySign(w http.ResponseWriter, r *http.Request) object {
	at := s.place(w, r)
	if at == nil {
		return nil
	}
	right := "issues"
	if slices.ContainsFunc(s.pulls, func(p object) bool { return p["number"] == at["number"] }) {
		right = "pull_requests"
	}
	if s.rights["issues"] != "write" && s.rights[right] != "write" {
		reply(w, 403, problem("Resource not accessible by personal access token"))
		return nil
	}
	return at
}

// addLabels makes the labels that it does not know, and leaves those that are there.
func (s *githubServer) addLabels(w http.ResponseWriter, r *http.Request) {
	at := s.maySign(w, r)
	if at == nil {
		return
	}
	body, bad := s.fields(r, object{"labels": []any{}})
	if bad != "" {
		reply(w, 422, problem(bad))
		return
	}
	labels, _ := at["labels"].([]any)
	for _, name := range body["labels"].([]any) {
		if len(name.(string)) > 50 {
			invalid(w, "Label", "name", "custom", "name is too long (maximum is 50 characters)")
			return
		}
		has := func(l any) bool { return strings.EqualFold(fmt.Sprint(l.(object)["name"]), name.(string)) }
		if !slices.ContainsFunc(labels, has) {
			labels = append(labels, object{"id": s.next(), "name": name, "color": "ededed"})
		}
	}
	at["labels"] = labels
	reply(w, 200, labels)
}

func (s *githubServer) listComments(w http.ResponseWriter, r *http.Request) {
	since, err := time.Parse(time.RFC3339, s.query(r, "since").Get("since"))
	if err != nil {
		s.unknown(r, "since %v", err)
	}
	if s.place(w, r) == nil {
		return
	}
	found := []object{}
	for _, c := range s.comments[r.PathValue("n")] {
		if !c["updated_at"].(time.Time).Before(since) {
			found = append(found, c)
		}
	}
	page(&s.server, w, r, found, s.self("/issues/"+r.PathValue("n")+"/comments"))
}

func (s *githubServer) createComment(w http.ResponseWriter, r *http.Request) {
	if s.maySign(w, r) == nil {
		return
	}
	body, bad := s.fields(r, object{"body": ""}, "body")
	if bad != "" {
		reply(w, 422, problem(bad))
		return
	}
	made := object{"id": s.next(), "body": body["body"], "updated_at": noon}
	s.comments[r.PathValue("n")] = append(s.comments[r.PathValue("n")], made)
	reply(w, 201, made)
}

func githubSigner(t *testing.T) signer {
	s := newGitHub(t)
	s.rights["issues"] = "write"
	s.pulls = []object{githubPull(7, "feat: x", ours, noon)}
	s.issues = []object{{"number": 3, "state": "closed", "labels": []any{object{"name": "bug"}}, "updated_at": noon}}
	return signer{
		Forge: s.Forge(), api: s.api,
		weaken: func() { s.rights["issues"], s.rights["pull_requests"] = "read", "read" },
		labels: func(n int) (all []string) {
			at := slices.Concat(s.pulls, s.issues)
			i := slices.IndexFunc(at, func(o object) bool { return o["number"] == n })
			for _, l := range at[i]["labels"].([]any) {
				all = append(all, fmt.Sprint(l.(object)["name"]))
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
