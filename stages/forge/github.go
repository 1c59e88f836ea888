package forge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
)

// gitHub is a repository on GitHub or GitHub Enterprise.
type gitHub struct{ hub }

var _ Forge = (*gitHub)(nil)

func (g *gitHub) Capabilities() Capabilities {
	return Capabilities{Drafts: true, Prerelease: true, Latest: true}
}

func (g *gitHub) CanRelease(ctx context.Context, tag string) (string, error) {
	// The permissions in this answer are the user's, not the token's, and are all false for the token of a workflow.
	if _, err := g.repository(ctx); err != nil {
		return "", err
	}
	if err := g.canPush(ctx); err != nil {
		return "", err
	}
	return g.tagRules(ctx, tag)
}

type ruleset struct {
	ID          int64  `json:"id"`
	Name        string `json:"name"`
	Enforcement string `json:"enforcement"`
	Bypass      string `json:"current_user_can_bypass"`
	Conditions  struct {
		Ref struct {
			Include []string `json:"include"`
			Exclude []string `json:"exclude"`
		} `json:"ref_name"`
	} `json:"conditions"`
	Rules []struct {
		Type string `json:"type"`
	} `json:"rules"`
}

// tagRules looks for a ruleset that keeps the token from making the tag (G7).
func (g *gitHub) tagRules(ctx context.Context, tag string) (unchecked string, err error) {
	q := call{what: "read the rulesets", right: toRead, url: g.base + "/rulesets", query: g.list("targets", "tag", "includes_parents", "true")}
	sets, err := all[ruleset](ctx, g.client, q)
	if status := statusOf(err); status == http.StatusNotFound || status == http.StatusForbidden {
		return "whether a ruleset protects the tag " + tag, nil
	}
	if err != nil {
		return "", err
	}
	for _, s := range sets {
		if s.Enforcement != "active" {
			continue
		}
		one := call{what: "read the ruleset " + s.Name, right: toRead, url: g.base + "/rulesets/" + strconv.FormatInt(s.ID, 10)}
		if err := g.read(ctx, one, &s); err != nil {
			return "", err
		}
		if s.forbids(tag) {
			return "", fmt.Errorf("the ruleset %q at %s does not let forgeToken create the tag %s: add its owner to the "+
				"ruleset's bypass list, or use another token", s.Name, g.repo.Web, tag)
		}
	}
	return "", nil
}

func (s ruleset) forbids(tag string) bool {
	if s.Bypass == "always" || s.Bypass == "exempt" {
		return false
	}
	creation := false
	for _, rule := range s.Rules {
		creation = creation || rule.Type == "creation"
	}
	matches := func(pattern string) bool { return matchesRef(pattern, tag) }
	return creation && slices.ContainsFunc(s.Conditions.Ref.Include, matches) && !slices.ContainsFunc(s.Conditions.Ref.Exclude, matches)
}

// matchesRef is GitHub's fnmatch: a star stops at a slash, and **/ stands for any number of folders.
func matchesRef(pattern, tag string) bool {
	if pattern == "~ALL" {
		return true
	}
	return matchesParts(strings.Split(strings.TrimPrefix(pattern, "refs/tags/"), "/"), strings.Split(tag, "/"))
}

func matchesParts(patterns, parts []string) bool {
	if len(patterns) == 0 || len(parts) == 0 {
		return len(patterns) == len(parts)
	}
	if patterns[0] == "**" && len(patterns) > 1 {
		return matchesParts(patterns[1:], parts) || matchesParts(patterns, parts[1:])
	}
	ok, err := path.Match(patterns[0], parts[0])
	return ok && err == nil && matchesParts(patterns[1:], parts[1:])
}

// Releases also says which release is the latest; the list itself does not.
func (g *gitHub) Releases(ctx context.Context) ([]Release, error) {
	releases, err := g.hub.Releases(ctx)
	if err != nil {
		return nil, err
	}
	var latest hubRelease
	err = g.read(ctx, call{what: "read the latest release", right: toRead, url: g.base + "/releases/latest"}, &latest)
	if err != nil && statusOf(err) != http.StatusNotFound {
		return nil, err
	}
	for i := range releases {
		releases[i].Latest = releases[i].ID == latest.ID
	}
	return releases, nil
}

func (g *gitHub) CreateDraft(ctx context.Context, r Release) (Release, error) {
	r.Draft = true
	fields := fieldsOf(r)
	fields["tag_name"], fields["target_commitish"] = r.Tag, r.Commit
	made, _, err := g.createRelease(ctx, r, fields)
	if refusesCommit(err) {
		delete(fields, "target_commitish")
		made, _, err = g.createRelease(ctx, r, fields)
	}
	return made, err
}

// refusesCommit: GitHub refuses a commit whose workflows differ from the default branch's to tokens without the right to
// change workflows, although the tag exists. The draft then is bound by its tag alone.
func refusesCommit(err error) bool {
	status := statusOf(err)
	return status == http.StatusNotFound || status == http.StatusForbidden
}

func (g *gitHub) AdoptDraft(ctx context.Context, standing, as Release) (Release, error) {
	as.ID = standing.ID
	return g.UpdateRelease(ctx, as)
}

func (g *gitHub) UpdateRelease(ctx context.Context, r Release) (Release, error) {
	fields := fieldsOf(r)
	if r.Draft {
		fields["tag_name"], fields["target_commitish"] = r.Tag, r.Commit
	}
	now, err := g.update(ctx, r, fields)
	if r.Draft && refusesCommit(err) {
		now, err = g.updateUnbound(ctx, r, fields)
	}
	now.Latest = r.mayBeLatest() // The answer does not say.
	return now, err
}

// updateUnbound names the default branch, because a commit that the draft had before would stay.
func (g *gitHub) updateUnbound(ctx context.Context, r Release, fields map[string]any) (Release, error) {
	repo, err := g.repository(ctx)
	if err != nil {
		return Release{}, err
	}
	fields["target_commitish"] = repo.Default
	return g.update(ctx, r, fields)
}

func (g *gitHub) Publish(ctx context.Context, r Release) (Release, error) {
	if err := g.needTag(ctx, r.Tag); err != nil {
		return Release{}, err
	}
	r.Draft = false
	return g.UpdateRelease(ctx, r)
}

// fieldsOf always holds make_latest: it is true by default, and refused for drafts and prereleases (P6).
func fieldsOf(r Release) map[string]any {
	return map[string]any{
		"name": r.Title, "body": r.Body, "draft": r.Draft, "prerelease": r.Prerelease,
		"make_latest": strconv.FormatBool(r.mayBeLatest()),
	}
}

func (r Release) mayBeLatest() bool { return r.Latest && !r.Draft && !r.Prerelease }

func (g *gitHub) UploadAsset(ctx context.Context, r Release, f File) (Asset, error) {
	at, err := g.uploadURL(r)
	if err = errors.Join(f.check(), err); err != nil {
		return Asset{}, err
	}
	return g.upload(ctx, r, f, func() error {
		_, err := g.send(ctx, call{
			what: "upload the asset " + f.Name, right: toWrite, method: http.MethodPost, url: at,
			query: url.Values{"name": {f.Name}}, data: f.Data, contentType: f.ContentType,
		})
		return err
	})
}

// uploadURL is on a host of its own, which only the release names.
func (g *gitHub) uploadURL(r Release) (string, error) {
	at, _, _ := strings.Cut(r.upload, "{")
	if !strings.HasPrefix(at, "https://") && strings.HasPrefix(g.repo.API, "https://") || at == "" {
		return "", errors.New("the release " + r.Tag + " has no address for uploads: read it again with Releases")
	}
	return at, nil
}
