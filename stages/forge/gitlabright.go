package forge

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

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

// administrator is the access level above all roles.
const administrator = 60

// member is the token's user and its role in the project, inherited ones included.
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
		role.Level = administrator
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
