package forge

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// githubDeployment is one with the states that it went through.
type githubDeployment struct {
	ID       int
	Fields   object
	Statuses []object
}

func (s *githubServer) createDeployment(w http.ResponseWriter, r *http.Request) {
	known := object{
		"ref": "", "task": "", "auto_merge": true, "required_contexts": []any{}, "environment": "", "description": "",
		"transient_environment": true, "production_environment": true,
	}
	body, wrong := s.fields(r, known, "ref")
	description := []rune(text(body, "description"))
	switch contexts, given := body["required_contexts"].([]any); {
	case wrong != "":
		reply(w, 422, problem(wrong))
	case len(description) > 140:
		invalid(w, "Deployment", "description", "custom", "description is too long (maximum is 140 characters)")
	case s.tags[text(body, "ref")] == "" && text(body, "ref") != ours:
		reply(w, 422, problem("No ref found for: "+text(body, "ref")))
	case body["auto_merge"] != false:
		reply(w, 202, object{"message": "Auto-merged main into the ref on deployment."})
	case !given || len(contexts) > 0:
		reply(w, 409, problem("Conflict: Commit status checks failed for "+text(body, "ref")+"."))
	default:
		d := &githubDeployment{ID: s.next(), Fields: body}
		s.deployed = append(s.deployed, d)
		reply(w, 201, object{"id": d.ID, "sha": ours, "ref": body["ref"], "environment": body["environment"]})
	}
}

func (s *githubServer) createStatus(w http.ResponseWriter, r *http.Request) {
	known := object{
		"state": "", "target_url": "", "log_url": "", "description": "", "environment": "", "environment_url": "", "auto_inactive": true,
	}
	body, wrong := s.fields(r, known, "state")
	at := slices.IndexFunc(s.deployed, func(d *githubDeployment) bool { return strconv.Itoa(d.ID) == r.PathValue("id") })
	switch {
	case at < 0:
		reply(w, 404, problem("Not Found"))
	case wrong != "":
		reply(w, 422, problem(wrong))
	case !slices.Contains([]string{"error", "failure", "inactive", "in_progress", "queued", "pending", "success"}, text(body, "state")):
		invalid(w, "DeploymentStatus", "state", "custom", "state is not included in the list")
	default:
		s.deployed[at].Statuses = append(s.deployed[at].Statuses, body)
		reply(w, 201, object{"id": s.next(), "state": body["state"]})
	}
}

func (s *gitlabServer) createDeployment(w http.ResponseWriter, r *http.Request) {
	body, wrong := s.fields(r, object{"environment": "", "sha": "", "ref": "", "tag": true, "status": ""}, "environment", "sha", "ref", "status")
	switch _, given := body["tag"]; {
	case wrong != "" || !given:
		reply(w, 400, object{"error": wrong + " tag is missing"})
	case !slices.Contains([]string{"running", "success", "failed", "canceled"}, text(body, "status")):
		reply(w, 400, object{"error": "status does not have a valid value"})
	case text(body, "environment") == "locked":
		reply(w, 403, message("403 Forbidden"))
	default:
		body["id"] = s.next()
		s.deployed = append(s.deployed, body)
		reply(w, 201, body)
	}
}

func (s *gitlabServer) updateDeployment(w http.ResponseWriter, r *http.Request) {
	body, _ := s.fields(r, object{"status": ""}, "status")
	for _, d := range s.deployed {
		if fmt.Sprint(d["id"]) != r.PathValue("id") {
			continue
		}
		if d["status"] != "running" {
			reply(w, 400, message("Cannot transition status"))
			return
		}
		d["status"] = body["status"]
		reply(w, 200, d)
		return
	}
	reply(w, 404, message("404 Deployment Not Found"))
}

// toProduction is a deployment of a version that has a tag.
var toProduction = Deployment{
	Environment: "production", Production: true, Tag: "v1.2.3", Branch: "main", Commit: ours,
	Page: "https://www.example.com", Run: "https://ci.example/runs/7", About: "1.2.3 by ann",
}

