package forge

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

// hub is what GitHub's API and Gitea's, which follows it, have in common.
type hub struct {
	*client
	dialect hubDialect
	base    string // the repository's place in the API
}

// hubDialect is where the two differ in small things.
type hubDialect struct {
	pageSize, page string // the parameter for the length of a page, and its largest value
	sort           string // what the order by latest change is called
	tag            string // where a Git tag is looked up
}

func newHub(c *client, d hubDialect) hub {
	return hub{c, d, c.repo.API + "/repos/" + c.repo.Path}
}

// list is a query for the longest pages.
func (h hub) list(params ...string) url.Values {
	query := url.Values{h.dialect.pageSize: {h.dialect.page}}
	for i := 0; i < len(params); i += 2 {
		query.Set(params[i], params[i+1])
	}
	return query
}

type hubRelease struct {
	ID         int64      `json:"id"`
	Tag        string     `json:"tag_name"`
	Target     string     `json:"target_commitish"`
	Name       string     `json:"name"`
	Body       string     `json:"body"`
	Draft      bool       `json:"draft"`
	Prerelease bool       `json:"prerelease"`
	Immutable  bool       `json:"immutable"`
	Page       string     `json:"html_url"`
	Upload     string     `json:"upload_url"`
	Assets     []hubAsset `json:"assets"`
}

type hubAsset struct {
	ID     int64  `json:"id"`
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	State  string `json:"state"`
	Digest string `json:"digest"`
	UUID   string `json:"uuid"`
	Page   string `json:"browser_download_url"`
}

func (h hub) release(r hubRelease) Release {
	out := Release{
		ID: r.ID, Tag: r.Tag, Commit: r.Target, Title: r.Name, Body: r.Body, Draft: r.Draft, Prerelease: r.Prerelease,
		Immutable: r.Immutable, URL: r.Page, upload: r.Upload,
	}
	for _, a := range r.Assets {
		out.Assets = append(out.Assets, h.asset(a))
	}
	return out
}

func (h hub) asset(a hubAsset) Asset {
	out := Asset{ID: a.ID, Name: a.Name, Size: a.Size, URL: a.Page, digest: a.Digest}
	if h.repo.Kind == Gitea {
		// Not the address that the server believes to have: the token goes to the forge's own host only.
		out.download = h.repo.root() + "/attachments/" + url.PathEscape(a.UUID)
		return out
	}
	out.download = fmt.Sprintf("%s/releases/assets/%d", h.base, a.ID)
	out.partial = a.State != "uploaded"
	return out
}

func (h hub) Releases(ctx context.Context) ([]Release, error) {
	q := call{what: "read the releases", right: toRead, url: h.base + "/releases", query: h.list()}
	found, err := all[hubRelease](ctx, h.client, q)
	if err != nil {
		return nil, err
	}
	releases := make([]Release, len(found))
	for i, r := range found {
		releases[i] = h.release(r)
	}
	return releases, nil
}

// createRelease posts the fields, unless a release of this tag is there or turns up: GitHub would make a second draft.
// It says whether the release was made now.
func (h hub) createRelease(ctx context.Context, r Release, fields map[string]any) (made Release, isNew bool, err error) {
	var posted hubRelease
	post := func() error {
		q := call{
			what: "create the release " + r.Tag, right: toWrite, method: http.MethodPost, url: h.base + "/releases", json: fields,
		}
		return h.read(ctx, q, &posted)
	}
	var old *Release
	find := func() (bool, error) {
		releases, err := h.Releases(ctx)
		if err != nil {
			return false, err
		}
		old, err = FindLike(releases, r)
		return old != nil, err
	}
	if found, err := find(); err != nil || found {
		return value(old), false, err
	}
	if err := h.create(ctx, post, find); err != nil || old != nil {
		return value(old), true, err
	}
	return h.release(posted), true, nil
}

// value is what the pointer leads to, if it does.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// update writes the fields into a release. Doing it twice does no harm, so it is repeated like a read.
func (h hub) update(ctx context.Context, r Release, fields map[string]any) (Release, error) {
	var now hubRelease
	err := h.read(ctx, call{
		what: "update the release " + r.Tag, right: toWrite, method: http.MethodPatch,
		url: fmt.Sprintf("%s/releases/%d", h.base, r.ID), json: fields,
	}, &now)
	return h.release(now), err
}

// needTag refuses to publish without the Git tag: the forge would make it, from a branch (P1).
func (h hub) needTag(ctx context.Context, tag string) error {
	_, err := h.send(ctx, call{what: "look for the Git tag " + tag, right: toRead, url: h.base + h.dialect.tag + url.PathEscape(tag)})
	if statusOf(err) == http.StatusNotFound {
		return fmt.Errorf("the Git tag %s is not at %s: push it before its release is published", tag, h.repo.Web)
	}
	return err
}

// hubRepo is what the repository says about itself and the token's user.
type hubRepo struct {
	Archived    bool   `json:"archived"`
	Default     string `json:"default_branch"`
	Permissions struct {
		Push  bool `json:"push"`
		Admin bool `json:"admin"`
	} `json:"permissions"`
}

func (h hub) repository(ctx context.Context) (hubRepo, error) {
	var r hubRepo
	err := h.read(ctx, call{what: "read the repository", right: toWrite, url: h.base}, &r)
	if err == nil && r.Archived {
		err = fmt.Errorf("%s is archived: nothing can be released from it until that is undone in its settings", h.repo.Web)
	}
	return r, err
}

// canPush asks what git asks before it pushes. Unlike the API this shows, without writing, what the token itself may do
// and not only its user; and pushing is the right that releases need, too.
func (c *client) canPush(ctx context.Context) error {
	if c.token == "" {
		return fmt.Errorf("forgeToken is not set: set it to a token for %s with %s", c.repo.Web, rights[c.repo.Kind][toWrite])
	}
	_, err := c.send(ctx, call{
		what: "see whether forgeToken may push", right: toWrite, git: true,
		url: c.repo.Web + ".git/info/refs", query: url.Values{"service": {"git-receive-pack"}},
	})
	return err
}

// label is a name or an object with a name; GitHub's description allows both.
type label string

// UnmarshalJSON implements json.Unmarshaler.
func (l *label) UnmarshalJSON(data []byte) error {
	if data[0] == '"' {
		return json.Unmarshal(data, (*string)(l))
	}
	var object struct {
		Name string `json:"name"`
	}
	err := json.Unmarshal(data, &object)
	*l = label(object.Name)
	return err
}

func names(labels []label) []string {
	var out []string
	for _, l := range labels {
		out = append(out, string(l))
	}
	return out
}

func number(n int) string { return strconv.Itoa(n) }
