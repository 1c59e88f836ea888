package gitremote

import "testing"

func TestAddress(t *testing.T) {
	for name, c := range map[string]struct{ origin, kind, repository, want, user string }{
		"https as it is":             {"https://github.com/acme/shop.git", "", "", "https://github.com/acme/shop.git", "x-access-token"},
		"user information goes":      {"https://bot:s3cret@github.com/acme/shop.git", "", "", "https://github.com/acme/shop.git", "x-access-token"},
		"ssh becomes https":          {"git@github.com:acme/shop.git", "", "", "https://github.com/acme/shop.git", "x-access-token"},
		"ssh with a port":            {"ssh://git@git.acme.example:2222/acme/shop.git", "gitea", "", "https://git.acme.example/acme/shop.git", "x-access-token"},
		"GitLab's user":              {"git@gitlab.com:acme/team/shop.git", "", "", "https://gitlab.com/acme/team/shop.git", "oauth2"},
		"a forge of unknown kind":    {"http://10.1.2.3:3000/acme/shop.git", "", "", "http://10.1.2.3:3000/acme/shop.git", "x-access-token"},
		"the setting goes before":    {"git@github.com:acme/shop.git", "", "https://gitea.com/acme/shop/", "https://gitea.com/acme/shop", "x-access-token"},
		"and loses its user as well": {"", "", "https://me:s3cret@gitea.com/acme/shop", "https://gitea.com/acme/shop", "x-access-token"},
		"also one that is no URL":    {"", "", "https://me:s3%zzcret@gitea.com/acme/shop", "https://gitea.com/acme/shop", "x-access-token"},
	} {
		t.Run(name, func(t *testing.T) {
			got, user, err := Address(c.origin, c.kind, c.repository)
			if err != nil || got != c.want || user != c.user {
				t.Errorf("got %q, %q, %v; want %q, %q", got, user, err, c.want, c.user)
			}
		})
	}
	if got, _, err := Address("/srv/git/shop.git", "", ""); err == nil {
		t.Errorf("a folder is taken for a forge: %q", got)
	}
}

func TestWithoutUser(t *testing.T) {
	for remote, want := range map[string]string{
		"https://x-access-token:ghs_1@github.com/a/b": "https://github.com/a/b",
		"https://token@github.com/a/b":                "https://github.com/a/b",
		"HTTPS://token@github.com/a/b":                "HTTPS://github.com/a/b",
		"https://user:pa%zzss@host/a/b":               "https://host/a/b",
		"https://user:p@ss@host:8443/a/b":             "https://host:8443/a/b",
		"https://user:pa/ss@host/a/b":                 "https://host/a/b",
		"https://user:pa#ss?@host/a/b":                "https://host/a/b",
		"https://user:pa ss@host/a/b":                 "https://host/a/b",
		"https://user:pa\x7fss@host/a/b":              "https://host/a/b",
		"https:/user:pass@host/a/b":                   "https:/host/a/b",
		"https:user:pass@host/a/b":                    "https:host/a/b",
		"https://user:pass@[::1]:3000/a/b":            "https://[::1]:3000/a/b",
		"https://user:pass@":                          "https://",
		"gopher://user:pass@host/a/b":                 "gopher://host/a/b",
		"ssh://git:pw@host:22/a/b":                    "ssh://git@host:22/a/b",
		"ssh://git:p%zz@host/a/b":                     "ssh://git@host/a/b",
		"ssh://git@host/a/b":                          "ssh://git@host/a/b",
		"git+ssh://git:pw@host/a/b":                   "git+ssh://git@host/a/b",
		"git:pw@host:a/b.git":                         "git@host:a/b.git",
		"git:p/w@x@host:a/b.git":                      "git@host:a/b.git",
		"git@github.com:a/b.git":                      "git@github.com:a/b.git",
		"host:dir@2/b.git":                            "host:dir@2/b.git",
		"https://host/@scope/b":                       "https://host/@scope/b",
		"https://host:8443/a/b@c":                     "https://host:8443/a/b@c",
		"https://[::1]:3000/a/b@c":                    "https://[::1]:3000/a/b@c",
		"/srv/git/a@b.git":                            "/srv/git/a@b.git",
		`C:\git\a@b.git`:                              `C:\git\a@b.git`,
		"../upstream":                                 "../upstream",
		"":                                            "",
	} {
		t.Run(remote, func(t *testing.T) {
			if got := WithoutUser(remote); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}
