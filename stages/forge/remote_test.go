package forge

import (
	"net/url"
	"strings"
	"testing"

	"dagger/slipway/stages/changelog"
)

func TestDetect(t *testing.T) {
	hub := Repository{GitHub, "acme/shop", "https://github.com/acme/shop", "https://api.github.com"}
	enterprise := Repository{GitHub, "acme/shop", "https://github.acme.example/acme/shop", "https://github.acme.example/api/v3"}
	cloud := Repository{GitHub, "acme/shop", "https://acme.ghe.com/acme/shop", "https://api.acme.ghe.com"}
	tea := Repository{Gitea, "acme/shop", "https://git.acme.example/acme/shop", "https://git.acme.example/api/v1"}
	berg := Repository{Gitea, "acme/shop", "https://codeberg.org/acme/shop", "https://codeberg.org/api/v1"}
	lab := Repository{GitLab, "acme/shop", "https://gitlab.com/acme/shop", "https://gitlab.com/api/v4"}
	deep := Repository{GitLab, "acme/web/shop", "https://gitlab.acme.example/acme/web/shop", "https://gitlab.acme.example/api/v4"}
	tests := []struct {
		name, remote, kind, repository string
		want                           Repository
	}{
		{"https", "https://github.com/acme/shop.git", "", "", hub},
		{"https without .git", "https://github.com/acme/shop", "", "", hub},
		{"slash at the end", "https://github.com/acme/shop/", "", "", hub},
		{"user and token", "https://x-access-token:s3cr3t-canary@github.com/acme/shop.git", "", "", hub},
		{"token alone", "https://s3cr3t-canary@github.com/acme/shop.git", "", "", hub},
		{"usual port", "https://github.com:443/acme/shop.git", "", "", hub},
		{"upper-case host", "https://GitHub.com/acme/shop.git", "", "", hub},
		{"www", "https://www.github.com/acme/shop", "", "", hub},
		{"short ssh", "git@github.com:acme/shop.git", "", "", hub},
		{"short ssh without a user", "github.com:acme/shop.git", "", "", hub},
		{"short ssh, path from the root", "git@github.com:/acme/shop.git", "", "", hub},
		{"ssh", "ssh://git@github.com/acme/shop.git", "", "", hub},
		{"ssh with port", "ssh://git@git.acme.example:2222/acme/shop.git", "gitea", "", tea},
		{"ssh over port 443", "ssh://git@ssh.github.com:443/acme/shop.git", "", "", hub},
		{"git protocol", "git://github.com/acme/shop.git", "", "", hub},
		{"enterprise by its name", "git@github.acme.example:acme/shop.git", "", "", enterprise},
		{"enterprise cloud", "https://acme.ghe.com/acme/shop", "", "", cloud},
		{"gitlab", "https://gitlab.com/acme/shop.git", "", "", lab},
		{"gitlab over port 443", "ssh://git@altssh.gitlab.com:443/acme/shop.git", "", "", lab},
		{"gitlab with groups, by its name", "git@gitlab.acme.example:acme/web/shop.git", "", "", deep},
		{"codeberg", "https://codeberg.org/acme/shop", "", "", berg},
		{"forgejo is gitea", "https://git.acme.example/acme/shop", "forgejo", "", tea},
		{"setting before the name", "https://github.acme.example/acme/shop", "gitea", "", Repository{Gitea, "acme/shop", "https://github.acme.example/acme/shop", "https://github.acme.example/api/v1"}},
		{"setting before the remote", "https://elsewhere.example/x/y", "", "https://github.com/acme/shop", hub},
		{"setting without a remote", "", "", "https://github.com/acme/shop", hub},
		{"plain http with port", "http://10.88.0.1:3000/acme/shop.git", "gitea", "", Repository{Gitea, "acme/shop", "http://10.88.0.1:3000/acme/shop", "http://10.88.0.1:3000/api/v1"}},
		{"gitea in a folder", "https://acme.example/git/acme/shop.git", "gitea", "", Repository{Gitea, "acme/shop", "https://acme.example/git/acme/shop", "https://acme.example/git/api/v1"}},
		{"IPv6", "http://[::1]:3000/acme/shop", "gitea", "", Repository{Gitea, "acme/shop", "http://[::1]:3000/acme/shop", "http://[::1]:3000/api/v1"}},
		{"dots and dashes", "https://github.com/a-c.me/_shop.js.git", "", "", Repository{GitHub, "a-c.me/_shop.js", "https://github.com/a-c.me/_shop.js", "https://api.github.com"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Detect(test.remote, test.kind, test.repository)
			if err != nil || got != test.want {
				t.Errorf("got  %+v, %v\nwant %+v", got, err, test.want)
			}
		})
	}
}

