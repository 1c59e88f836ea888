package server

import (
	"strings"
	"testing"
)

// settingsFile has settings and a secret of the server in files that the commit has as well.
const settingsFile = `
services:
  backend:
    image: ${REGISTRY}/backend:${VERSION}
    restart: always
    env_file: [prod.env]
    secrets: [key]
    volumes: ["./app.conf:/app.conf:ro"]
secrets:
  key: {file: ./key.txt}
`

// TestFirstDeploymentSparesSettings: what somebody has written into an env_file or a secret on the server is not replaced by
// what the repository shows to everybody. Other files are, and are named.
func TestFirstDeploymentSparesSettings(t *testing.T) {
	t.Parallel()
	commit := []File{{Path: "prod.env", Text: []byte("SECRET_KEY=public")}, {Path: "key.txt", Text: []byte("public")}, {Path: "app.conf", Text: []byte("new")}}
	const mine = "SECRET_KEY=mine"
	for _, c := range []struct{ name, env, key, refused string }{
		{"an env_file", mine, "", "prod.env"},
		{"a secret", "", "mine", "key.txt"},
		{"both", mine, "mine", "key.txt, prod.env"},
		{"the same as in the commit", "SECRET_KEY=public", "public", ""},
		{"nothing", "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := standIn(t)
			s.image("backend", "1.0.0", good)
			for name, text := range map[string]string{"prod.env": c.env, "key.txt": c.key, "app.conf": "old"} {
				if text != "" {
					s.file(name, text)
				}
			}
			release := s.release("1.0.0", settingsFile, commit...)
			_, early := Preflight(t.Context(), s.environment(), release)
			done, err := Deploy(t.Context(), s.environment(), release)
			if c.refused == "" {
				if err != nil || early != nil || !strings.Contains(strings.Join(done.Figures, "; "), "files changed on the server are replaced: app.conf;") {
					t.Errorf("got %+v, %v, %v", done, err, early)
				}
				return
			}
			for _, err := range []error{early, err} {
				wantText(t, message(err), c.refused+" on 127.0.0.1 differs from the commit", "git rm --cached")
				if f := failure(t, err); f.State != Untouched {
					t.Errorf("the state is %s", f.State)
				}
			}
			if left := s.sh("cat prod.env key.txt 2>/dev/null; cat app.conf; ls -A"); !strings.HasPrefix(left, c.env+c.key+"old") || strings.Contains(left, "compose.yml") {
				t.Errorf("there is %s", left)
			}
		})
	}
}

// TestLaterDeploymentReplacesSettings: what a release has brought is brought by the next as well, and what somebody has changed
// meanwhile is named.
func TestLaterDeploymentReplacesSettings(t *testing.T) {
	t.Parallel()
	s := standIn(t)
	files := func(text string) []File {
		return []File{{Path: "prod.env", Text: []byte(text)}, {Path: "key.txt", Text: []byte("k")}, {Path: "app.conf", Text: []byte("c")}}
	}
	for _, version := range []string{"1.0.0", "1.1.0", "1.2.0"} {
		s.image("backend", version, good)
		if version == "1.2.0" {
			s.file("prod.env", "A=by hand")
		}
		done, err := Deploy(t.Context(), s.environment(), s.release(version, settingsFile, files("A="+version)...))
		if named := strings.Contains(strings.Join(done.Figures, "; "), "files changed on the server are replaced: prod.env"); err != nil || named != (version == "1.2.0") {
			t.Errorf("%s: got %+v, %v", version, done, err)
		}
		if got := readFile(t, s.target.Dir+"/prod.env"); got != "A="+version {
			t.Errorf("%s: there is %s", version, got)
		}
	}
}

// TestDotenvIsFound: docker compose reads the .env of the compose file's own folder, so that is where a rehearsal's goes.
func TestDotenvIsFound(t *testing.T) {
	t.Parallel()
	s := standIn(t)
	s.image("backend", "1.0.0", good)
	env := s.environment()
	env.ComposeFile = "docker/compose.yml"
	if err := PutDotenv(t.Context(), env, []byte("SITE=shop.example.com\n")); err != nil {
		t.Fatal(err)
	}
	release := s.release("1.0.0", strings.Replace(oneService, "restart:", "environment: {SITE: \"${SITE:?}\"}\n    restart:", 1))
	if _, err := Deploy(t.Context(), env, release); err != nil {
		t.Error(err)
	}
}
