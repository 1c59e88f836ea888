// Package server deploys to one server over SSH with docker compose: it looks before it touches, keeps what runs until
// what follows is healthy, and puts it back when it is not.
package server

import (
	"fmt"
	"net"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// Target is where an environment lives.
type Target struct {
	User string
	Host string
	Port int
	Dir  string // of the compose file, its .env and its backups
}

const (
	defaultPort = 22
	// DefaultDir is where an application lives unless its target says otherwise.
	DefaultDir = "/opt/app"
)

var (
	userPattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*\z`)
	hostPattern = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?\z`)
	dirPattern  = regexp.MustCompile(`^(/[A-Za-z0-9_+@.-]+)+\z`)
	// passwordPattern is where somebody may have put a password, which no error may repeat.
	passwordPattern = regexp.MustCompile(`(?s):.*@`)
)

const (
	targetForm  = "user@host[:port][/directory] such as deploy@staging.example.com:22/opt/app"
	bastionForm = "user@host[:port] such as jump@bastion.example.com"
)

// ParseTarget reads user@host[:port][/directory].
func ParseTarget(text string) (Target, error) { return parseTarget(text, targetForm) }

// ParseBastion reads user@host[:port].
func ParseBastion(text string) (Target, error) {
	if strings.Contains(text, "/") {
		return Target{}, wrongTarget(text, bastionForm, "a directory has no place here")
	}
	return parseTarget(text, bastionForm)
}

func wrongTarget(text, form, what string) error {
	return fmt.Errorf("expected %s, found %q: %s", form, passwordPattern.ReplaceAllString(text, ":***@"), what)
}

func parseTarget(text, form string) (Target, error) {
	wrong := func(what string) (Target, error) { return Target{}, wrongTarget(text, form, what) }
	u, err := url.Parse("ssh://" + text)
	if err != nil || strings.ContainsAny(text, "?#%") {
		return wrong("it is no address")
	}
	t := Target{User: u.User.Username(), Host: u.Hostname(), Port: defaultPort, Dir: DefaultDir}
	if _, set := u.User.Password(); set {
		return wrong("a password has no place here, use a key")
	}
	if !userPattern.MatchString(t.User) {
		return wrong("the user is missing or no login name")
	}
	if !hostPattern.MatchString(t.Host) && net.ParseIP(t.Host) == nil {
		return wrong("the host is missing or no host name")
	}
	if u.Port() != "" {
		if t.Port, err = strconv.Atoi(u.Port()); err != nil || t.Port < 1 || t.Port > 65535 {
			return wrong("the port is not one of 1 to 65535")
		}
	}
	if u.Path != "" && u.Path != "/" {
		t.Dir = u.Path
	}
	if !dirPattern.MatchString(t.Dir) || path.Clean(t.Dir) != t.Dir {
		return wrong("the directory is no plain absolute path")
	}
	return t, nil
}

// Address is what is dialled.
func (t Target) Address() string { return net.JoinHostPort(t.Host, strconv.Itoa(t.Port)) }

func (t Target) String() string { return t.User + "@" + t.Address() + t.Dir }
