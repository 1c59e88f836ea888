package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// shopHistory tells how the sample application came to be: what each commit added, changed and released.
//
//go:embed shop-history.json
var shopHistory []byte

type history struct {
	Authors map[string]string // short name -> Name <e-mail>
	Commits []historyCommit
}

type historyCommit struct {
	Subject, Author, Body string
	Add                   []string
	Edit                  [][3]string // file, before, after
	Version               string      // the version files say so from here on
	Tag                   string
}

// versionFiles are what a release commit of the sample application changes.
var versionFiles = []string{"backend/pyproject.toml", "frontend/package.json", "frontend/package-lock.json"}

// firstCommit is when the sample's history begins; its commits are a day apart, so that it is the same in every lab.
var firstCommit = time.Date(2026, 9, 1, 9, 0, 0, 0, time.UTC)

// makeShop writes the sample application as a git repository with its history and tags. The last commit is ready to be
// released and not tagged.
func (l *lab) makeShop(dir string) error {
	h, trees, err := l.shopTrees()
	if err != nil {
		return err
	}
	return h.replay(dir, trees)
}

func readHistory() (h history, err error) {
	return h, json.Unmarshal(shopHistory, &h)
}

// shopTrees reads the sample's history and finds the files of each commit.
func (l *lab) shopTrees() (history, []tree, error) {
	h, err := readHistory()
	if err != nil {
		return h, nil, err
	}
	final, err := readTree(filepath.Join(l.repo, "testdata", "shop"))
	if err != nil {
		return h, nil, err
	}
	trees, err := h.rewind(final)
	return h, trees, err
}

// replay commits the history into a new repository, as far as there are trees.
func (h history) replay(dir string, trees []tree) error {
	if err := git(dir, nil, "init", "-q", "-b", "main"); err != nil {
		return err
	}
	for n, files := range trees {
		commit := h.Commits[n]
		err := files.write(dir)
		if err == nil {
			err = h.record(dir, commit, firstCommit.AddDate(0, 0, n))
		}
		if err != nil {
			return fmt.Errorf("commit %q: %w", commit.Subject, err)
		}
	}
	return nil
}

// shop is makeShop as a command.
func (l *lab) shop(args []string) error {
	if len(args) != 1 {
		return errors.New("shop takes one folder")
	}
	return l.newShop(args[0])
}

// newShop is makeShop for a folder that is not there yet.
func (l *lab) newShop(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("shop writes into a new folder: %w", err)
	}
	return l.makeShop(dir)
}

type tree map[string][]byte

func readTree(root string) (tree, error) {
	files := tree{}
	return files, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		files[name], err = os.ReadFile(path)
		return err
	})
}

// rewind finds the files of every commit by undoing the commits one after the other, the last one first.
func (h history) rewind(files tree) ([]tree, error) {
	trees := make([]tree, len(h.Commits))
	for n := len(h.Commits) - 1; n >= 0; n-- {
		now := tree{}
		for name, text := range files {
			now[name] = text
		}
		trees[n] = now
		next := tree{}
		for name, text := range now {
			next[name] = text
		}
		if err := h.undo(n, next); err != nil {
			return nil, fmt.Errorf("undo %q: %w", h.Commits[n].Subject, err)
		}
		files = next
	}
	return trees, nil
}

func (h history) undo(n int, files tree) error {
	commit := h.Commits[n]
	for _, e := range commit.Edit {
		file, before, after := e[0], e[1], e[2]
		if strings.Count(string(files[file]), after) != 1 {
			return fmt.Errorf("%s does not hold %q once: the history no longer fits the application", file, after)
		}
		files[file] = bytes.Replace(files[file], []byte(after), []byte(before), 1)
	}
	for _, name := range commit.Add {
		if files[name] == nil {
			return fmt.Errorf("%s is not in the application: the history no longer fits it", name)
		}
		delete(files, name)
	}
	if commit.Version == "" {
		return nil
	}
	before := "0.0.0"
	for _, earlier := range h.Commits[:n] {
		if earlier.Version != "" {
			before = earlier.Version
		}
	}
	for _, name := range versionFiles {
		files[name] = bytes.ReplaceAll(files[name], []byte(`"`+commit.Version+`"`), []byte(`"`+before+`"`))
	}
	return nil
}

// write adds the files to a folder, or replaces them there.
func (t tree) write(dir string) error {
	for name, text := range t {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if strings.HasSuffix(name, ".sh") {
			mode = 0o755
		}
		if err := os.WriteFile(path, text, mode); err != nil {
			return err
		}
	}
	return nil
}

// person is the full name and the e-mail address of an author.
func (h history) person(author string) (name, email string) {
	name, email, _ = strings.Cut(strings.TrimSuffix(h.Authors[author], ">"), " <")
	return name, email
}

func (h history) identity(author string, when time.Time) []string {
	name, email := h.person(author)
	date := when.Format(time.RFC3339)
	return []string{
		"GIT_AUTHOR_NAME=" + name, "GIT_AUTHOR_EMAIL=" + email, "GIT_AUTHOR_DATE=" + date,
		"GIT_COMMITTER_NAME=" + name, "GIT_COMMITTER_EMAIL=" + email, "GIT_COMMITTER_DATE=" + date,
	}
}

// record commits what a folder holds, and tags it if the history says so.
func (h history) record(dir string, c historyCommit, when time.Time) error {
	env := h.identity(c.Author, when)
	message := c.Subject
	if c.Body != "" {
		message += "\n\n" + c.Body
	}
	if err := errors.Join(git(dir, env, "add", "-A"), git(dir, env, "commit", "-q", "--no-gpg-sign", "-m", message)); err != nil {
		return err
	}
	if c.Tag == "" {
		return nil
	}
	return git(dir, env, "tag", "-a", c.Tag, "-m", "Release "+c.Tag)
}

func gitCommand(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
	return cmd
}

func git(dir string, env []string, args ...string) error {
	cmd := gitCommand(dir, args...)
	cmd.Env = append(cmd.Env, env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}
