package forge

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"dagger/slipway/stages/changelog"
)

// gitLab is a project on GitLab. It has no drafts, so a draft exists only in this program: its assets go to the package
// registry, and the release is made at once with everything when it is published (P6).
type gitLab struct{ *client }

var _ Forge = (*gitLab)(nil)

// packageName is the generic package that holds the assets; its version is the tag.
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

const developer = 30

func (g *gitLab) CanRelease(ctx context.Context, tag string) (string, error) {
	var project struct {
		Archived bool `json:"archived"`
	}
	if err := g.read(ctx, call{what: "read the project", right: toWrite, url: g.project()}, &project); err != nil {
		return "", err
	}
	if project.Archived {
		return "", fmt.Errorf("%s is archived: nothing can be released from it until that is undone in its settings", g.repo.Web)
	}
	if err := g.canPush(ctx); err != nil {
		return "", err
	}
	if err := g.checkScopes(ctx); err != nil {
		return "", err
	}
	user, level, err := g.member(ctx)
	if err != nil {
		return "", err
	}
	if level < developer {
		return "", fmt.Errorf("the user of forgeToken has no role at %s that may create releases: it needs %s", g.repo.Web, rights[GitLab][toWrite])
	}
	return g.tagProtection(ctx, tag, user, level)
}

// checkScopes refuses a token that may push but not use the API. OAuth tokens cannot be asked.
func (g *gitLab) checkScopes(ctx context.Context) error {
	var token struct {
		Scopes []string `json:"scopes"`
	}
	err := g.read(ctx, call{what: "read the token's scopes", right: toWrite, url: g.repo.API + "/personal_access_tokens/self"}, &token)
	if status := statusOf(err); status/100 == 4 {
		return nil
	}
	if err == nil && !slices.Contains(token.Scopes, "api") {
		err = fmt.Errorf("forgeToken has the scopes %s: a release at %s needs %s", strings.Join(token.Scopes, ", "), g.repo.Web, rights[GitLab][toWrite])
	}
	return err
}

// member is the token's user and its role in the project, inherited ones included. Administrators need none.
func (g *gitLab) member(ctx context.Context) (user int64, level int, err error) {
	var me struct {
		ID    int64 `json:"id"`
		Admin bool  `json:"is_admin"`
	}
	if err := g.read(ctx, call{what: "read the token's user", right: toWrite, url: g.repo.API + "/user"}, &me); err != nil {
		return 0, 0, err
	}
	var role struct {
		Level int `json:"access_level"`
	}
	q := call{what: "read the role of the token's user", right: toWrite, url: fmt.Sprintf("%s/members/all/%d", g.project(), me.ID)}
	if err := g.read(ctx, q, &role); err != nil && statusOf(err) != http.StatusNotFound {
		return 0, 0, err
	}
	if me.Admin {
		role.Level = 60
	}
	return me.ID, role.Level, nil
}

type protectedTag struct {
	Name   string `json:"name"`
	Levels []struct {
		Level     int    `json:"access_level"`
		User      int64  `json:"user_id"`
		Group     *int64 `json:"group_id"`
		DeployKey *int64 `json:"deploy_key_id"`
	} `json:"create_access_levels"`
}

// tagProtection looks for a rule that keeps the token's user from making the tag (G7). GitLab refuses the release then, too.
func (g *gitLab) tagProtection(ctx context.Context, tag string, user int64, level int) (unchecked string, err error) {
	q := call{what: "read the protected tags", right: toWrite, url: g.project() + "/protected_tags", query: g.list()}
	rules, err := all[protectedTag](ctx, g.client, q)
	if statusOf(err) == http.StatusForbidden {
		return "whether the tag " + tag + " is protected (only a Maintainer can read that)", nil
	}
	if err != nil {
		return "", err
	}
	var refused string
	for _, rule := range rules {
		if !matchesWildcard(rule.Name, tag) {
			continue
		}
		for _, l := range rule.Levels {
			switch {
			case l.DeployKey != nil:
			case l.Group != nil:
				unchecked = "whether the token's user is in a group that may create the protected tag " + tag
			case l.User == user, l.User == 0 && l.Level > 0 && l.Level <= level:
				return "", nil
			}
		}
		refused = rule.Name
	}
	if refused == "" || unchecked != "" {
		return unchecked, nil
	}
	return "", fmt.Errorf("the tag %s is protected at %s and the user of forgeToken may not create it: allow it for the protected tag %s "+
		"in the project's settings, or use another token", tag, g.repo.Web, refused)
}

