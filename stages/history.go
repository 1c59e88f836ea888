package stages

import (
	"context"
	"slices"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/release"
)

// history reads the commits that are in a revision and not behind a tag; without a tag, all of them. Either may be a tag that
// was pushed from somewhere else: it need not be in the clone, and is fetched (C10).
func (r *Run) history(ctx context.Context, format string, after, to release.Tag) ([]byte, error) {
	args := []string{"-z", "--encoding=UTF-8", "--format=" + format, "--end-of-options", to.Commit}
	if after.Commit != "" {
		args = append(args, "^"+after.Commit)
	}
	missing := r.notHere(after, to)
	if len(missing) == 0 || r.access.remote == nil {
		return r.log(ctx, args)
	}
	if r.source.shallow {
		missing = append(missing, "refs/heads/"+r.found.refs.Default) // what lies before the commit is not here either
	}
	log, err := r.access.remote.History(ctx, missing, args...)
	return []byte(log), err
}

// notHere are those of the tags whose commit the clone does not know, as refs.
func (r *Run) notHere(tags ...release.Tag) (refs []string) {
	for _, tag := range tags {
		known := slices.ContainsFunc(r.source.tags, func(t release.Tag) bool { return t.Commit == tag.Commit })
		if tag.Name != "" && !known {
			refs = append(refs, "refs/tags/"+tag.Name)
		}
	}
	return refs
}

// head is the commit that is released, which no tag need name.
func (r *Run) head() release.Tag { return release.Tag{Commit: r.source.commit} }

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
	log, err := r.history(ctx, changelog.PriorFormat, release.Tag{}, tag)
	if err != nil {
		return nil, err
	}
	return changelog.ParsePrior(log)
}
