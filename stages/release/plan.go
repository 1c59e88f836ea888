package release

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"dagger/slipway/stages/attest"
	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/registry"
	"dagger/slipway/stages/version"
)

// Plan is what a run does, in order. It is what `plan` and a dry run print, and what a release acts on.
type Plan struct {
	Request
	Previous   version.Version           // the release before; none if this is the first
	NotesAfter Tag                       // the notes start after it; none: at the beginning
	CommitTag  string                    // under which the images are pushed first
	Reused     map[string]registry.Image // pushed by an earlier run
	Floating   []version.Decision
	Page       *forge.Release  // the release on the forge, as far as it has got
	Pages      []forge.Release // all of them
	Standing   *forge.Release  // the draft that becomes it, if it has none
	Newer      version.Version // runs on staging and is higher, so that nothing is deployed there
	Notes      []string        // what was not checked, and what does not decide but is worth knowing
	Effects    []Effect
}

// Phase is a part of the release that one stage of the pipeline carries out.
type Phase int

// The phases, in the order in which they write.
const (
	PhaseImages  Phase = iota + 1 // all images under the tag of the commit, what is said of them, then under the version
	PhaseTagging                  // the git tag, the draft with its notes and files
	PhaseStaging                  // staging
	PhaseFinish                   // floating tags, and the release for everybody to see
)

// Effect is one thing that a release writes. It looks first, and writes only what is not there.
type Effect interface {
	fmt.Stringer
	// Phase says when.
	Phase() Phase
	// Done says that it was found done when the plan was made.
	Done() bool
	do(ctx context.Context, a *Act) ([]Deed, error)
}

// effects are all that the request asks for, in the order in which they are carried out.
func (d *decision) effects() []Effect {
	all := slices.Concat(d.imageEffects(), d.tagEffects(), d.stagingEffects(), d.finishEffects())
	return slices.DeleteFunc(all, func(e Effect) bool { return d.q.Until != 0 && e.Phase() > d.q.Until })
}

func (d *decision) imageEffects() []Effect {
	if len(d.q.Images) == 0 || !d.o.Registry.Read() {
		return nil
	}
	tagged, versioned := true, true
	for _, name := range d.q.Images {
		_, there := d.o.Registry.Is.Commit[name]
		_, released := d.o.Registry.Is.Version[name]
		tagged, versioned = tagged && there, versioned && released
	}
	effects := []Effect{commitTags{tag: d.plan.CommitTag, done: tagged}}
	if len(d.q.Attest) > 0 {
		effects = append(effects, attestations{kinds: d.q.Attest, done: versioned})
	}
	return append(effects, versionTags{tag: d.q.Version.String(), done: versioned})
}

func (d *decision) tagEffects() (effects []Effect) {
	if d.o.Remote.Read() {
		_, there := FindTag(d.q.Prefix, d.o.Remote.Is.tags(), d.q.Version)
		effects = append(effects, gitTag{done: there})
	}
	if d.o.Forge.Read() {
		effects = append(effects, draft{found: d.plan.Page, standing: d.plan.Standing}, files{done: d.plan.Page != nil && len(d.plan.missing()) == 0})
	}
	return effects
}

func (d *decision) stagingEffects() []Effect {
	if len(d.q.Images) == 0 || !d.o.Staging.Read() || d.plan.Newer != (version.Version{}) {
		return nil
	}
	return []Effect{rollout{runs: d.o.Staging.Is.Version}}
}

func (d *decision) finishEffects() (effects []Effect) {
	if tags := d.plan.moving(); len(tags) > 0 && len(d.q.Images) > 0 && d.o.Registry.Read() {
		effects = append(effects, floatingTags{tags: tags})
	}
	if d.o.Forge.Read() {
		effects = append(effects, publication{done: d.plan.Page != nil && !d.plan.Page.Draft})
	}
	return effects
}

// moving are the floating tags that belong to this version.
func (p Plan) moving() (tags []string) {
	for _, d := range p.Floating {
		if d.Moves {
			tags = append(tags, d.Tag)
		}
	}
	return tags
}

// Latest is the decision on the tag latest, which the forge's mark follows (P6).
func (p Plan) Latest() bool { return slices.Contains(p.moving(), "latest") }

// missing are the files that a finished release has and this one has not.
func (p Plan) missing() []string {
	return slices.DeleteFunc(slices.Clone(p.Assets), func(name string) bool {
		return slices.ContainsFunc(p.Page.Assets, func(a forge.Asset) bool { return a.Name == name })
	})
}

// Lines are the effects of a phase as a reader of a plan sees them.
func (p Plan) Lines(phase Phase) (lines []string) {
	for _, e := range p.Effects {
		switch {
		case e.Phase() != phase:
		case e.Done():
			lines = append(lines, e.String()+" (there already)")
		default:
			lines = append(lines, e.String())
		}
	}
	return lines
}

func (e commitTags) String() string   { return "push the images under " + e.tag }
func (e attestations) String() string { return "attach to them: " + attest.Names(e.kinds) }
func (e versionTags) String() string  { return "tag them " + e.tag }
func (e gitTag) String() string       { return "push the git tag" }
func (e draft) String() string {
	if e.standing != nil {
		return "write the notes into the standing draft, which becomes the release's"
	}
	return "write the notes into the release's draft"
}
func (e files) String() string { return "attach contents, report and checksums" }
func (e rollout) String() string {
	if e.runs == "" {
		return "deploy to staging, which runs no release yet"
	}
	return "deploy to staging, which runs " + e.runs
}
func (e floatingTags) String() string { return "move " + strings.Join(e.tags, ", ") }
func (e publication) String() string  { return "publish the release" }

// Phase implements Effect.
func (commitTags) Phase() Phase   { return PhaseImages }
func (attestations) Phase() Phase { return PhaseImages }
func (versionTags) Phase() Phase  { return PhaseImages }
func (gitTag) Phase() Phase       { return PhaseTagging }
func (draft) Phase() Phase        { return PhaseTagging }
func (files) Phase() Phase        { return PhaseTagging }
func (rollout) Phase() Phase      { return PhaseStaging }
func (floatingTags) Phase() Phase { return PhaseFinish }
func (publication) Phase() Phase  { return PhaseFinish }

// Done implements Effect. Where a server or a tag has to be asked to know, it is not done before it was.
func (e commitTags) Done() bool   { return e.done }
func (e attestations) Done() bool { return e.done }
func (e versionTags) Done() bool  { return e.done }
func (e gitTag) Done() bool       { return e.done }
func (e draft) Done() bool        { return e.found != nil && forge.HasNotes(e.found.Body) }
func (e files) Done() bool        { return e.done }
func (e rollout) Done() bool      { return false }
func (e floatingTags) Done() bool { return false }
func (e publication) Done() bool  { return e.done }