// matchesWildcard knows GitLab's one wildcard, the asterisk.
func matchesWildcard(pattern, tag string) bool {
	re := strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*")
	return regexp.MustCompile("^" + re + "$").MatchString(tag)
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
		links = append(links, gitLabLink{Name: a.Name, URL: a.download, Type: "package", Path: "/" + a.Name})
	}
	release, found, err := g.byTag(ctx, r.Tag)
	if err == nil && !found {
		release, err = g.publishNew(ctx, r, links)
	}
	if err != nil {
		return Release{}, err
	}
	if err := g.addLinks(ctx, release, links); err != nil {
		return Release{}, err
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
	if err := g.create(ctx, post, find); err != nil {
		return Release{}, err
	}
	if old != nil {
		return *old, nil
	}
	return g.release(made), nil
}

// addLinks completes a release that was there already, one made by hand say.
func (g *gitLab) addLinks(ctx context.Context, r Release, links []gitLabLink) error {
	at := g.project() + "/releases/" + url.PathEscape(r.Tag) + "/assets/links"
	for _, link := range links {
		has := func(l gitLabLink) bool { return l.Name == link.Name }
		if slices.ContainsFunc(r.Assets, func(a Asset) bool { return a.Name == link.Name }) {
			continue
		}
		post := func() error {
			_, err := g.send(ctx, call{what: "link the asset " + link.Name, right: toWrite, method: http.MethodPost, url: at, json: link})
			return err
		}
		find := func() (bool, error) {
			now, err := all[gitLabLink](ctx, g.client, call{what: "read the links of release " + r.Tag, right: toRead, url: at, query: g.list()})
			return slices.ContainsFunc(now, has), err
		}
		if err := g.create(ctx, post, find); err != nil {
			return err
		}
	}
	return nil
}

// Assets lists the files of the package; of several with one name GitLab serves the newest.
func (g *gitLab) Assets(ctx context.Context, r Release) ([]Asset, error) {
	type version struct {
		ID            int64
		Name, Version string
	}
	q := call{
		what: "read the packages", right: toRead, url: g.project() + "/packages",
		query: g.list("package_type", "generic", "package_name", packageName, "package_version", r.Tag),
	}
	packages, err := all[version](ctx, g.client, q)
	if err != nil {
		return nil, err
	}
	newest := make(map[string]Asset)
	for _, p := range packages {
		if p.Name != packageName || p.Version != r.Tag { // The server's filter also finds names that are only alike.
			continue
		}
		if err := g.files(ctx, r.Tag, p.ID, newest); err != nil {
			return nil, err
		}
	}
	assets := []Asset{}
	for _, a := range newest {
		assets = append(assets, a)
	}
	slices.SortFunc(assets, func(a, b Asset) int { return cmp.Compare(a.Name, b.Name) })
	return assets, nil
}

func (g *gitLab) files(ctx context.Context, tag string, id int64, newest map[string]Asset) error {
	type file struct {
		ID     int64  `json:"id"`
		Name   string `json:"file_name"`
		Size   int64  `json:"size"`
		SHA256 string `json:"file_sha256"`
	}
	files, err := all[file](ctx, g.client, call{
		what: "read the package " + packageName + " " + tag, right: toRead,
		url: fmt.Sprintf("%s/packages/%d/package_files", g.project(), id), query: g.list(),
	})
	for _, f := range files {
		if f.ID < newest[f.Name].ID {
			continue
		}
		at := g.fileURL(tag, f.Name)
		asset := Asset{ID: f.ID, Name: f.Name, Size: f.Size, URL: at, download: at}
		if f.SHA256 != "" {
			asset.digest = "sha256:" + f.SHA256
		}
		newest[f.Name] = asset
	}
	return err
}

