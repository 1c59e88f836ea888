package forge

import (
	"context"
	"net/http"
	"net/url"
)

// gitLab is a project on GitLab. It has no drafts, so a draft exists only in this program: its assets go to the package
// registry, and the release is made at once with everything when it is published (P6).
type gitLab struct{ *client }

var _ Forge = (*gitLab)(nil)

// packageName is the generic package that holds the assets; its version stands for the tag.
const packageName = "release-assets"

func (g *gitLab) Capabilities() Capabilities { return Capabilities{} }

func (g *gitLab) project() string { return g.repo.API + "/projects/" + url.PathEscape(g.repo.Path) }

// list is a query for the longest pages.
func (g *gitLab) list(params ...string) url.Values {
	query := url.Values{"per_page": {"100"}}
	for i := 0; i < len(params); i += 2 {
		query.Add(params[i], params[i+1])
	}
	return query
}

type gitLabRelease struct {
	Tag         string `json:"tag_name"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Commit      struct {
		ID string `json:"id"`
	} `json:"commit"`
	Assets struct {
		Links []gitLabLink `json:"links"`
	} `json:"assets"`
}

type gitLabLink struct {
	Name string `json:"name"`
	URL  string `json:"url"`
	Type string `json:"link_type"`
	Path string `json:"direct_asset_path,omitempty"`
}

func (g *gitLab) release(r gitLabRelease) Release {
	out := Release{
		Tag: r.Tag, Commit: r.Commit.ID, Title: r.Name, Body: r.Description, URL: g.repo.ReleaseURL(r.Tag),
	}
	for _, l := range r.Assets.Links {
		out.Assets = append(out.Assets, Asset{Name: l.Name, URL: l.URL})
	}
	return out
}

func (g *gitLab) Releases(ctx context.Context) ([]Release, error) {
	q := call{what: "read the releases", right: toRead, url: g.project() + "/releases", query: g.list()}
	found, err := all[gitLabRelease](ctx, g.client, q)
	if err != nil {
		return nil, err
	}
	releases := make([]Release, len(found))
	for i, r := range found {
		releases[i] = g.release(r)
	}
	return releases, nil
}

// byTag asks for one release. The list is cached on the server for minutes, this is not; and there are no drafts to miss.
func (g *gitLab) byTag(ctx context.Context, tag string) (Release, bool, error) {
	var r gitLabRelease
	q := call{what: "read the release " + tag, right: toRead, url: g.project() + "/releases/" + url.PathEscape(tag)}
	err := g.read(ctx, q, &r)
	if statusOf(err) == http.StatusNotFound {
		return Release{}, false, nil
	}
	return g.release(r), err == nil, err
}

func (g *gitLab) CreateDraft(ctx context.Context, r Release) (Release, error) {
	old, found, err := g.byTag(ctx, r.Tag)
	if err != nil || found {
		return old, err
	}
	r.Draft, r.URL = true, g.repo.ReleaseURL(r.Tag)
	return r, nil
}

// AdoptDraft makes a draft like any other: there is nothing to adopt.
func (g *gitLab) AdoptDraft(ctx context.Context, _, as Release) (Release, error) {
	return g.CreateDraft(ctx, as)
}

func (g *gitLab) UpdateRelease(ctx context.Context, r Release) (Release, error) {
	if r.Draft {
		return r, nil
	}
	var now gitLabRelease
	err := g.read(ctx, call{
		what: "update the release " + r.Tag, right: toWrite, method: http.MethodPut,
		url:  g.project() + "/releases/" + url.PathEscape(r.Tag),
		json: map[string]any{"name": r.Title, "description": r.Body},
	}, &now)
	return g.release(now), err
}

func (g *gitLab) Publish(ctx context.Context, r Release) (Release, error) {
	assets, err := g.Assets(ctx, r)
	if err != nil {
		return Release{}, err
	}
	links := []gitLabLink{}
	for _, a := range assets {
		links = append(links, linkTo(a))
	}
	release, found, err := g.byTag(ctx, r.Tag)
	if err == nil && !found {
		release, err = g.publishNew(ctx, r, links)
	}
	if err != nil {
		return Release{}, err
	}
	added, err := g.addLinks(ctx, release, links)
	if err != nil {
		return Release{}, err
	}
	if !added && release.Title == r.Title && release.Body == r.Body {
		return release, nil
	}
	r.Draft = false
	return g.UpdateRelease(ctx, r)
}

// publishNew sends no ref, so that GitLab cannot make the tag itself (P1).
func (g *gitLab) publishNew(ctx context.Context, r Release, links []gitLabLink) (Release, error) {
	var made gitLabRelease
	post := func() error {
		return g.read(ctx, call{
			what: "create the release " + r.Tag, right: toWrite, method: http.MethodPost, url: g.project() + "/releases",
			json: map[string]any{
				"tag_name": r.Tag, "name": r.Title, "description": r.Body, "assets": map[string]any{"links": links},
			},
		}, &made)
	}
	var old *Release
	find := func() (bool, error) {
		release, found, err := g.byTag(ctx, r.Tag)
		if found {
			old = &release
		}
		return found, err
	}
	if err := g.create(ctx, post, find); err != nil || old != nil {
		return value(old), err
	}
	return g.release(made), nil
}