func TestDetectRefuses(t *testing.T) {
	tests := []struct{ name, remote, kind, repository, want string }{
		{"nothing", "", "", "", "the source has no git remote: set repository"},
		{"a folder", "/srv/git/shop.git", "", "", "neither an https nor an ssh address"},
		{"a file URL", "file:///srv/git/shop.git", "", "", "neither an https nor an ssh address"},
		{"a drive", `C:\shop`, "", "", "it is not a URL"},
		{"unknown host", "https://git.acme.example/acme/shop", "", "", "which software the forge at git.acme.example runs is not known: set forge to"},
		{"part of a label is no name", "https://mygitlab.example/acme/shop", "", "", "is not known: set forge to"},
		{"two names", "https://gitlab.github.example/acme/shop", "", "", "is not known: set forge to"},
		{"unknown kind", "https://github.com/acme/shop", "bitbucket", "", `the setting forge is "bitbucket": expected github, gitea, forgejo or gitlab`},
		{"no owner", "https://github.com/shop", "", "", `"shop" has no owner; expected OWNER/NAME`},
		{"no path", "https://github.com", "", "", `"" is not the path of a repository`},
		{"a page", "https://github.com/acme/shop/issues", "", "", "is not the path of a repository on GitHub"},
		{"a page of GitLab", "https://gitlab.com/acme/shop/-/issues", "", "", "is not the path of a repository"},
		{"up", "https://github.com/acme/..", "", "", "is not the path of a repository"},
		{"an option for a host", "ssh://-oProxyCommand=x/acme/shop", "", "", "is not a host name"},
		{"shell text", "git@github.com:acme/$(id)", "", "", "is not the path of a repository"},
		{"query", "https://github.com/acme/shop?x=s3cr3t-canary", "", "", "it has a query or fragment"},
		{"setting that is none", "https://github.com/acme/shop", "", "shop", "the setting repository does not lead to a repository on a forge"},
		{"token in what is no URL", "https://user:s3cr3t-canary@[bad/acme/shop", "", "", "the git remote does not lead to a repository on a forge: it is not a URL"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Detect(test.remote, test.kind, test.repository)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %+v, %v; want an error with %q", got, err, test.want)
			}
			if strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("the error holds user information: %v", err)
			}
		})
	}
}

func FuzzDetect(f *testing.F) {
	for _, seed := range []string{
		"https://github.com/acme/shop.git", "git@github.com:acme/shop.git", "ssh://git@ssh.github.com:443/acme/shop",
		"http://u:p@[::1]:3000/a/b", "C:/x", "file:///x/y", "a:b", "[::1]:a/b", "https://h/%2e%2e/x", "git@h:a/b?c#d",
	} {
		f.Add(seed, "")
		f.Add(seed, "gitea")
	}
	f.Fuzz(func(t *testing.T, remote, kind string) {
		r, err := Detect(remote, kind, "")
		if err != nil {
			return
		}
		for _, address := range []string{r.Web, r.API} {
			u, err := url.Parse(address)
			if err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
				t.Errorf("%q gives the address %q (%v)", remote, address, err)
			}
		}
		if !strings.HasSuffix(r.Web, "/"+r.Path) || strings.Contains(r.Path, "..") && strings.Contains("/"+r.Path+"/", "/../") {
			t.Errorf("%q gives the page %q for the path %q", remote, r.Web, r.Path)
		}
		again, err := Detect(r.Web, string(r.Kind), "")
		if err != nil || again != r {
			t.Errorf("%q gives %+v, whose page gives %+v, %v", remote, r, again, err)
		}
	})
}

func TestLinks(t *testing.T) {
	tests := []struct {
		remote, kind string
		want         changelog.Links
		release      string
	}{
		{
			"git@github.com:acme/shop.git", "",
			changelog.Links{Repository: "https://github.com/acme/shop", Pull: "/pull/", Commit: "/commit/", Compare: "/compare/", User: "https://github.com/", Mark: "#"},
			"https://github.com/acme/shop/releases/tag/v1.2.3-rc.1",
		}, {
			"https://acme.example/git/acme/shop", "gitea",
			changelog.Links{Repository: "https://acme.example/git/acme/shop", Pull: "/pulls/", Commit: "/commit/", Compare: "/compare/", User: "https://acme.example/git/", Mark: "#"},
			"https://acme.example/git/acme/shop/releases/tag/v1.2.3-rc.1",
		}, {
			"https://gitlab.com/acme/web/shop", "",
			changelog.Links{Repository: "https://gitlab.com/acme/web/shop", Pull: "/-/merge_requests/", Commit: "/-/commit/", Compare: "/-/compare/", User: "https://gitlab.com/", Mark: "!"},
			"https://gitlab.com/acme/web/shop/-/releases/v1.2.3-rc.1",
		},
	}
	for _, test := range tests {
		t.Run(test.remote, func(t *testing.T) {
			r, err := Detect(test.remote, test.kind, "")
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Links(); got != test.want {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
			if got := r.ReleaseURL("v1.2.3-rc.1"); got != test.release {
				t.Errorf("release: got %s, want %s", got, test.release)
			}
		})
	}
}
