package stages

import (
	"context"
	"errors"
	"slices"

	"dagger/slipway/stages/release"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/version"
)

// validate finds everything that can be known to fail before work begins, and writes nothing.
func (r *Run) validate(ctx context.Context) (Outcome, error) {
	if err := r.prepare(ctx); err != nil {
		return Outcome{}, err
	}
	if err := allOf(r.examine(ctx, r.checkRightToPush)...); err != nil {
		return Outcome{}, err
	}
	return passed(r.summary()...), nil
}

// foresee is what validate finds, for a run that writes nothing: what a real one would not accept is listed, who does not
// answer was not checked, and only what nobody could go on after is an error.
func (r *Run) foresee(ctx context.Context) (Outcome, error) {
	if err := r.prepare(ctx); err != nil {
		return Outcome{}, err
	}
	var wrong []error
	for _, err := range r.examine(ctx) {
		switch f := explain(err); {
		case f.dry == isListed:
			r.found.refused = append(r.found.refused, f.Error())
		case f.dry == isNotKnown:
			r.notCheckedf("%v", f)
		default:
			wrong = append(wrong, err)
		}
	}
	if err := allOf(wrong...); err != nil {
		return Outcome{}, err
	}
	return passed(r.summary()...), nil
}

// prepare reads the repository and finds whom to ask.
func (r *Run) prepare(ctx context.Context) error {
	if err := r.load(ctx); err != nil {
		return err
	}
	return r.connect(ctx)
}

// check is one thing that can be known to fail.
type check func(context.Context) error

// examine returns what each check has found, and decides what the release would do. More are questions that not every run
// may ask.
func (r *Run) examine(ctx context.Context, more ...check) []error {
	var found []error
	for _, check := range []check{
		r.checkClean, r.checkHistory, r.checkSides, r.checkDockerfiles, r.checkBuildArgs, r.checkHealthchecks, r.checkFetched, r.checkVersionFiles,
		r.checkRegistrySet, r.checkReceivers, r.checkSigner,
	} {
		if err := check(ctx); err != nil {
			found = append(found, err)
		}
	}
	return append(found, r.ask(ctx, more)...)
}

// ask puts all questions to the world at once.
func (r *Run) ask(ctx context.Context, more []check) []error {
	var observed release.Observed
	questions := append([]check{r.checkRightToRelease, r.checkSignerKnown}, more...)
	answers := make([]error, len(questions))
	work := []func(){func() { observed = release.Observe(ctx, r.world(), r.request()) }}
	for n, ask := range questions {
		work = append(work, func() { answers[n] = ask(ctx) })
	}
	release.Parallel(work...)
	r.found.refs = observed.Remote.Is.Refs
	r.noteNearMisses(observed)
	decided := r.decide(observed)
	// A server that runs a higher version is left alone, so nothing there is in the way.
	var staged error
	if at := r.access.staging; at != nil && r.found.plan.Newer == (version.Version{}) {
		staged = at.refusal
	}
	return slices.DeleteFunc(slices.Concat(decided, answers, []error{staged}), func(err error) bool { return err == nil })
}

// decide keeps the plan, and returns what stands in its way.
func (r *Run) decide(o release.Observed) (found []error) {
	var refused release.Refused
	var err error
	r.found.plan, err = release.Decide(o, r.request())
	for _, note := range r.found.plan.Notes {
		r.notCheckedf("%s", note)
	}
	if !errors.As(err, &refused) {
		return nil
	}
	for _, one := range refused {
		if one.Err != nil {
			found = append(found, unanswered(one.Who, one.Err))
		} else {
			found = append(found, refuse(one.Next, "%s", one.What))
		}
	}
	return found
}

func (r *Run) summary() []string {
	words := []string{"commit " + r.source.commit[:7]}
	if previous := r.found.plan.Previous; previous == (version.Version{}) {
		words = append(words, "first release")
	} else {
		words = append(words, "after "+previous.String())
	}
	words = append(words, r.signingWord())
	if len(r.found.preview.Edited) > 0 {
		words = append(words, "warning: changed on staging, and will be replaced there: "+report.Few(r.found.preview.Edited))
	}
	return words
}

// noteNearMisses names what looks like a version among git's tags and does not count as one.
func (r *Run) noteNearMisses(o release.Observed) {
	tags := map[string]string{}
	for _, t := range slices.Concat(r.source.tags, release.TagsOf(o.Remote.Is.Refs)) {
		tags[t.Name] = t.Commit
	}
	if near := r.config.tagPrefix.NearMisses(tags); len(near) > 0 {
		r.notCheckedf("tags that look like versions and do not count (%d): %s; the tag of a version is %s1.2.3, see the setting tagPrefix", len(near), report.Few(near), r.config.tagPrefix)
	}
}

var errNoRegistry = errors.New("images are to be released and no registry is set")

// checkRegistrySet keeps a release that publishes nothing from being green.
func (r *Run) checkRegistrySet(context.Context) error {
	if len(r.config.images) == 0 || r.config.Registry != "" {
		return nil
	}
	return &failure{
		err:     errNoRegistry,
		outcome: report.RefusedInput, ending: report.Failed, dry: isListed,
		next: "set one (--registry=ghcr.io/acme), or leave images out (--images=), or try it with --dry-run",
	}
}

// checkRightToPush finds a token that may only read before an hour of work, by uploads that are opened and given up. A dry
// run does not even do that.
func (r *Run) checkRightToPush(ctx context.Context) error {
	if r.access.registry == nil {
		return nil
	}
	return allOf(r.eachImage(func(i Image) error {
		unchecked, err := r.access.registry.CanPush(ctx, i.Name)
		if err != nil {
			return unanswered("the registry", err)
		}
		if unchecked != "" {
			r.notCheckedf("%s", unchecked)
		}
		return nil
	})...)
}

// checkRightToRelease finds a token that may not do the last step before the first one starts.
func (r *Run) checkRightToRelease(ctx context.Context) error {
	if !r.access.writable {
		return nil
	}
	unchecked, err := r.access.forge.CanRelease(ctx, r.tagName())
	if err != nil {
		return unanswered("the forge", err)
	}
	if unchecked != "" {
		r.notCheckedf("%s", unchecked)
	}
	return nil
}
