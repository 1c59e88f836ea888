package forge

import (
	"bytes"
	"context"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// gitea is a repository on Gitea or Forgejo.
type gitea struct{ hub }

var (
	_ Forge = (*gitea)(nil)
	_ Hider = (*gitea)(nil)
)

func (g *gitea) Capabilities() Capabilities {
	return Capabilities{Drafts: true, Prerelease: true, Eager: true}
}

func (g *gitea) CanRelease(ctx context.Context, tag string) (string, error) {
	repo, err := g.repository(ctx)
	if err != nil {
		return "", err
	}
	// What git is told depends on the token's scopes alone, so the user's right is asked for here.
	if g.token != "" && !repo.Permissions.Push {
		return "", fmt.Errorf("the user of forgeToken may not write to %s: it needs %s", g.repo.Web, rights[Gitea][toWrite])
	}
	if err := g.canPush(ctx); err != nil {
		return "", err
	}
	if !repo.Permissions.Admin {
		return "whether the tag " + tag + " is protected (only an administrator of the repository can read that)", nil
	}
	return g.tagProtection(ctx, tag)
}

type tagProtection struct {
	Pattern string   `json:"name_pattern"`
	Users   []string `json:"whitelist_usernames"`
	Teams   []string `json:"whitelist_teams"`
}

// tagProtection looks for a rule that keeps the token's user from making the tag (G7).
func (g *gitea) tagProtection(ctx context.Context, tag string) (unchecked string, err error) {
	var rules []tagProtection
	err = g.read(ctx, call{what: "read the tag protections", right: toRead, url: g.base + "/tag_protections"}, &rules)
	if gone(err) {
		return "whether the tag " + tag + " is protected (this version of the forge does not tell)", nil
	}
	if err != nil {
		return "", err
	}
	rules = slices.DeleteFunc(rules, func(r tagProtection) bool { return !r.matches(tag) })
	if len(rules) == 0 {
		return "", nil
	}
	var user struct {
		Login string `json:"login"`
	}
	err = g.read(ctx, call{what: "read the token's user", right: toRead, url: g.repo.API + "/user"}, &user)
	if statusOf(err) == http.StatusForbidden {
		return "whether the protection of the tag " + tag + " lets this token create it (that needs the scope read:user)", nil
	}
	if err != nil {
		return "", err
	}
	return g.allowed(rules, tag, user.Login)
}

// allowed says whether one of the rules for the tag lets the user make it; one is enough.
func (g *gitea) allowed(rules []tagProtection, tag, user string) (unchecked string, err error) {
	for _, r := range rules {
		if slices.ContainsFunc(r.Users, func(name string) bool { return strings.EqualFold(name, user) }) {
			return "", nil
		}
		if len(r.Teams) > 0 {
			unchecked = "whether " + user + " is in a team that may create the protected tag " + tag
		}
	}
	if unchecked != "" {
		return unchecked, nil
	}
	return "", fmt.Errorf("the tag %s is protected at %s and %s may not create it: add that user to the protected tag %s in "+
		"the repository's settings, or use another token", tag, g.repo.Web, user, rules[0].Pattern)
}

// matches knows Gitea's two forms of a pattern: a glob, or a regular expression between slashes.
func (r tagProtection) matches(tag string) bool {
	if len(r.Pattern) > 1 && strings.HasPrefix(r.Pattern, "/") && strings.HasSuffix(r.Pattern, "/") {
		re, err := regexp.Compile(r.Pattern[1 : len(r.Pattern)-1])
		return err == nil && re.MatchString(tag)
	}
	re, err := regexp.Compile("^" + globToRegexp.Replace(regexp.QuoteMeta(r.Pattern)) + "$")
	return err == nil && re.MatchString(tag)
}

// globToRegexp works on a quoted glob.
var globToRegexp = strings.NewReplacer(`\*`, `.*`, `\?`, `.`, `\[!`, `[^`, `\[`, `[`, `\]`, `]`, `\{`, `(?:`, `\}`, `)`, `,`, `|`)

func (g *gitea) CreateDraft(ctx context.Context, r Release) (Release, error) {
	made, isNew, err := g.createRelease(ctx, r, map[string]any{
		"tag_name": r.Tag, "target_commitish": r.Commit, "name": r.Title, "body": r.Body, "draft": true, "prerelease": r.Prerelease,
	})
	if err != nil || !isNew {
		return made, err
	}
	return g.Hide(ctx, made)
}

// Hide implements Hider. Gitea handles a pushed tag in the background, and then publishes the draft that it finds for it.
func (g *gitea) Hide(ctx context.Context, r Release) (Release, error) {
	var now hubRelease
	err := g.read(ctx, call{
		what: "read the draft " + r.Tag, right: toWrite, url: fmt.Sprintf("%s/releases/%d", g.base, r.ID),
	}, &now)
	if err != nil || now.Draft {
		return g.release(now), err
	}
	shown := g.release(now)
	shown.Draft = true
	return g.UpdateRelease(ctx, shown)
}

// AdoptDraft makes a new draft and removes the standing one: Gitea lets no draft move to a tag that was pushed already. It
// goes on where an earlier run was cut off.
func (g *gitea) AdoptDraft(ctx context.Context, standing, as Release) (Release, error) {
	made, err := g.CreateDraft(ctx, Replacing(as, standing))
	if err != nil {
		return Release{}, err
	}
	for _, a := range standing.Assets {
		if err := g.copyAsset(ctx, made, a); err != nil {
			return Release{}, err
		}
	}
	_, err = g.send(ctx, call{
		what: "delete the standing draft " + standing.Tag, right: toWrite, method: http.MethodDelete,
		url: fmt.Sprintf("%s/releases/%d", g.base, standing.ID),
	})
	if err != nil && !gone(err) { // A first try whose answer was lost.
		return Release{}, err
	}
	as.ID, as.Draft = made.ID, made.Draft
	return g.UpdateRelease(ctx, as)
}

// copyAsset takes over a file that a person has attached, whatever its name is.
func (g *gitea) copyAsset(ctx context.Context, to Release, a Asset) error {
	data, err := g.DownloadAsset(ctx, a)
	if err == nil {
		_, err = g.attach(ctx, to, File{Name: a.Name, ContentType: "application/octet-stream", Data: data})
	}
	return err
}

func (g *gitea) UpdateRelease(ctx context.Context, r Release) (Release, error) {
	fields := map[string]any{"name": r.Title, "body": r.Body, "draft": r.Draft, "prerelease": r.Prerelease}
	if r.Draft {
		fields["tag_name"], fields["target_commitish"] = r.Tag, r.Commit
	}
	return g.update(ctx, r, fields)
}

func (g *gitea) Publish(ctx context.Context, r Release) (Release, error) {
	if err := g.needTag(ctx, r.Tag); err != nil {
		return Release{}, err
	}
	r.Draft = false
	return g.UpdateRelease(ctx, r)
}

func (g *gitea) UploadAsset(ctx context.Context, r Release, f File) (Asset, error) {
	if err := f.check(); err != nil {
		return Asset{}, err
	}
	return g.attach(ctx, r, f)
}

func (g *gitea) attach(ctx context.Context, r Release, f File) (Asset, error) {
	form, contentType, err := attachment(f)
	if err != nil {
		return Asset{}, err
	}
	return g.upload(ctx, r, f, func() error {
		_, err := g.send(ctx, call{
			what: "upload the asset " + f.Name, right: toWrite, method: http.MethodPost,
			url:   fmt.Sprintf("%s/releases/%d/assets", g.base, r.ID),
			query: url.Values{"name": {f.Name}}, data: form, contentType: contentType,
		})
		return err
	})
}

// attachment is the file as a form: the one way to upload that all versions of Gitea and Forgejo have.
func attachment(f File) (form []byte, contentType string, err error) {
	var buffer bytes.Buffer
	w := multipart.NewWriter(&buffer)
	part, err := w.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {fmt.Sprintf(`form-data; name="attachment"; filename=%q`, f.Name)},
		"Content-Type":        {f.ContentType},
	})
	if err == nil {
		_, err = part.Write(f.Data)
	}
	if err == nil {
		err = w.Close()
	}
	return buffer.Bytes(), w.FormDataContentType(), err
}
