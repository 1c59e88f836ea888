package stages

import (
	"context"
	"slices"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/release"
)

// history reads the commits that are in a revision and not behind a tag; without a tag, all of them. A tag that was pushed
// from somewhere else need not be in the clone, and is fetched (C10).
func (r *Run) history(ctx context.Context, format string, after release.Tag, to string) ([]byte, error) {
	args := []string{"-z", "--encoding=UTF-8", "--format=" + format, "--end-of-options", to}
	if after.Commit != "" {
		args = append(args, "^"+after.Commit)
	}
	if here := after.Commit == "" || slices.ContainsFunc(r.source.tags, func(t release.Tag) bool { return t.Commit == after.Commit }); here || r.access.remote == nil {
		return r.log(ctx, args)
	}
	refs := []string{"refs/tags/" + after.Name}
	if r.source.shallow {
		refs = append(refs, "refs/heads/"+r.found.refs.Default) // what lies before the commit is not here either
	}
	log, err := r.access.remote.History(ctx, refs, args...)
	return []byte(log), err
}

func (r *Run) log(ctx context.Context, args []string) ([]byte, error) {
	git := append([]string{"git", "-c", "safe.directory=*", "log", "--no-show-signature"}, args...)
	// Through a file, because a long history does not fit into what the engine keeps of an exec's output.
	log, err := r.source.git.WithExec(git, dagger.ContainerWithExecOpts{RedirectStdout: "/tmp/log"}).File("/tmp/log").Contents(ctx)
	if err != nil {
		return nil, explain(err)
	}
	return []byte(log), nil
}

// authorsBefore are whoever has contributed to an earlier release; nil for the first, where everybody would be new.
func (r *Run) authorsBefore(ctx context.Context, tag release.Tag) ([]changelog.Person, error) {
	if tag.Name == "" {
		return nil, nil
	}
	log, err := r.history(ctx, changelog.PriorFormat, release.Tag{}, tag.Commit)
	if err != nil {
		return nil, err
	}
	return changelog.ParsePrior(log)
}
