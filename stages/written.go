package stages

import (
	"context"
	"errors"
	"maps"
	"strings"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/release"
	"dagger/slipway/stages/written"
)

// written is what people wrote for the version of a tag. What is not released yet counts for the commit that is checked out.
func (r *Run) written(ctx context.Context, after, to release.Tag, tag string) (written.Text, error) {
	v, _ := r.config.tagPrefix.FromTag(tag)
	text, ok := written.Section(r.source.files, v)
	if ok || to.Commit != r.source.commit {
		return text, nil
	}
	folders, err := written.Folders(r.source.files)
	if err != nil {
		return written.Text{}, refuseUnreadable(err)
	}
	files, err := r.withFragments(ctx, folders, after)
	if err != nil {
		return written.Text{}, explain(err)
	}
	if text, err = written.Upcoming(files); err != nil {
		return written.Text{}, refuseUnreadable(err)
	}
	return text, nil
}

func refuseUnreadable(err error) error {
	return refuseState("correct the file, or remove it", "%w", err)
}

// withFragments are the files that Slipway reads, with the fragments in some folders that are new since a tag.
func (r *Run) withFragments(ctx context.Context, folders []string, after release.Tag) (written.Files, error) {
	files := maps.Clone(r.source.files)
	if len(folders) == 0 {
		return files, nil
	}
	args := append([]string{"sh", "-c", fragmentScript, "sh", r.source.id, after.Commit}, folders...)
	facts, err := r.source.packer.WithExec(args, dagger.ContainerWithExecOpts{RedirectStdout: "/tmp/fragments"}).File("/tmp/fragments").Contents(ctx)
	if err != nil {
		return nil, err
	}
	fragments, err := parseFragments(facts)
	maps.Copy(files, fragments)
	return files, err
}

// fragmentScript names the files in some folders of a tree, and those of them that lay there at an earlier commit already:
// no tool has consumed them, so they belong to no release. Then it prints them all.
const fragmentScript = gitScript + `
tree=$1
before=$2
shift 2
export GIT_LITERAL_PATHSPECS=1
files() {
	for folder; do git ls-tree --full-tree "$at" -- "$folder/"; done | sed -n 's/^100[0-9]* blob [0-9a-f]*	\([^"]\)/\1/p'
}
if git cat-file -e "$before^{commit}" 2>/dev/null; then at=$before; files "$@" | sed 's/^/old /'; fi
at=$tree
files "$@" > /out/fragment-names
sed 's/^/new /' /out/fragment-names
sed "s#^#$tree:#" /out/fragment-names | git cat-file --batch > /out/batch
echo "contents $(base64 < /out/batch | tr -d '\n')"
`

// parseFragments reads what fragmentScript prints.
func parseFragments(facts string) (map[string][]byte, error) {
	var names, old []string
	for line := range strings.Lines(facts) {
		switch key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " "); key {
		case "old":
			old = append(old, value)
		case "new":
			names = append(names, value)
		case "contents":
			files, err := parseBatch(value, names)
			for _, name := range old {
				delete(files, name)
			}
			return files, err
		}
	}
	return nil, errors.New("git's answer about the fragments is cut off")
}
