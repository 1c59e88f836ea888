package gitremote

import (
	"regexp"
	"strings"

	"dagger/slipway/stages/forge"
)

// Address is where git finds the remote over HTTP, and the user name that the forge wants beside a token.
func Address(origin, kind, repository string) (address, user string, err error) {
	address, user = WithoutUser(origin), "x-access-token"
	if repository != "" {
		address = WithoutUser(strings.TrimSuffix(repository, "/"))
	}
	at, err := forge.Detect(origin, kind, repository)
	if at.Kind == forge.GitLab {
		user = "oauth2"
	}
	if strings.HasPrefix(address, "https://") || strings.HasPrefix(address, "http://") {
		return address, user, nil // git needs to know no more than that, whatever software is there
	}
	return at.Web + ".git", user, err
}

var (
	schemePattern = regexp.MustCompile(`(?i)^(https?:/*|[a-z][a-z0-9+.-]*://)`)
	hostPattern   = regexp.MustCompile(`^(\[[^\]]*\]|[^:]*)(:[0-9]*)?$`)
	scpPassword   = regexp.MustCompile(`^([^/:@]+):.*@([^/:@]+:)`)
)

// WithoutUser removes user and password, which checkouts like to keep in their remote; over SSH the user stays, because it
// is a part of the address. What url.Parse refuses is cut as well: an address that is wrong is printed all the same.
func WithoutUser(remote string) string {
	scheme := schemePattern.FindString(remote)
	if scheme == "" {
		return scpPassword.ReplaceAllString(remote, "$1@$2")
	}
	rest := remote[len(scheme):]
	authority := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority = rest[:end]
	}
	if !strings.Contains(authority, "@") && !hostPattern.MatchString(authority) {
		authority = rest // a password with a slash in it looks like the end of the authority
	}
	at := strings.LastIndex(authority, "@")
	if at < 0 {
		return remote
	}
	if strings.Contains(strings.ToLower(scheme), "ssh") {
		user, _, _ := strings.Cut(authority[:at], ":")
		scheme += user + "@"
	}
	return scheme + rest[at+1:]
}
