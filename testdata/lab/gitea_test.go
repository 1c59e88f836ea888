package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// recordedForge answers every request with a status and a text, and notes what was asked.
func recordedForge(t *testing.T, status int, text string) (forge, *[]string) {
	t.Helper()
	asked := &[]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*asked = append(*asked, fmt.Sprint(r.Method, " ", r.URL.Path, " ", r.Header.Get("Authorization"), " ", r.Header.Get("Sudo"), " ", string(body)))
		w.WriteHeader(status)
		io.WriteString(w, text)
	}))
	t.Cleanup(server.Close)
	return forge{url: server.URL, token: "secret"}, asked
}

func TestForgeActsForAnother(t *testing.T) {
	f, asked := recordedForge(t, http.StatusCreated, `{"number":7}`)
	s := &seeding{forge: f, repo: "slipway/test", labels: map[string]int64{"bug": 3}}
	number, err := s.open(t.Context(), pull{Title: "a", Author: "mira", Branch: "b", Labels: []string{"bug"}})
	if err != nil || number != 7 {
		t.Errorf("got #%d, %v", number, err)
	}
	want := []string{`POST /api/v1/repos/slipway/test/pulls token secret mira {"base":"main","body":"","head":"b","labels":[3],"title":"a"}`}
	if !slices.Equal(*asked, want) {
		t.Errorf("asked %q, want %q", *asked, want)
	}
}

func TestForgeErrors(t *testing.T) {
	f, _ := recordedForge(t, http.StatusConflict, `{"message":"exists"}`)
	err := f.call(t.Context(), http.MethodPost, "/user/repos", nil, nil)
	if want := `POST /user/repos: 409 Conflict: {"message":"exists"}`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if !hasStatus(err, http.StatusConflict) || hasStatus(err, http.StatusNotFound) || hasStatus(errors.New("x"), 0) {
		t.Errorf("the status of %v is not told right", err)
	}
	s := &seeding{forge: f, repo: "slipway/test"}
	if err := s.create(t.Context()); err == nil || !strings.Contains(err.Error(), "choose another name") {
		t.Errorf("got %v", err)
	}
}

func TestUserIsMadeOnce(t *testing.T) {
	h := history{Authors: map[string]string{"mira": "Mira Okafor <mira@example.com>"}}
	f, asked := recordedForge(t, http.StatusOK, `{}`)
	if err := f.ensureUser(t.Context(), h, "mira"); err != nil || len(*asked) != 1 {
		t.Errorf("asked %q: %v", *asked, err)
	}
	f, asked = recordedForge(t, http.StatusNotFound, ``)
	f.ensureUser(t.Context(), h, "mira")
	if len(*asked) != 2 || !strings.Contains((*asked)[1], `"email":"mira@example.com","full_name":"Mira Okafor"`) {
		t.Errorf("asked %q", *asked)
	}
}

func TestPrivateFile(t *testing.T) {
	l := newTestLab(t)
	if _, err := l.mkdir("gitea"); err != nil {
		t.Fatal(err)
	}
	if got := l.giteaToken(); got != "" {
		t.Errorf("before up the token is %q", got)
	}
	for _, text := range []string{"one", "two"} {
		if err := writePrivate(l.path("gitea", "token"), []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got := l.giteaToken(); got != text {
			t.Errorf("got %q, want %q", got, text)
		}
	}
	files, _ := filepath.Glob(l.path("gitea", "*"))
	info, err := os.Stat(l.path("gitea", "token"))
	if err != nil || info.Mode() != 0o600 || len(files) != 1 {
		t.Errorf("mode %v, %v; files %q", info.Mode(), err, files)
	}
}

func TestSecretIsKept(t *testing.T) {
	l := newTestLab(t) // has no gitea to make another with
	if _, err := l.mkdir("gitea"); err != nil {
		t.Fatal(err)
	}
	if err := l.ensureSecret("SECRET_KEY"); err == nil {
		t.Error("a secret was made from nothing")
	}
	if err := writePrivate(l.path("gitea", "SECRET_KEY"), []byte("kept")); err != nil {
		t.Fatal(err)
	}
	if err := l.ensureSecret("SECRET_KEY"); err != nil {
		t.Error(err)
	}
}

func TestProgramsWithCNeedACompiler(t *testing.T) {
	steps, err := newTestLab(t).programSteps(programs...)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		if want := s.name == "compile gitea"; slices.Contains(s.needs, forgeStep) != want {
			t.Errorf("%s needs %q", s.name, s.needs)
		}
	}
	if last := steps[len(steps)-1].name; last != "compile gitea" {
		t.Errorf("%s comes last: nothing waits for Gitea, so it shall not hold up the others", last)
	}
}

// TestTokenPattern: on a slow machine Gitea's warning comes behind the token.
func TestTokenPattern(t *testing.T) {
	token := strings.Repeat("0a", 20)
	for _, out := range []string{"warning: root\n" + token + "\n", token + "\n2026/11/30 01:44:20 setting.go:190: running as root\n"} {
		if got := tokenPattern.FindString(out); got != token {
			t.Errorf("found %q in %q", got, out)
		}
	}
}