func TestGitHubDeployment(t *testing.T) {
	s := newGitHub(t)
	s.tags["v1.2.3"] = ours
	f := s.Forge().(Recorder)
	for _, c := range []struct {
		name    string
		change  func(*Deployment)
		healthy bool
		ref     string
		states  []string
	}{
		{"healthy", func(*Deployment) {}, true, "v1.2.3", []string{"in_progress", "success"}},
		{"failed", func(*Deployment) {}, false, "v1.2.3", []string{"in_progress", "failure"}},
		{"without a tag", func(d *Deployment) { d.Tag = "" }, true, ours, []string{"in_progress", "success"}},
		{"much to say", func(d *Deployment) { d.About = strings.Repeat("ä", 200) }, true, "v1.2.3", []string{"in_progress", "success"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := toProduction
			c.change(&d)
			d, err := f.BeginDeployment(t.Context(), d)
			if err == nil {
				err = f.EndDeployment(t.Context(), d, c.healthy)
			}
			if err != nil {
				t.Fatal(err)
			}
			got := s.deployed[len(s.deployed)-1]
			var states []string
			for _, status := range got.Statuses {
				states = append(states, text(status, "state"))
				if text(status, "log_url") != d.Run || text(status, "environment_url") != d.Page {
					t.Errorf("the status leads to %v", status)
				}
			}
			if text(got.Fields, "ref") != c.ref || text(got.Fields, "environment") != "production" || got.Fields["production_environment"] != true || !reflect.DeepEqual(states, c.states) {
				t.Errorf("got %+v with the states %q, want %q", got.Fields, states, c.states)
			}
		})
	}
}

// TestGitHubDeploymentWithoutPages: an address that is not set is left out, because GitHub takes no empty one.
func TestGitHubDeploymentWithoutPages(t *testing.T) {
	s := newGitHub(t)
	d := toProduction
	d.Tag, d.Page, d.Run = "", "", ""
	if _, err := s.Forge().(Recorder).BeginDeployment(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	status := s.deployed[0].Statuses[0]
	for _, name := range []string{"environment_url", "log_url"} {
		if _, given := status[name]; given {
			t.Errorf("%s is sent: %v", name, status)
		}
	}
}

func TestDeploymentIsNotPermitted(t *testing.T) {
	hub, lab := newGitHub(t), newGitLab(t)
	hub.rights["deployments"] = "read"
	_, err := hub.Forge().(Recorder).BeginDeployment(t.Context(), toProduction)
	wantError(t, err, `forgeToken does not permit this; it needs the permission "Deployments: write"`)
	locked := toProduction
	locked.Environment = "locked"
	_, err = lab.Forge().(Recorder).BeginDeployment(t.Context(), locked)
	wantError(t, err, "or more where the environment is protected")
}

func TestGitLabDeployment(t *testing.T) {
	for _, c := range []struct {
		name, tag, status string
		healthy           bool
		ref               string
	}{
		{"healthy", "v1.2.3", "success", true, "v1.2.3"},
		{"failed", "v1.2.3", "failed", false, "v1.2.3"},
		{"without a tag", "", "success", true, "main"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newGitLab(t)
			f := s.Forge().(Recorder)
			d := toProduction
			d.Tag = c.tag
			d, err := f.BeginDeployment(t.Context(), d)
			if err != nil || s.deployed[0]["status"] != "running" {
				t.Fatalf("got %+v, %v", s.deployed, err)
			}
			if err := f.EndDeployment(t.Context(), d, c.healthy); err != nil {
				t.Fatal(err)
			}
			want := object{"id": 1, "environment": "production", "sha": ours, "ref": c.ref, "tag": c.tag != "", "status": c.status}
			if !reflect.DeepEqual(s.deployed, []object{want}) {
				t.Errorf("got %+v, want %+v", s.deployed, want)
			}
		})
	}
}

// TestGiteaListsNoDeployments: it has no such thing, so that nobody is told that it has.
func TestGiteaListsNoDeployments(t *testing.T) {
	if _, ok := New(Repository{Kind: Gitea, Web: "https://forge.example/acme/shop", API: "https://forge.example/api/v1"}, "").(Recorder); ok {
		t.Error("Gitea is taken for a forge that lists deployments")
	}
}
