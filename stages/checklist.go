package stages

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"dagger/slipway/stages/report"
	"dagger/slipway/stages/server"
	"dagger/slipway/stages/written"
)

// checklist is the page of points to tick off before a release, run by a machine.
var checklist = slices.Concat(
	[]stage{
		{name: backendTests, run: (*Run).testBackend},
		{name: frontendTests, run: (*Run).testFrontend},
	},
	linters,
	[]stage{
		{name: dependencyCheck, run: (*Run).checkDependencies},
		{name: "Versions Agree", run: (*Run).tickVersions},
		// Two points look at the notes, which cost the forge many requests.
		{name: "Documentation", afterPrepare: []string{"Changelog"}, run: (*Run).tickDocumentation},
		{name: "Changelog", prepareAfter: []string{readSource.name}, prepare: (*Run).readUpcoming, run: (*Run).tickChangelog},
		{name: "Staging", run: (*Run).tickStaging},
		{name: "Team Notified", run: (*Run).tickNotified},
	},
)

// Checklist runs every point of the list and says what it rests on.
func (p Pipeline) Checklist(ctx context.Context, version string) (string, error) {
	r, err := NewRun(p.Dag, p.Settings, Options{Version: version}, goal{green: stagePassed})
	if err != nil {
		return "", plain(err)
	}
	r.goal.title = "Checklist for " + r.Version.String()
	return textOrError(r.beside(ctx, checklist), "")
}

// Lint runs the linters alone.
func (p Pipeline) Lint(ctx context.Context) (string, error) {
	r, err := newStageRun(p.Dag, p.Settings, goal{title: "Lint", green: stagePassed})
	if err != nil {
		return "", plain(err)
	}
	return textOrError(r.beside(ctx, linters), "")
}

// beside runs stages that need nothing but the source, all at once.
func (r *Run) beside(ctx context.Context, chosen []stage) report.Report {
	all := []stage{readSource}
	for _, s := range chosen {
		s.after = []string{readSource.name}
		all = append(all, s)
	}
	return r.runStages(ctx, all)
}

func later(reason string) Outcome { return Outcome{Ending: report.Later, Reason: reason} }

func (r *Run) tickVersions(ctx context.Context) (Outcome, error) {
	files, silent, err := r.versionFiles()
	if err != nil {
		return Outcome{}, err
	}
	if len(files) == 0 {
		return skipped("not applicable: " + silent), nil
	}
	if err := r.checkVersionFiles(ctx); err != nil {
		f := explain(err) // a point of the list, and no refusal of it
		return Outcome{Ending: f.ending, Reason: f.Error(), Next: f.next}, nil
	}
	return passed("all version files say " + r.Version.String()), nil
}

// readUpcoming makes the notes of what the release would bring.
func (r *Run) readUpcoming(ctx context.Context) error {
	r.found.plan.NotesAfter = r.tagBefore(r.Version.String())
	return r.makeNotes(ctx)
}

// tickChangelog insists on notes, and on a word about the version where people keep a changelog by hand.
func (r *Run) tickChangelog(context.Context) (Outcome, error) {
	notes, previous := r.found.notes, r.found.plan.NotesAfter.Name
	figure := entries(notes) + " since " + orDefault(previous, "the beginning")
	file, mentions := written.Mentioning(r.source.files, r.Version)
	switch {
	case notes.Written != "":
		figure += ", below what people wrote for it"
	case file != "" && !mentions:
		return Outcome{Ending: report.Failed, Reason: file + " does not mention " + r.Version.String(), Figures: []string{figure}, Next: "add a section for it, or remove the file: the release has its own notes"}, nil
	case mentions:
		figure += ", " + file + " mentions " + r.Version.String()
	}
	return passed(figure), nil
}

// tickDocumentation wants features to come with a change of what users read.
func (r *Run) tickDocumentation(ctx context.Context) (Outcome, error) {
	notes, previous := r.found.notes, r.found.plan.NotesAfter.Name
	features := 0
	for _, s := range notes.Sections {
		if s.Name == r.config.categories[0].Name {
			features = len(s.Entries)
		}
	}
	changed, err := r.changedFiles(ctx, previous)
	if err != nil {
		return Outcome{}, err
	}
	documents := slices.DeleteFunc(changed, func(file string) bool { return !isDocument(file) })
	switch {
	case len(documents) > 0:
		return passed(fmt.Sprintf("%d documents changed: %s", len(documents), report.Few(documents))), nil
	case features == 0:
		return passed("no features, so nothing to document"), nil
	}
	return Outcome{Ending: report.Failed, Reason: fmt.Sprintf("%d features and no change of a document (*.md, *.rst, docs/) since %s", features, orDefault(previous, "the beginning")), Next: "document them, and commit"}, nil
}

func isDocument(file string) bool {
	return slices.Contains([]string{".md", ".rst", ".adoc"}, path.Ext(file)) || strings.HasPrefix(file, "docs/")
}

// changedFiles are the files that differ between a tag and the commit; without a tag all of them.
func (r *Run) changedFiles(ctx context.Context, tag string) ([]string, error) {
	args := []string{"git", "-c", "safe.directory=*", "ls-tree", "-r", "-z", "--name-only", "HEAD"}
	if tag != "" {
		args = []string{"git", "-c", "safe.directory=*", "diff", "-z", "--name-only", "--end-of-options", "refs/tags/" + tag, "HEAD"}
	}
	out, err := r.source.git.WithExec(args).Stdout(ctx)
	if err != nil {
		return nil, explain(err)
	}
	return strings.FieldsFunc(out, func(c rune) bool { return c == 0 }), nil
}

// tickStaging asks the server, if there is one, whether this version runs there.
func (r *Run) tickStaging(ctx context.Context) (Outcome, error) {
	e, ok := r.config.environments[staging]
	if !ok {
		return skipped("not applicable: no staging server"), nil
	}
	env, err := r.server(ctx, e)
	if err != nil {
		return Outcome{}, err
	}
	status, err := server.Read(ctx, env)
	switch {
	case err != nil:
		return Outcome{}, err
	case !status.Deployed || status.Current.Version != r.Version.String():
		return later("staging runs " + orDefault(status.Current.Version, "nothing yet")), nil
	case len(status.Problems) > 0:
		return Outcome{Ending: report.Failed, Reason: "staging is not healthy: " + strings.Join(status.Problems, "; ")}, nil
	}
	return passed(r.Version.String() + " runs there and is healthy"), nil
}

// tickNotified looks at what the last release of this version on this engine has said.
func (r *Run) tickNotified(ctx context.Context) (Outcome, error) {
	receivers, err := r.receivers(ctx)
	if err != nil || len(receivers) == 0 {
		return skipped("not applicable: " + nobody), err
	}
	last, err := r.lastReport(ctx)
	if err != nil || last.Version != r.Version.String() || last.DryRun {
		return later("when it is released"), nil //nolint:nilerr // no report is no release yet
	}
	for _, s := range last.Stages {
		if s.Name == notifyTeam && s.Ending == report.Passed && wasTold(s.Figures) {
			return passed(s.Figures...), nil
		}
	}
	return later("the last release of it could not tell the team"), nil
}
