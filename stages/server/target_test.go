package server

import (
	"regexp"
	"strings"
	"testing"
)

func TestParseTarget(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       Target
		address    string
	}{
		{"user and host", "deploy@staging.example.com", Target{"deploy", "staging.example.com", 22, "/opt/app"}, "staging.example.com:22"},
		{"port", "deploy@staging.example.com:2222", Target{"deploy", "staging.example.com", 2222, "/opt/app"}, "staging.example.com:2222"},
		{"colon without a port", "deploy@staging.example.com:", Target{"deploy", "staging.example.com", 22, "/opt/app"}, "staging.example.com:22"},
		{"directory", "deploy@staging/srv/shop", Target{"deploy", "staging", 22, "/srv/shop"}, "staging:22"},
		{"port and directory", "deploy@10.1.2.3:22/srv/shop_v2+x@y.z-1", Target{"deploy", "10.1.2.3", 22, "/srv/shop_v2+x@y.z-1"}, "10.1.2.3:22"},
		{"slash without a directory", "deploy@staging/", Target{"deploy", "staging", 22, "/opt/app"}, "staging:22"},
		{"IPv6", "deploy@[2001:db8::1]", Target{"deploy", "2001:db8::1", 22, "/opt/app"}, "[2001:db8::1]:22"},
		{"IPv6 with port and directory", "deploy@[::1]:2222/srv/shop", Target{"deploy", "::1", 2222, "/srv/shop"}, "[::1]:2222"},
		{"directory that looks like an option", "deploy@staging/-rf", Target{"deploy", "staging", 22, "/-rf"}, "staging:22"},
		{"highest port", "deploy@staging:65535", Target{"deploy", "staging", 65535, "/opt/app"}, "staging:65535"},
		{"user with dots and dashes", "_de-ploy.1@staging", Target{"_de-ploy.1", "staging", 22, "/opt/app"}, "staging:22"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseTarget(c.text)
			if err != nil || got != c.want || got.Address() != c.address {
				t.Errorf("got %+v, %v at %s, want %+v at %s", got, err, got.Address(), c.want, c.address)
			}
			if want := c.want.User + "@" + c.address + c.want.Dir; got.String() != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestParseTargetRefuses(t *testing.T) {
	const (
		address  = "it is no address"
		password = "a password has no place here, use a key"
		user     = "the user is missing or no login name"
		host     = "the host is missing or no host name"
		port     = "the port is not one of 1 to 65535"
		dir      = "the directory is no plain absolute path"
	)
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", user},
		{"no user", "staging.example.com", user},
		{"empty user", "@staging", user},
		{"no host", "deploy@", host},
		{"no host but a port", "deploy@:22", host},
		{"option as user", "-oProxyCommand=touch@staging", user},
		{"option as host", "deploy@-oProxyCommand=touch", host},
		{"option as host without a value", "deploy@-v", host},
		{"two users", "deploy@root@staging", user},
		{"command substitution in the user", "$(id)@staging", user},
		{"semicolon in the user", "deploy;id@staging", user},
		{"backquotes in the host", "deploy@`id`", address},
		{"dollar in the host", "deploy@$HOST", host},
		{"ampersand in the host", "deploy@a&b", host},
		{"underscore in the host", "deploy@my_host", host},
		{"dash at the end of the host", "deploy@staging-", host},
		{"host in another script", "deploy@stägıng", host},
		{"space in the host", "deploy@stag ing", address},
		{"line feed at the end", "deploy@staging\n", address},
		{"password", "deploy:x@staging", password},
		{"empty password", "deploy:@staging", password},
		{"escaped slash", "deploy@staging/srv%2fshop", address},
		{"escaped slash in the host", "deploy@staging%2f", address},
		{"question mark", "deploy@staging/srv?x", address},
		{"number sign", "deploy@staging/srv#x", address},
		{"zone of an IPv6 address", "deploy@[fe80::1%eth0]", address},
		{"port zero", "deploy@staging:0", port},
		{"port too high", "deploy@staging:65536", port},
		{"port that no number holds", "deploy@staging:99999999999999999999", port},
		{"port that is a word", "deploy@staging:ssh", address},
		{"relative directory", "deploy@staging:srv/shop", address},
		{"parent in the directory", "deploy@staging/srv/../etc", dir},
		{"parent at the end", "deploy@staging/srv/..", dir},
		{"parent of all", "deploy@staging/..", dir},
		{"dot in the directory", "deploy@staging/srv/./shop", dir},
		{"slash at the end", "deploy@staging/srv/", dir},
		{"two slashes", "deploy@staging//srv", dir},
		{"space in the directory", "deploy@staging/srv/my shop", dir},
		{"command in the directory", "deploy@staging/srv;id", dir},
		{"quote in the directory", "deploy@staging/srv'x", dir},
		{"home directory", "deploy@staging/~/shop", dir},
		{"URL", "ssh://deploy@staging", user},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseTarget(c.text)
			if err == nil || !strings.HasSuffix(err.Error(), ": "+c.want) || got != (Target{}) {
				t.Errorf("got %+v, %v, want the error to end with: %s", got, err, c.want)
			}
		})
	}
}

func TestParseTargetError(t *testing.T) {
	_, err := ParseTarget("staging")
	want := `expected user@host[:port][/directory] such as deploy@staging.example.com:22/opt/app, found "staging": the user is missing or no login name`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestParseTargetKeepsPasswords(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"plain", "deploy:hunter2@staging"},
		{"with at signs", "deploy:@hunter2@x@staging"},
		{"with slashes", "deploy:/hunter2/@staging"},
		{"in what is no address", "deploy:hunter2%@staging"},
		{"in a URL", "ssh://deploy:hunter2@staging"},
		{"without a user", ":hunter2@staging"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := ParseTarget(c.text); err == nil || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v, want an error without the password", err)
			}
		})
	}
}

func FuzzParseTarget(f *testing.F) {
	for _, seed := range []string{"deploy@staging:22/opt/app", "deploy@[::1]:22/srv", "-o@-v", "a:b@c", "a@b/..", "a@::1", "a@[1.2.3.4]"} {
		f.Add(seed)
	}
	plain := regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*@(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9.-]*):[0-9]+(/[A-Za-z0-9_+@.-]+)+$`)
	f.Fuzz(func(t *testing.T, text string) {
		target, err := ParseTarget(text)
		if err != nil {
			return
		}
		if !plain.MatchString(target.String()) || strings.Contains(target.Dir+"/", "/../") {
			t.Errorf("%q is read as %q", text, target)
		}
		if again, err := ParseTarget(target.String()); err != nil || again != target {
			t.Errorf("%q is read as %+v, and that as %+v, %v", text, target, again, err)
		}
	})
}
