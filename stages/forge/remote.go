package forge

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"dagger/slipway/stages/changelog"
)

// Kind is the software that a forge runs.
type Kind string

// The kinds of forge. Forgejo speaks Gitea's API.
const (
	GitHub Kind = "github"
	Gitea  Kind = "gitea"
	GitLab Kind = "gitlab"
)

// String is the name as people write it.
func (k Kind) String() string {
	return map[Kind]string{GitHub: "GitHub", Gitea: "Gitea", GitLab: "GitLab"}[k]
}

// settings are the values of the setting forge.
var settings = map[string]Kind{"github": GitHub, "gitea": Gitea, "forgejo": Gitea, "gitlab": GitLab}

// hosts are the forges everybody knows.
var hosts = map[string]Kind{
	"github.com": GitHub, "gitlab.com": GitLab, "codeberg.org": Gitea, "gitea.com": Gitea,
}

// sshHosts are hosts that offer Git over SSH on port 443 for another.
var sshHosts = map[string]string{"ssh.github.com": "github.com", "altssh.gitlab.com": "gitlab.com"}

// Repository is where a repository lives on its forge.
type Repository struct {
	Kind Kind
	// Path is owner/name; on GitLab with all groups.
	Path string
	// Web and API are addresses without a slash at the end: of the repository's page, and of the forge's API.
	Web, API string
}

// Detect finds the repository from the URL of its Git remote and the settings forge and repository, both of which may be
// empty. The setting repository goes before the remote. User information in a URL is dropped.
func Detect(remote, forge, repository string) (Repository, error) {
	address, name := remote, "the git remote"
	if repository != "" {
		address, name = repository, "the setting repository"
	}
	if address == "" {
		return Repository{}, errors.New("the source has no git remote: set repository to the address of the repository's " +
			"web page, such as https://forge.example/acme/shop")
	}
	at, err := parseRemote(address)
	if err != nil {
		return Repository{}, fmt.Errorf("%s does not lead to a repository on a forge: %w", name, err)
	}
	kind, err := kindOf(forge, at.host)
	if err != nil {
		return Repository{}, err
	}
	return at.repository(kind)
}

// place is a remote in parts, as a browser would go there.
type place struct {
	scheme, host string // the host with its port unless that is the usual one
	segments     []string
}

func parseRemote(address string) (place, error) {
	if host, path, ok := scpLike(address); ok {
		return newPlace("ssh", host, "", path)
	}
	u, err := url.Parse(address)
	if err != nil || u.Opaque != "" {
		return place{}, errors.New("it is not a URL") // The error would quote it, with what user information it has.
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return place{}, errors.New("it has a query or fragment; expected https://HOST/OWNER/NAME")
	}
	return newPlace(strings.ToLower(u.Scheme), u.Hostname(), u.Port(), u.Path)
}

var scpPattern = regexp.MustCompile(`^(?:[^/:]*@)?(\[[0-9A-Fa-f:]+\]|[^/:@\[\]]{2,}):(.*)$`)

// scpLike splits user@host:path, Git's short form. One letter before the colon is a drive.
func scpLike(address string) (host, path string, ok bool) {
	m := scpPattern.FindStringSubmatch(address)
	if m == nil || strings.HasPrefix(m[2], "//") {
		return "", "", false
	}
	return strings.Trim(m[1], "[]"), m[2], true
}

var (
	hostPattern    = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)
	segmentPattern = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
)

