package forge

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// addLinks completes a release that was there already, one made by hand say.
func (g *gitLab) addLinks(ctx context.Context, r Release, links []gitLabLink) (added bool, err error) {
	at := g.project() + "/releases/" + url.PathEscape(r.Tag) + "/assets/links"
	for _, link := range links {
		if slices.ContainsFunc(r.Assets, func(a Asset) bool { return a.Name == link.Name }) {
			continue
		}
		post := func() error {
			_, err := g.send(ctx, call{what: "link the asset " + link.Name, right: toWrite, method: http.MethodPost, url: at, json: link})
			return err
		}
		find := func() (bool, error) {
			now, err := all[gitLabLink](ctx, g.client, call{what: "read the links of release " + r.Tag, right: toRead, url: at, query: g.list()})
			return slices.ContainsFunc(now, func(l gitLabLink) bool { return l.Name == link.Name }), err
		}
		if err := g.create(ctx, post, find); err != nil {
			return added, err
		}
		added = true
	}
	return added, nil
}

// Assets lists the files of the package; of several with one name GitLab serves the newest.
func (g *gitLab) Assets(ctx context.Context, r Release) ([]Asset, error) {
	type version struct {
		ID            int64
		Name, Version string
	}
	q := call{
		what: "read the packages", right: toRead, url: g.project() + "/packages",
		query: g.list("package_type", "generic", "package_name", packageName, "package_version", versionOf(r.Tag)),
	}
	packages, err := all[version](ctx, g.client, q)
	if err != nil {
		return nil, err
	}
	newest := make(map[string]Asset)
	for _, p := range packages {
		if p.Name != packageName || p.Version != versionOf(r.Tag) { // The server's filter also finds names that are only alike.
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

// versionOf writes what GitLab does not take in the version of a package as +2F, and the plus itself, so that no two tags
// share one.
func versionOf(tag string) string {
	var b strings.Builder
	for _, c := range []byte(tag) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("._-", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "+%02X", c)
		}
	}
	return b.String()
}

func (g *gitLab) fileURL(tag, name string) string {
	return strings.Join([]string{g.project(), "packages/generic", packageName, url.PathEscape(versionOf(tag)), url.PathEscape(name)}, "/")
}

func (g *gitLab) UploadAsset(ctx context.Context, r Release, f File) (Asset, error) {
	if err := f.check(); err != nil {
		return Asset{}, err
	}
	there, err := g.asset(ctx, r, f)
	if err == nil && (there.Name == "" || r.Draft && !there.same) {
		there, err = g.upload(ctx, r, f)
	}
	if err == nil && !r.Draft {
		err = g.link(ctx, r.Tag, there.Asset)
	}
	return there.Asset, err
}

// link shows an asset on a release that is there already; without it, the file lies in a package that nobody looks for.
func (g *gitLab) link(ctx context.Context, tag string, a Asset) error {
	release, found, err := g.byTag(ctx, tag)
	if err == nil && !found {
		err = fmt.Errorf("the release %s is no longer at %s: run again", tag, g.repo.Web)
	}
	if err == nil {
		_, err = g.addLinks(ctx, release, []gitLabLink{linkTo(a)})
	}
	return err
}

func linkTo(a Asset) gitLabLink {
	return gitLabLink{Name: a.Name, URL: a.download, Type: "package", Path: "/" + a.Name}
}

func (g *gitLab) upload(ctx context.Context, r Release, f File) (comparedAsset, error) {
	// A PUT is repeated like a read: of two files with one name the newer one counts.
	_, putErr := g.send(ctx, call{
		what: "upload the asset " + f.Name, right: toWrite, method: http.MethodPut, url: g.fileURL(r.Tag, f.Name),
		data: f.Data, contentType: f.ContentType,
	})
	if putErr != nil && !doubtful(ctx, putErr) && statusOf(putErr) != http.StatusBadRequest {
		return comparedAsset{}, putErr
	}
	now, err := g.asset(ctx, r, f)
	if err == nil && !now.same {
		err = cmp.Or(putErr, errors.New("the asset "+f.Name+" was uploaded, but reading it back gave something else: run again"))
	}
	return now, err
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
