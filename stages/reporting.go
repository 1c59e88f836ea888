package stages

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"dagger/slipway/stages/release"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/version"
)

func (o Outcome) line(number int, name string, start, seconds float64) report.Stage {
	return report.Stage{
		Number: number, Name: name, Ending: o.Ending, Reason: o.Reason, Start: start, Seconds: seconds,
		Figures: o.Figures, Findings: o.Findings, Output: o.Output, Next: o.Next,
		Coverage: o.Coverage, Vulnerabilities: o.Vulnerabilities, Environment: o.Environment,
	}
}

func (r *Run) notCheckedf(format string, args ...any) {
	r.found.mu.Lock()
	defer r.found.mu.Unlock()
	r.found.notChecked = append(r.found.notChecked, fmt.Sprintf(format, args...))
}

// report puts together what is known when the last part has ended.
func (r *Run) report(parts []*part) report.Report {
	f := r.found
	result := report.Report{
		Schema: report.Schema, Title: r.goal.title, Version: r.Version.String(), Commit: r.source.commit, Source: r.source.remote,
		DryRun: r.goal.dry, Forced: r.Reason, By: r.who(), Started: r.started.UTC(), Seconds: time.Since(r.started).Seconds(),
		WouldRefuse: f.refused, NotChecked: f.notChecked, CriticalPath: criticalPath(parts), Notes: r.noteText(), Before: f.before,
	}
	if previous := r.plan().Previous; previous != (version.Version{}) {
		result.Previous = previous.String()
	}
	result.Stages = r.stages(parts)
	result.Images, result.Tags = r.reportImages(), r.reportTags()
	result.Signed = r.signedBy(result.Images)
	result.Outcome = r.verdict(parts)
	result.Metrics = result.Measure()
	advised := func(s report.Stage) bool { return s.Ending.Red() && s.Next != "" }
	if !result.Outcome.Green() && !slices.ContainsFunc(result.Stages, advised) {
		result.Next = "mend what is named above, then run the same line again: what is done is not done twice"
	}
	return result
}

// plan is what decides: the one that was made under the lock, once there is one.
func (r *Run) plan() release.Plan {
	if r.found.act != nil {
		return r.found.act.Plan
	}
	return r.found.plan
}

// record is what was written so far.
func (r *Run) record() release.Record {
	if r.found.act != nil {
		return r.found.act.Record
	}
	if r.found.back != nil {
		return r.found.back.Record
	}
	return release.Record{}
}

// reportSoFar is the report that goes with the release, made before its last stages have ended.
func (r *Run) reportSoFar() report.Report {
	ended := slices.DeleteFunc(slices.Clone(r.found.parts), func(p *part) bool { return !p.ended() })
	return r.report(ended)
}

// stages merges the preparation of a stage into its line.
func (r *Run) stages(parts []*part) []report.Stage {
	prepared := map[string]*part{}
	var lines []report.Stage
	for _, p := range parts {
		if name, ok := strings.CutPrefix(p.name, preparing); ok {
			prepared[name] = p
			continue
		}
		o, seconds := p.outcome, p.end.Sub(p.start).Seconds()
		if before := prepared[p.name]; before != nil {
			seconds += before.end.Sub(before.start).Seconds()
			if before.outcome.Ending.Red() {
				o = before.outcome
			}
		}
		if o.Ending == report.NotRun {
			seconds = 0
		}
		line := o.line(len(lines)+1, p.name, p.start.Sub(r.started).Seconds(), seconds)
		if before := prepared[p.name]; before != nil {
			line.Prepared = report.Span{Start: before.start.Sub(r.started).Seconds(), Seconds: before.end.Sub(before.start).Seconds()}
		}
		lines = append(lines, line)
	}
	return lines
}

// verdict is the outcome of the whole run: what the first red stage says of itself, if it says more than that it is red.
func (r *Run) verdict(parts []*part) report.Outcome {
	var red []Outcome
	for _, p := range parts {
		if p.outcome.Ending.Red() {
			red = append(red, p.outcome)
		}
	}
	for _, o := range red {
		if o.Verdict != "" {
			return o.Verdict
		}
	}
	switch {
	case slices.ContainsFunc(red, func(o Outcome) bool { return o.Ending == report.Failed }):
		return report.GateFail
	case len(red) > 0:
		return report.GateError
	}
	return r.goal.green(r)
}

func (r *Run) reportImages() []report.Image {
	var images []report.Image
	for _, i := range r.config.images {
		b, ok := r.found.images[i.Name]
		if !ok {
			continue
		}
		image := report.Image{Name: i.Name, Digest: b.digest, Reused: b.reused, Seconds: b.seconds}
		if r.access.registry != nil {
			image.Repository, _ = r.access.registry.Repository(i.Name)
		}
		if at := r.found.act.Digest(i.Name); at != "" {
			image.Digest = at
		}
		for _, d := range r.record().Deeds {
			if tag, of := strings.CutPrefix(d.On, i.Name+":"); of && d.New == image.Digest {
				image.Tags = append(image.Tags, tag)
			}
		}
		images = append(images, image)
	}
	return images
}

func (r *Run) reportTags() []report.Tag {
	var tags []report.Tag
	for _, m := range r.record().Moved {
		tags = append(tags, report.Tag{Image: m.Image, Tag: m.Tag, Old: m.Old, New: m.New, Final: m.Final})
	}
	return tags
}
