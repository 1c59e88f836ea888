package stages

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/project"
	"dagger/slipway/stages/release"
)

func explainGit(err error) error {
	exec := explainExec(err)
	next := ""
	switch {
	case strings.Contains(exec.output, "linked worktree"):
		return refuseState("run it in the main worktree, or in a clone", "the source is a linked git worktree, whose repository lies outside of it")
	case strings.Contains(exec.output, "not a git repository"):
		next = "run it in a git repository, or name one with --source"
		return refuseState(next, "the source is not a git repository")
	case strings.Contains(exec.output, "no commit"):
		return refuseState("commit something first", "the repository has no commit")
	}
	return exec
}

// parseSource reads the facts that readScript writes.
func parseSource(facts string, files []string) (s source, err error) {
	var read []string
	s.project, s.trees = project.Files{}, map[string]string{}
	pointers, contents := map[string]string{}, map[string]string{}
	for line := range strings.Lines(facts) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch key {
		case "commit":
			s.commit = value
		case "tree":
			s.id = value
		case "root":
			s.root = value
		case "time":
			seconds, e := strconv.ParseInt(value, 10, 64)
			err = errors.Join(err, e)
			s.time = time.Unix(seconds, 0).UTC()
		case "shallow":
			s.shallow = value == "true"
		case "partial":
			s.partial = value == "true"
		case "branch":
			s.branch = value
		case "remote":
			s.remote = gitremote.WithoutUser(value)
		case "tag":
			s.tags = append(s.tags, parseTag(value))
		case "merged":
			s.merged = append(s.merged, value)
		case "beside":
			s.merged = append(s.merged, namesAt(s.tags, value)...)
		case "dirty":
			s.dirty = append(s.dirty, strings.Join(strings.Fields(value), " "))
		case "read":
			read = append(read, value)
		case "look":
			s.project[value] = nil
		case "slow":
			s.slow = append(s.slow, value)
		case "contents":
			contents, e := parseBatch(value, read)
			err = errors.Join(err, e)
			maps.Copy(s.project, contents)
		case "pointer":
			path, oid, _ := strings.Cut(value, " oid sha256:")
			pointers[path] = oid
		case "content":
			sum, path, _ := strings.Cut(value, "  ")
			contents[path] = sum
		case "submodule":
			s.submodules = append(s.submodules, value)
		case "folder":
			tree, name, _ := strings.Cut(value, " ")
			s.trees[cmp.Or(name, wholeTree)] = tree
		case "configuration":
			s.configuration = value
		case "files":
			var e error
			s.files, e = parseBatch(value, files)
			err = errors.Join(err, e)
		default:
			err = errors.Join(err, fmt.Errorf("git printed a line that is not a fact: %q", line))
		}
	}
	s.settleLFS(pointers, contents)
	return s, err
}

// parseBatch reads the files that git cat-file --batch has found of some paths.
func parseBatch(text string, paths []string) (map[string][]byte, error) {
	batch, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	return parseFiles(bufio.NewReader(bytes.NewReader(batch)), paths)
}

// settleLFS tells content that Git LFS has fetched, which is no change, from pointers that still stand for it.
func (s *source) settleLFS(pointers, contents map[string]string) {
	for _, path := range sortedKeys(pointers) {
		change := slices.Index(s.dirty, "M "+path)
		switch {
		case contents[path] == "": // deleted
		case change < 0:
			s.pointers = append(s.pointers, path)
		case contents[path] == pointers[path]:
			s.dirty = slices.Delete(s.dirty, change, change+1)
		}
	}
}

// parseFiles reads what git cat-file --batch has found. A link counts as the file that it leads to inside the repository.
func parseFiles(batch *bufio.Reader, paths []string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, path := range paths {
		kind, content, err := parseObject(batch)
		if err != nil {
			return nil, fmt.Errorf("git's answer about the file %s is cut off: %w", path, err)
		}
		if kind == "blob" {
			files[path] = content
		}
	}
	return files, nil
}

// parseObject reads a line that ends with a size and then as many bytes, or a line that says there is no such thing.
func parseObject(batch *bufio.Reader) (kind string, content []byte, err error) {
	line, err := batch.ReadString('\n')
	if err != nil || strings.HasSuffix(line, " missing\n") {
		return "missing", nil, err
	}
	words := strings.Fields(line)
	if len(words) < 2 {
		return "", nil, io.ErrUnexpectedEOF
	}
	size, err := strconv.ParseUint(words[len(words)-1], 10, 31)
	if err != nil {
		return "", nil, err
	}
	content = make([]byte, size+uint64(len("\n")))
	if _, err := io.ReadFull(batch, content); err != nil {
		return "", nil, err
	}
	return words[len(words)-2], content[:size], nil
}

// namesAt are the names of the tags of a commit.
func namesAt(tags []release.Tag, commit string) (names []string) {
	for _, t := range tags {
		if t.Commit == commit {
			names = append(names, t.Name)
		}
	}
	return names
}

// parseTag takes the commit that the tag peels to: annotated and lightweight tags of one commit mean the same.
func parseTag(text string) release.Tag {
	fields := strings.Split(text, " ")
	tag := release.Tag{Name: fields[0]}
	for _, id := range fields[1:] {
		if id != "" {
			tag.Commit = id
		}
	}
	return tag
}
