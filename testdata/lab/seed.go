package main

import (
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// forgeHistory tells what happened to the sample application on the forge after its last release.
//
//go:embed forge-history.json
var forgeHistory []byte

type story struct {
	Base   string // the tag of the shop's history that it goes on from
	Labels []struct {
		Name  string `json:"name"` // Gitea tells names apart by their case
		Color string `json:"color"`
	}
	Issues []struct {
		Title, Author, Body string
		Labels              []string
	}
	Pulls []pull
}

// A pull is a pull request, or without a way to merge it a push straight to main.
type pull struct {
	Title, Author, Body, Branch, Merge string

	Labels  []string
	Commits []storyCommit
}

type storyCommit struct {
	historyCommit

	Like   string            // subject of the commit in the shop's history that has the same files
	Write  map[string]string // new files
	Revert bool              // undoes the commit before it
}

// maintainer merges the pull requests.
const maintainer = "ada"

// seeding is one repository in the making.
type seeding struct {
	forge   forge
	story   story
	history history
	trees   []tree
	repo    string // OWNER/NAME
	work    string // a working copy
	labels  map[string]int64
}

// seedCommand is seed as a command.
func (l *lab) seedCommand(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return errors.New("seed takes the name of a new repository and a new folder for its clone")
	}
	return l.seed(ctx, args[0], args[1])
}

// seed makes a repository on Gitea with the sample application's history and pull requests that Gitea has merged, and
// clones it. One that fails leaves neither.
func (l *lab) seed(ctx context.Context, name, dir string) (err error) {
	s, err := l.newSeeding(name)
	if err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("seed clones into a new folder: %w", err)
	}
	defer func() {
		if err != nil {
			os.RemoveAll(dir)
		}
	}()
	if s.work, err = os.MkdirTemp("", "slipway-seed-"); err != nil {
		return err
	}
	defer os.RemoveAll(s.work)
	if err := s.create(ctx); err != nil {
		return err
	}
	if err := s.fill(ctx); err != nil {
		return errors.Join(err, s.forge.call(context.WithoutCancel(ctx), http.MethodDelete, s.path(), nil, nil))
	}
	progressf("%s/%s is ready", giteaURL, s.repo)
	return git("", nil, "clone", "-q", s.url(), dir)
}

func (l *lab) newSeeding(name string) (*seeding, error) {
	s := &seeding{forge: l.forge(), repo: giteaAdmin + "/" + name, labels: map[string]int64{}}
	if s.forge.token == "" {
		return nil, errors.New("the lab has no forge yet: run up first")
	}
	return s, s.read(l)
}

func (s *seeding) read(l *lab) (err error) {
	if err := json.Unmarshal(forgeHistory, &s.story); err != nil {
		return err
	}
	s.history, s.trees, err = l.shopTrees()
	return err
}

func (s *seeding) path(elem ...string) string {
	return "/repos/" + strings.Join(append([]string{s.repo}, elem...), "/")
}

func (s *seeding) url() string { return s.forge.url + "/" + s.repo + ".git" }

func (s *seeding) create(ctx context.Context) error {
	_, name, _ := strings.Cut(s.repo, "/")
	err := s.forge.call(ctx, http.MethodPost, "/user/repos", map[string]any{"name": name, "default_branch": "main"}, nil)
	if hasStatus(err, http.StatusConflict) {
		return fmt.Errorf("%s/%s is there already: seed makes a new repository, choose another name", giteaURL, s.repo)
	}
	return err
}

func (s *seeding) fill(ctx context.Context) error {
	for user := range s.history.Authors {
		if err := s.forge.call(ctx, http.MethodPut, s.path("collaborators", user), map[string]any{"permission": "write"}, nil); err != nil {
			return err
		}
	}
	if err := s.pushBase(); err != nil {
		return err
	}
	if err := s.openIssues(ctx); err != nil {
		return err
	}
	for _, p := range s.story.Pulls {
		if err := s.contribute(ctx, p); err != nil {
			return fmt.Errorf("%q: %w", p.Title, err)
		}
	}
	return nil
}

// pushBase pushes what was released before the story begins.
func (s *seeding) pushBase() error {
	if err := s.replayBase(); err != nil {
		return err
	}
	return errors.Join(s.git("remote", "add", "origin", s.url()), s.git("push", "-q", "--follow-tags", "origin", "main"))
}

func (s *seeding) replayBase() error {
	for n, commit := range s.history.Commits {
		if commit.Tag == s.story.Base {
			return s.history.replay(s.work, s.trees[:n+1])
		}
	}
	return fmt.Errorf("no commit of the shop's history is tagged %s", s.story.Base)
}

// git runs as the lab's administrator; the token is neither in an address nor on a command line.
func (s *seeding) git(args ...string) error {
	login := base64.StdEncoding.EncodeToString([]byte(giteaAdmin + ":" + s.forge.token))
	return git(s.work, []string{
		"GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=http.extraHeader", "GIT_CONFIG_VALUE_0=Authorization: Basic " + login,
	}, args...)
}