func newPlace(scheme, host, port, path string) (place, error) {
	host = strings.ToLower(host)
	switch scheme {
	case "https", "http":
	case "ssh", "git+ssh", "ssh+git", "git":
		// The port is that of SSH, so it says nothing about the web server's.
		scheme, port = "https", ""
	default:
		return place{}, errors.New("it is neither an https nor an ssh address; expected https://HOST/OWNER/NAME or git@HOST:OWNER/NAME.git")
	}
	if !hostPattern.MatchString(host) && net.ParseIP(host) == nil {
		return place{}, fmt.Errorf("%q is not a host name", host)
	}
	if known := sshHosts[host]; known != "" {
		host = known
	}
	if host == "www.github.com" {
		host = "github.com"
	}
	at := place{scheme: scheme, host: host, segments: strings.Split(strings.TrimSuffix(strings.Trim(path, "/"), ".git"), "/")}
	if strings.Contains(host, ":") {
		at.host = "[" + host + "]"
	}
	if port != "" && !(scheme == "https" && port == "443") && !(scheme == "http" && port == "80") {
		at.host += ":" + port
	}
	for _, s := range at.segments {
		if !segmentPattern.MatchString(s) || strings.Trim(s, ".") == "" || s == "-" {
			return place{}, fmt.Errorf("%q is not the path of a repository; expected OWNER/NAME", strings.Trim(path, "/"))
		}
	}
	if len(at.segments) < 2 {
		return place{}, fmt.Errorf("%q has no owner; expected OWNER/NAME", strings.Trim(path, "/"))
	}
	return at, nil
}

// kindOf takes the setting, else what is known of the host, else what the host is called.
func kindOf(setting, host string) (Kind, error) {
	if setting != "" {
		if kind, ok := settings[setting]; ok {
			return kind, nil
		}
		return "", fmt.Errorf("the setting forge is %q: expected github, gitea, forgejo or gitlab", setting)
	}
	if kind, ok := hosts[host]; ok {
		return kind, nil
	}
	if strings.HasSuffix(host, ".ghe.com") {
		return GitHub, nil
	}
	name, _, _ := strings.Cut(host, ":")
	var kinds []Kind
	for _, label := range strings.Split(name, ".") {
		if kind, ok := settings[label]; ok && !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	if len(kinds) != 1 {
		return "", fmt.Errorf("which software the forge at %s runs is not known: set forge to github, gitea, forgejo or gitlab", host)
	}
	return kinds[0], nil
}

func (p place) repository(kind Kind) (Repository, error) {
	root, path := p.scheme+"://"+p.host, p.segments
	if kind == GitHub && len(path) != 2 {
		return Repository{}, fmt.Errorf("%q is not the path of a repository on GitHub; expected OWNER/NAME", strings.Join(path, "/"))
	}
	if kind == Gitea {
		// Gitea has no nested owners: what stands before is the folder it is served from.
		root = strings.Join(append([]string{root}, path[:len(path)-2]...), "/")
		path = path[len(path)-2:]
	}
	r := Repository{Kind: kind, Path: strings.Join(path, "/")}
	r.Web = root + "/" + r.Path
	r.API = root + map[Kind]string{GitHub: "/api/v3", Gitea: "/api/v1", GitLab: "/api/v4"}[kind]
	if kind == GitHub && (p.host == "github.com" || strings.HasSuffix(p.host, ".ghe.com")) {
		r.API = p.scheme + "://api." + p.host
	}
	return r, nil
}

// Links says where the forge shows what release notes mention.
func (r Repository) Links() changelog.Links {
	links := changelog.Links{
		Repository: r.Web, User: r.root() + "/", Mark: "#", Pull: "/pull/", Commit: "/commit/", Compare: "/compare/",
	}
	switch r.Kind {
	case Gitea:
		links.Pull = "/pulls/"
	case GitLab:
		links.Mark, links.Pull, links.Commit, links.Compare = "!", "/-/merge_requests/", "/-/commit/", "/-/compare/"
	}
	return links
}

// ReleaseURL is the web page of the release of a tag.
func (r Repository) ReleaseURL(tag string) string {
	if r.Kind == GitLab {
		return r.Web + "/-/releases/" + url.PathEscape(tag)
	}
	return r.Web + "/releases/tag/" + url.PathEscape(tag)
}

// root is the forge's own web address.
func (r Repository) root() string { return strings.TrimSuffix(r.Web, "/"+r.Path) }