func (g *gitLab) fileURL(tag, name string) string {
	return strings.Join([]string{g.project(), "packages/generic", packageName, url.PathEscape(tag), url.PathEscape(name)}, "/")
}

func (g *gitLab) UploadAsset(ctx context.Context, r Release, f File) (Asset, error) {
	if err := f.check(); err != nil {
		return Asset{}, err
	}
	old, err := g.asset(ctx, r, f)
	if err != nil || old.same {
		return old.Asset, err
	}
	if old.Name != "" && !r.Draft {
		return Asset{}, fmt.Errorf("the release %s is published with another %s: what is published is not replaced", r.Tag, f.Name)
	}
	// A PUT is repeated like a read: of two files with one name the newer one counts.
	_, putErr := g.send(ctx, call{
		what: "upload the asset " + f.Name, right: toWrite, method: http.MethodPut, url: g.fileURL(r.Tag, f.Name),
		data: f.Data, contentType: f.ContentType,
	})
	if putErr != nil && !doubtful(ctx, putErr) && statusOf(putErr) != http.StatusBadRequest {
		return Asset{}, putErr
	}
	now, err := g.asset(ctx, r, f)
	if err == nil && !now.same {
		err = cmp.Or(putErr, errors.New("the asset "+f.Name+" was uploaded, but reading it back gave something else: run again"))
	}
	return now.Asset, err
}

type comparedAsset struct {
	Asset
	same bool
}

// asset looks for the file among the assets and compares the content.
func (g *gitLab) asset(ctx context.Context, r Release, f File) (comparedAsset, error) {
	assets, err := g.Assets(ctx, r)
	if err != nil {
		return comparedAsset{}, err
	}
	i := slices.IndexFunc(assets, func(a Asset) bool { return a.Name == f.Name })
	if i < 0 {
		return comparedAsset{}, nil
	}
	a := assets[i]
	if a.digest != "" {
		return comparedAsset{a, a.digest == f.digest()}, nil
	}
	data, err := g.DownloadAsset(ctx, a)
	return comparedAsset{a, bytes.Equal(data, f.Data)}, err
}

func (g *gitLab) DownloadAsset(ctx context.Context, a Asset) ([]byte, error) {
	got, err := g.send(ctx, call{what: "download the asset " + a.Name, right: toRead, url: a.download})
	return got.body, err
}

type mergeRequest struct {
	Number int    `json:"iid"`
	Title  string `json:"title"`
	Body   string `json:"description"`
	State  string `json:"state"`
	Author struct {
		Login string `json:"username"`
	} `json:"author"`
	Labels []label `json:"labels"`
	Merge  string  `json:"merge_commit_sha"`
	Squash string  `json:"squash_commit_sha"`
	Head   string  `json:"sha"`
	Page   string  `json:"web_url"`
}

func (m mergeRequest) pullRequest() changelog.PullRequest {
	return changelog.PullRequest{
		Number: m.Number, Title: m.Title, Body: m.Body, Author: m.Author.Login, Labels: names(m.Labels),
		// A fast-forward has neither of the first two: it landed as it was.
		MergeCommit: cmp.Or(m.Merge, m.Squash, m.Head), URL: m.Page,
	}
}

