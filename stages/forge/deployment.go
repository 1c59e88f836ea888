package forge

import (
	"context"
	"fmt"
	"net/http"
)

// Recorder is a forge that lists deployments. Gitea does not.
type Recorder interface {
	// BeginDeployment lists one as under way.
	BeginDeployment(ctx context.Context, d Deployment) (Deployment, error)
	// EndDeployment says how it went.
	EndDeployment(ctx context.Context, d Deployment, healthy bool) error
}

var (
	_ Recorder = (*gitHub)(nil)
	_ Recorder = (*gitLab)(nil)
)

// Deployment is a version that is brought to a server.
type Deployment struct {
	Environment string
	Production  bool
	// Tag is the version's on the forge, or empty; then Branch is what the forge shows beside the commit.
	Tag, Branch, Commit string
	// Page is where the application answers, and Run what the CI shows; both may be empty.
	Page, Run string
	// About says in a few words what it is and who wants it.
	About string

	id int64
}

// longestAbout is what GitHub takes as a description.
const longestAbout = 140

func (d Deployment) about() string {
	runes := []rune(d.About)
	return string(runes[:min(len(runes), longestAbout)])
}

type numbered struct {
	ID int64 `json:"id"`
}

// BeginDeployment asks GitHub to merge nothing and to wait for no check: what is deployed was judged before.
func (g *gitHub) BeginDeployment(ctx context.Context, d Deployment) (Deployment, error) {
	ref := d.Tag
	if ref == "" {
		ref = d.Commit
	}
	var made numbered
	err := g.read(ctx, call{
		what: "list the deployment to " + d.Environment, right: toDeploy, method: http.MethodPost, url: g.base + "/deployments",
		json: map[string]any{
			"ref": ref, "environment": d.Environment, "description": d.about(), "auto_merge": false, "required_contexts": []string{},
			"production_environment": d.Production,
		},
	}, &made)
	d.id = made.ID
	if err != nil {
		return d, err
	}
	return d, g.deploymentStatus(ctx, d, "in_progress")
}

func (g *gitHub) EndDeployment(ctx context.Context, d Deployment, healthy bool) error {
	if healthy {
		return g.deploymentStatus(ctx, d, "success")
	}
	return g.deploymentStatus(ctx, d, "failure")
}

func (g *gitHub) deploymentStatus(ctx context.Context, d Deployment, state string) error {
	fields := map[string]any{"state": state, "description": d.about()}
	if d.Page != "" {
		fields["environment_url"] = d.Page
	}
	if d.Run != "" {
		fields["log_url"] = d.Run
	}
	_, err := g.send(ctx, call{
		what: "say how the deployment to " + d.Environment + " goes", right: toDeploy, method: http.MethodPost,
		url: fmt.Sprintf("%s/deployments/%d/statuses", g.base, d.id), json: fields,
	})
	return err
}

func (g *gitLab) BeginDeployment(ctx context.Context, d Deployment) (Deployment, error) {
	ref := d.Tag
	if ref == "" {
		ref = d.Branch
	}
	var made numbered
	err := g.read(ctx, call{
		what: "list the deployment to " + d.Environment, right: toDeploy, method: http.MethodPost, url: g.project() + "/deployments",
		json: map[string]any{"environment": d.Environment, "sha": d.Commit, "ref": ref, "tag": d.Tag != "", "status": "running"},
	}, &made)
	d.id = made.ID
	return d, err
}

func (g *gitLab) EndDeployment(ctx context.Context, d Deployment, healthy bool) error {
	status := "failed"
	if healthy {
		status = "success"
	}
	_, err := g.send(ctx, call{
		what: "say how the deployment to " + d.Environment + " went", right: toDeploy, method: http.MethodPut,
		url: fmt.Sprintf("%s/deployments/%d", g.project(), d.id), json: map[string]any{"status": status},
	})
	return err
}
