package stages

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/release"
	"dagger/slipway/stages/server"
	"dagger/slipway/stages/version"
)

// listingTime bounds what a deployment waits for the forge's list of deployments.
const listingTime = 15 * time.Second

// listing is a deployment on the forge's own list of them. It never decides how the deployment ends.
type listing struct {
	recorder forge.Recorder // nil where the forge has no such list, or must not be written to
	next     func(version, commit string) forge.Deployment
	made     forge.Deployment
	begun    bool
	wrong    error
}

// listed is for a deployment to the environment. What it is told first is what is brought up.
func (r *Run) listed(ctx context.Context, e environment) *listing {
	l := new(listing)
	if !r.access.writable {
		return l
	}
	l.recorder, _ = r.access.forge.(forge.Recorder)
	run, err := r.runPage(ctx)
	if err != nil {
		run = "" // the message says so
	}
	l.next = func(v, commit string) forge.Deployment { return r.listedAs(e, v, commit, run) }
	return l
}

// listedAs is what the forge shows of the version.
func (r *Run) listedAs(e environment, v, commit, run string) forge.Deployment {
	d := forge.Deployment{
		Environment: e.name, Production: e.name == production, Branch: r.found.refs.Default, Commit: commit,
		Page: originOf(e.healthURL), Run: run, About: fmt.Sprintf("%s by %s", v, r.who()),
	}
	if parsed, err := version.Parse(v); err == nil {
		tag, _ := release.FindTag(r.config.tagPrefix, release.TagsOf(r.found.refs), parsed)
		d.Tag = tag.Name
	}
	return d
}

// originOf is where the application answers, by an address of it.
func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// begin is called when something is about to be changed.
func (l *listing) begin(ctx context.Context, v, commit string) {
	if l.recorder == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, listingTime)
	defer cancel()
	l.made, l.wrong = l.recorder.BeginDeployment(ctx, l.next(v, commit))
	l.begun = l.wrong == nil
}

// end says how it went, also when the caller's own time is over, and returns what the forge did not take.
func (l *listing) end(ctx context.Context, err error) (figures []string) {
	f, failed := asFailure(err)
	healthy := err == nil || failed && f.State == server.Unrecorded
	if l.begun {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), listingTime)
		defer cancel()
		l.wrong = l.recorder.EndDeployment(ctx, l.made, healthy)
	}
	if l.wrong != nil {
		return []string{"warning: the forge does not list the deployment as it is: " + l.wrong.Error()}
	}
	return nil
}
