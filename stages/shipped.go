package stages

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"strings"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/project"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/server"
)

// shipped is what of the commit goes to the server: the compose file with what it needs, and the database's scripts.
func (r *Run) shipped(ctx context.Context, env *server.Environment, commit string) (server.Release, error) {
	release := server.Release{Version: r.Version.String(), Commit: commit, By: r.who(), Reason: r.Reason}
	release.Tree = func(ctx context.Context, paths []string) ([]server.File, error) { return r.filesAt(ctx, commit, paths) }
	release.Registry = r.serverRegistry()
	env.Unsaved = r.config.BackupScript == project.Off
	var found bool
	var err error
	if release.Compose, found, err = r.fileAt(ctx, commit, env.ComposeFile); err != nil {
		return release, err
	}
	if !found {
		return release, refuseState("add and commit it, or correct the setting composeFile", "%s is not in commit %s", env.ComposeFile, commit[:7])
	}
	for _, s := range []struct {
		setting, name, standard string
		where                   *string
	}{
		{"backupScript", r.config.BackupScript, defaultBackupScript, &env.Backup},
		{"restoreScript", r.config.RestoreScript, defaultRestoreScript, &env.Restore},
	} {
		if s.name == project.Off {
			continue
		}
		file := orDefault(s.name, s.standard)
		text, found, err := r.fileAt(ctx, commit, file)
		switch {
		case err != nil:
			return release, err
		case found:
			*s.where = file
			release.Scripts = append(release.Scripts, server.Script{Path: file, Text: text})
		case file != s.standard:
			return release, refuseState("correct the setting", "setting %s: %s is not in commit %s", s.setting, file, commit[:7])
		}
	}
	return release, nil
}

// serverRegistry is how the server gets at the images: with the caller's own token, or what it is set up for.
func (r *Run) serverRegistry() server.Registry {
	host, _, _ := strings.Cut(r.config.Registry, "/")
	return server.Registry{Host: host, User: r.config.RegistryUser, Token: r.access.registryToken}
}

// fileAt reads a file of any commit of the source.
func (r *Run) fileAt(ctx context.Context, commit, file string) ([]byte, bool, error) {
	read := r.source.git.WithExec([]string{"git", "-c", "safe.directory=*", "cat-file", "blob", commit + ":" + file},
		dagger.ContainerWithExecOpts{Expect: dagger.ReturnTypeAny, RedirectStdout: "/tmp/file"})
	code, err := read.ExitCode(ctx)
	if err != nil {
		return nil, false, err
	}
	if code != 0 {
		said, err := read.Stderr(ctx)
		if partial := notePartial(&failure{output: said, ending: report.Broken}); partial.err != nil {
			return nil, false, partial
		}
		return nil, false, err
	}
	text, err := read.File("/tmp/file").Contents(ctx)
	return []byte(text), err == nil, err
}

// treeScript lists the files of a commit at the paths that it is given, and then writes them all. A link counts as the file
// that it leads to inside the repository.
const treeScript = `set -eu
git() { command git -c safe.directory='*' -c core.quotePath=false "$@"; }
commit=$(git rev-parse --verify --quiet --end-of-options "$1^{commit}")
shift
mkdir /out
git ls-tree -r --full-tree "$commit" -- "$@" > /out/list
cut -f 2- /out/list | sed "s/^/$commit:/" | git cat-file --batch --follow-symlinks > /out/batch
base64 /out/batch > /out/files`

// filesAt reads the files of any commit of the source at the paths or below them.
func (r *Run) filesAt(ctx context.Context, commit string, paths []string) ([]server.File, error) {
	read := r.source.git.WithExec(append([]string{"sh", "-c", treeScript, "sh", commit}, paths...)).Directory("/out")
	list, err := read.File("list").Contents(ctx)
	if err != nil {
		return nil, explain(err)
	}
	encoded, err := read.File("files").Contents(ctx)
	if err != nil {
		return nil, explain(err)
	}
	return parseTree(list, encoded)
}

// parseTree puts together what git ls-tree and git cat-file say.
func parseTree(list, encoded string) ([]server.File, error) {
	batch := bufio.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(encoded)))
	var files []server.File
	for line := range strings.Lines(list) {
		about, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		kind, content, err := parseObject(batch)
		if err != nil {
			return nil, fmt.Errorf("git's answer about the file %s is cut off: %w", name, err)
		}
		if kind == "blob" {
			files = append(files, server.File{Path: name, Text: content, Executable: strings.HasPrefix(about, "100755 ")})
		}
	}
	return files, nil
}