// PullRequests reads the merge requests that were changed since the range's first commit (C11), then those that are named.
func (g *gitLab) PullRequests(ctx context.Context, r Range) ([]changelog.PullRequest, error) {
	w := newWanted(r)
	if len(r.Commits) == 0 {
		return w.found, nil
	}
	err := g.mergeRequests(ctx, g.list("updated_after", w.since.UTC().Format(time.RFC3339)), w)
	if err != nil {
		return nil, err
	}
	for numbers := range slices.Chunk(w.missing(), few) {
		query := g.list()
		for _, n := range numbers {
			query.Add("iids[]", number(n))
		}
		if err := g.mergeRequests(ctx, query, w); err != nil {
			return nil, err
		}
	}
	setCommits := func(i int, hashes []string) { w.found[i].Commits = hashes }
	if err := each(ctx, w.rebased("!"), func(ctx context.Context, i int) ([]string, error) {
		return g.landed(ctx, w, w.found[i].Number)
	}, setCommits); err != nil {
		return nil, err
	}
	return w.sorted(), nil
}

func (g *gitLab) mergeRequests(ctx context.Context, query url.Values, w *wanted) error {
	query.Set("state", "merged")
	query.Set("scope", "all")
	query.Set("order_by", "created_at") // Unlike the time of the last change it moves nothing to another page meanwhile.
	q := call{what: "read the merge requests", right: toReadPulls, url: g.project() + "/merge_requests", query: query}
	return pages(ctx, g.client, q, func(batch []mergeRequest) bool {
		for _, m := range batch {
			w.take(m.pullRequest(), m.Merge != "" || m.Squash != "")
		}
		return true
	})
}

// landed are the commits of a fast-forwarded merge request that are in the range: GitLab landed them unchanged.
func (g *gitLab) landed(ctx context.Context, w *wanted, n int) ([]string, error) {
	type commit struct {
		ID string `json:"id"`
	}
	commits, err := all[commit](ctx, g.client, call{
		what: fmt.Sprintf("read the commits of merge request %d", n), right: toReadPulls,
		url: g.project() + "/merge_requests/" + number(n) + "/commits", query: g.list(),
	})
	var hashes []string
	for _, c := range slices.Backward(commits) { // GitLab lists the newest first.
		if _, ok := w.commits[c.ID]; ok {
			hashes = append(hashes, c.ID)
		}
	}
	return hashes, err
}

func (g *gitLab) Issues(ctx context.Context, numbers []int, _ time.Time) ([]changelog.Issue, error) {
	type issue struct {
		Number int     `json:"iid"`
		Labels []label `json:"labels"`
	}
	issues := []changelog.Issue{}
	for chunk := range slices.Chunk(numbers, few) {
		query := g.list("scope", "all")
		for _, n := range chunk {
			query.Add("iids[]", number(n))
		}
		found, err := all[issue](ctx, g.client, call{what: "read the issues", right: toReadIssues, url: g.project() + "/issues", query: query})
		if err != nil {
			return nil, err
		}
		for _, i := range found {
			issues = append(issues, changelog.Issue{Number: i.Number, Labels: names(i.Labels)})
		}
	}
	slices.SortFunc(issues, func(a, b changelog.Issue) int { return cmp.Compare(a.Number, b.Number) })
	return issues, nil
}

func (g *gitLab) OpenPullRequest(ctx context.Context, p Proposal) (changelog.PullRequest, error) {
	var request mergeRequest
	find := func() (bool, error) {
		open, err := all[mergeRequest](ctx, g.client, call{
			what: "look for an open merge request", right: toReadPulls, url: g.project() + "/merge_requests",
			query: g.list("state", "opened", "scope", "all", "source_branch", p.Branch, "target_branch", p.Base),
		})
		if len(open) > 0 {
			request = open[0]
		}
		return len(open) > 0, err
	}
	if found, err := find(); err != nil || found {
		return request.pullRequest(), err
	}
	err := g.create(ctx, func() error {
		return g.read(ctx, call{
			what: "open a merge request", right: toPropose, method: http.MethodPost, url: g.project() + "/merge_requests",
			json: map[string]any{"source_branch": p.Branch, "target_branch": p.Base, "title": p.Title, "description": p.Body},
		}, &request)
	}, find)
	return request.pullRequest(), err
}