// openIssues comes before any pull request: the numbers of both are one row, and the story names them.
func (s *seeding) openIssues(ctx context.Context) error {
	for _, label := range s.story.Labels {
		var made struct{ ID int64 }
		if err := s.forge.call(ctx, http.MethodPost, s.path("labels"), label, &made); err != nil {
			return err
		}
		s.labels[label.Name] = made.ID
	}
	for _, issue := range s.story.Issues {
		value := map[string]any{"title": issue.Title, "body": issue.Body, "labels": s.ids(issue.Labels)}
		if err := s.forge.as(issue.Author).call(ctx, http.MethodPost, s.path("issues"), value, nil); err != nil {
			return err
		}
	}
	return nil
}

func (s *seeding) ids(labels []string) []int64 {
	ids := []int64{}
	for _, name := range labels {
		ids = append(ids, s.labels[name])
	}
	return ids
}

// contribute does what a contributor does: commits on a branch, a pull request, and its merge by the maintainer.
func (s *seeding) contribute(ctx context.Context, p pull) error {
	if p.Merge == "" {
		return errors.Join(s.commit(p.Commits), s.git("push", "-q", "origin", "main"))
	}
	if err := s.git("switch", "-q", "-c", p.Branch); err != nil {
		return err
	}
	if err := s.commit(p.Commits); err != nil {
		return err
	}
	if err := s.git("push", "-q", "origin", p.Branch); err != nil {
		return err
	}
	// A forge writes OWNER/NAME#NUMBER into the text of a pull request that reverts another.
	p.Body = strings.ReplaceAll(p.Body, "{repository}", s.repo)
	number, err := s.open(ctx, p)
	if err != nil {
		return err
	}
	if err := s.merge(ctx, number, p); err != nil {
		return err
	}
	progressf("#%d %s: merged by %s", number, p.Title, p.Merge)
	return errors.Join(s.git("switch", "-q", "main"), s.git("pull", "-q", "--ff-only", "origin", "main"))
}

func (s *seeding) open(ctx context.Context, p pull) (number int, err error) {
	value := map[string]any{"title": p.Title, "body": p.Body, "head": p.Branch, "base": "main", "labels": s.ids(p.Labels)}
	var made struct{ Number int }
	err = s.forge.as(p.Author).call(ctx, http.MethodPost, s.path("pulls"), value, &made)
	return made.Number, err
}

// merge waits while Gitea, which looks for conflicts in the background, does not allow it yet. With two repositories at work
// it may answer 500 because its background has seen the merge first.
func (s *seeding) merge(ctx context.Context, number int, p pull) error {
	value := map[string]any{"Do": p.Merge, "delete_branch_after_merge": true}
	if p.Merge == "squash" {
		value["MergeMessageField"] = p.Body // as the form of the web page proposes
	}
	for deadline := time.Now().Add(silence); ; time.Sleep(100 * time.Millisecond) {
		where := s.path("pulls", fmt.Sprint(number), "merge")
		err := s.forge.as(maintainer).call(ctx, http.MethodPost, where, value, nil)
		if hasStatus(err, http.StatusInternalServerError) && s.forge.as(maintainer).call(ctx, http.MethodGet, where, nil, nil) == nil {
			return nil
		}
		if !hasStatus(err, http.StatusMethodNotAllowed) && !hasStatus(err, http.StatusInternalServerError) || time.Now().After(deadline) {
			return err
		}
	}
}

func (s *seeding) commit(commits []storyCommit) error {
	for _, c := range commits {
		if err := s.commitOne(c); err != nil {
			return fmt.Errorf("commit %q: %w", c.Subject, err)
		}
	}
	return nil
}

func (s *seeding) commitOne(c storyCommit) error {
	if c.Revert {
		return git(s.work, s.history.identity(c.Author, time.Now()), "revert", "--no-edit", "HEAD")
	}
	files, err := s.files(c)
	if err != nil {
		return err
	}
	if err := files.write(s.work); err != nil {
		return err
	}
	return s.history.record(s.work, c.historyCommit, time.Now())
}

// files are those that a commit changes, as it leaves them.
func (s *seeding) files(c storyCommit) (tree, error) {
	files, err := s.like(c.Like)
	if err != nil {
		return nil, err
	}
	for name, text := range c.Write {
		files[name] = []byte(text)
	}
	for _, e := range c.Edit {
		file, before, after := e[0], e[1], e[2]
		text, err := os.ReadFile(filepath.Join(s.work, file))
		if err != nil {
			return nil, err
		}
		if strings.Count(string(text), before) != 1 {
			return nil, fmt.Errorf("%s does not hold %q once: the story no longer fits the application", file, before)
		}
		files[file] = []byte(strings.Replace(string(text), before, after, 1))
	}
	return files, nil
}

// like finds what a commit of the shop's history changes.
func (s *seeding) like(subject string) (tree, error) {
	changed := tree{}
	if subject == "" {
		return changed, nil
	}
	for n := 1; n < len(s.trees); n++ {
		if s.history.Commits[n].Subject != subject {
			continue
		}
		for name, text := range s.trees[n] {
			if string(s.trees[n-1][name]) != string(text) {
				changed[name] = text
			}
		}
		return changed, nil
	}
	return nil, fmt.Errorf("the shop's history has no commit %q", subject)
}
