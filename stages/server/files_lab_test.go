package server

import (
	"context"
	"maps"
	"os"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// application is one on the lab's server, in a folder of the test's own.
type application struct {
	*Conn
	env   Environment
	image Image
}

// newApplication has a compose file in a subfolder, and an image of the lab's registry that stands for the team's own.
func newApplication(t *testing.T) *application {
	t.Helper()
	c, login := folder(t)
	a := &application{Conn: c, image: labImage(t, "redis", "8")}
	a.image.Build = Build{"backend", "Dockerfile", ""}
	a.env = Environment{Name: "staging", Target: c.target, Login: login, ComposeFile: "deploy/compose.yml", Migrate: "migrate", Unsaved: true, Pace: Pace{Steady: 2 * time.Second, Step: 300 * time.Millisecond}, Step: func(ctx context.Context, _ string) (context.Context, func(error)) { return ctx, func(error) {} }}
	t.Cleanup(func() {
		last, err := Connect(context.Background(), c.target, login)
		if err != nil {
			t.Fatal(err)
		}
		defer last.Close()
		const script = `docker ps -aq --filter label=com.docker.compose.project="$1" | xargs -r docker rm -fv; docker network rm "$1_default"; docker volume rm -f "$1_data"`
		_, _ = last.run(context.Background(), command{plain: true, args: []string{"sh", "-c", script, "sh", a.project()}})
	})
	return a
}

// labImage is an image that the lab's registry has.
func labImage(t *testing.T, called, tag string) Image {
	t.Helper()
	repository := os.Getenv("SLIPWAY_LAB_REGISTRY") + "/library/" + called
	ref, err := name.ParseReference(repository + ":" + tag)
	if err != nil {
		t.Fatal(err)
	}
	head, err := remote.Head(ref)
	if err != nil {
		t.Fatal(err)
	}
	return Image{Name: called, Repository: repository, Digest: head.Digest.String()}
}

func (a *application) project() string { return path.Base(a.target.Dir) }

// release is a version with these files, the compose file among them.
func (a *application) release(version string, files map[string]string) Release {
	files = maps.Clone(files)
	files["deploy/compose.yml"] = "name: " + a.project() + "\n" + files["deploy/compose.yml"]
	return Release{Version: version, Commit: "c", By: "ann", Images: []Image{a.image}, Compose: []byte(files["deploy/compose.yml"]), Tree: commit(files)}
}

// files puts files on the server, past Slipway.
func (a *application) files(t *testing.T, files map[string]string) {
	t.Helper()
	for file, text := range files {
		if err := a.write(t.Context(), file, []byte(text), "022"); err != nil {
			t.Fatal(err)
		}
	}
}

func (a *application) want(t *testing.T, files map[string]string) {
	t.Helper()
	for file, want := range files {
		if got, err := a.read(t.Context(), file); err != nil || got != want {
			t.Errorf("%s on the server is %q, %v, want %q", file, got, err, want)
		}
	}
}

// everything is what is on the server: each file of the folder with its sum.
func (a *application) everything(t *testing.T) string {
	t.Helper()
	return a.sh(t, `find . -printf '%p %t %l\n' | sort; find . -type f -exec sha256sum {} + | sort`)
}

func (a *application) sh(t *testing.T, script string, args ...string) string {
	t.Helper()
	text, err := a.run(t.Context(), command{args: append([]string{"sh", "-c", script, "sh"}, args...)})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// inside is what a service's container has in a file, behind the container's id.
func (a *application) inside(t *testing.T, service, file string) (id, text string) {
	t.Helper()
	id = strings.TrimSpace(a.sh(t, `docker ps -q --filter label=com.docker.compose.project="$1" --filter label=com.docker.compose.service="$2"`, a.project(), service))
	return id, a.sh(t, `docker exec "$1" cat "$2"`, id, file)
}

const mountingFile = `
include: [extra/compose.yml]
services:
  app:
    image: ${REGISTRY}/redis:${VERSION:?}
    restart: unless-stopped
    stop_grace_period: 1s
    container_name: ${PROJECT:?it is in the server's .env}-app
    extends: {file: base.yml, service: timing}
    env_file: [app.env, .env.prod]
    environment: {SECRET: "${SECRET}"}
    command: ["sh", "-c", "echo $$FROM_COMMIT $$FROM_SERVER $$SECRET > /tmp/env; exec redis-server"]
    volumes: ["./conf:/conf:ro", "./app.conf:/app.conf:ro", "../certs:/certs:ro"]
  migrate:
    build: ../backend
    profiles: [tools]
    command: ["grep", "-q", "good", "/app.conf"]
    volumes: ["./app.conf:/app.conf:ro"]
  dev:
    build: ../frontend
    profiles: [dev]
`

// mounting are the files of a commit whose services mount some of them.
func mounting(conf string) map[string]string {
	return map[string]string{
		"deploy/compose.yml":       mountingFile,
		"deploy/extra/compose.yml": "services: {db: {image: 'redis:8', restart: always, volumes: ['./db.conf:/db.conf:ro']}}",
		"deploy/extra/db.conf":     "db",
		"deploy/base.yml":          "services: {timing: {healthcheck: {test: [CMD, grep, -q, good, /app.conf], interval: 1s, retries: 2, start_period: 1s}}}",
		"deploy/app.env":           "FROM_COMMIT=yes",
		"deploy/app.conf":          conf,
		"deploy/conf/a.conf":       conf,
		"deploy/.env":              "PROJECT=wrong",
		"certs/.gitkeep":           "",
		"frontend/index.html":      "not mounted",
	}
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	a := newApplication(t)
	a.files(t, map[string]string{"deploy/.env": "PROJECT=" + a.project(), "deploy/.env.prod": "FROM_SERVER=yes", "certs/key": "own", "deploy/app.conf": "edited"})
	a.sh(t, "mkdir -p closed deploy/dir.conf && chmod 555 closed")
	before := a.everything(t)
	for _, c := range []struct {
		name, was, is, err string
	}{
		{"as it is", "", "", ""},
		{"a variable that the server does not have", "${SECRET}", "${SECRETS?}", "docker compose does not accept the compose file with the server's settings: "},
		{"an env_file that nobody has", ".env.prod", ".env.live", "env file " + a.target.Dir + "/deploy/.env.live not found"},
		{"a file to extend that nobody has", "base.yml", "none.yml", "none.yml"},
		{"a network of somebody else", "  app:\n", "  app:\n    networks: [edge]\n", "the compose file expects the external network " + a.project() + "-edge, and it is not on "},
		{"a folder in the place of a file", "./app.conf", "./dir.conf", "deploy/dir.conf is a folder on the server, and a file in the commit"},
		{"a folder that is somebody else's", "./app.conf", "../closed/app.conf", a.target.Dir + "/closed on " + a.target.Host + " is no folder that " + a.target.User + " may write to"},
		{"two tags of one image", "  dev:\n    build: ../frontend\n", "  dev:\n    image: ${REGISTRY}/redis:dev\n", "services app, dev use several tags of " + a.image.Repository},
		{"something that is not built", "  app:\n", "  web:\n    build: {context: .., dockerfile: web/Dockerfile}\n  app:\n", "service web is built from .:web/Dockerfile, which is none of the release's images"},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := mounting("good")
			files["deploy/dir.conf"], files["closed/app.conf"] = "", ""
			files["deploy/compose.yml"] = strings.Replace(files["deploy/compose.yml"], c.was, c.is, 1)
			if c.is != "" && strings.Contains(c.is, "edge") {
				files["deploy/compose.yml"] += "networks: {edge: {external: true, name: " + a.project() + "-edge}}\n"
			}
			preview, err := Preflight(t.Context(), a.env, a.release("1.0.0", files))
			edited := preview.Edited
			if c.err == "" && err != nil || !strings.Contains(message(err), c.err) {
				t.Fatalf("got %v, want %s", err, c.err)
			}
			if strings.Contains(message(err), "/tmp") {
				t.Errorf("a folder that is gone is named: %v", err)
			}
			if c.err == "" && strings.Join(edited, " ") != "deploy/app.conf" {
				t.Errorf("edited on the server are %v", edited)
			}
		})
	}
	if after := a.everything(t); after != before {
		t.Errorf("the server has\n%s\nand had\n%s", after, before)
	}
	if left := a.sh(t, "find /tmp -maxdepth 2 -name \"$1\"", a.project()); left != "" {
		t.Errorf("left in /tmp: %s", left)
	}
}

func TestPut(t *testing.T) {
	c, _ := folder(t)
	for _, test := range []struct {
		name, was  string
		executable bool
		want       string
	}{
		{"new", "", false, "644"},
		{"new script", "", true, "755"},
		{"kept from others", "600", false, "600"},
		{"read only", "440", false, "640"},
		{"becomes a script", "600", true, "711"},
		{"is no script any more", "755", false, "644"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := File{Path: "some folder/it's " + test.name, Text: []byte("\x00new"), Executable: test.executable}
			if test.was != "" {
				if err := c.write(t.Context(), f.Path, []byte("much longer"), "077"); err != nil {
					t.Fatal(err)
				}
				if _, err := c.run(t.Context(), command{args: []string{"chmod", test.was, f.Path}}); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.put(t.Context(), f); err != nil {
				t.Fatal(err)
			}
			mode, err := c.run(t.Context(), command{args: []string{"stat", "--format", "%a", f.Path}})
			if err != nil || strings.TrimSpace(mode) != test.want {
				t.Errorf("the mode is %s, %v, want %s", mode, err, test.want)
			}
			if got, err := c.states(t.Context(), []string{f.Path, "none"}); err != nil || len(got) != 1 || got[f.Path] != f.state() {
				t.Errorf("there is %v, %v, want %s", got, err, f.state())
			}
		})
	}
}

// TestDeployFiles is one application whose files come with its releases, go back with them, and are the server's own where
// the commit does not have them.
func TestDeployFiles(t *testing.T) {
	t.Parallel()
	a := newApplication(t)
	own := map[string]string{"deploy/.env": "SECRET=s\nPROJECT=" + a.project(), "deploy/.env.prod": "FROM_SERVER=too", "certs/key": "own"}
	a.files(t, own)
	if _, err := Deploy(t.Context(), a.env, a.release("1.0.0", mounting("good 1"))); err != nil {
		t.Fatal(err)
	}
	_, env := a.inside(t, "app", "/tmp/env")
	first, conf := a.inside(t, "app", "/app.conf")
	db, text := a.inside(t, "db", "/db.conf")
	if env != "yes too s\n" || conf != "good 1" || text != "db" {
		t.Errorf("the containers have %q, %q, %q", env, conf, text)
	}
	a.want(t, own)
	renamed := a.release("1.1.0", mounting("good 2"))
	renamed.Compose = []byte(strings.Replace(string(renamed.Compose), "name: ", "name: other-", 1))
	if _, err := Preflight(t.Context(), a.env, renamed); !strings.Contains(message(err), "the project is called "+a.project()+" on the server and would be called other-"+a.project()) {
		t.Errorf("got %v, want another name to be refused", err)
	}

	t.Run("a changed file replaces the containers that mount it, and those only", func(t *testing.T) {
		a.files(t, map[string]string{"deploy/app.conf": "good, by hand"})
		next := mounting("good 2")
		delete(next, "deploy/conf/a.conf")
		next["deploy/conf/b.conf"] = "b"
		done, err := Deploy(t.Context(), a.env, a.release("1.1.0", next))
		if err != nil {
			t.Fatal(err)
		}
		if id, conf := a.inside(t, "app", "/app.conf"); id == first || conf != "good 2" {
			t.Errorf("the container %s (before: %s) has %q", id, first, conf)
		}
		if id, _ := a.inside(t, "db", "/db.conf"); id != db {
			t.Error("the database was replaced, whose file is the same")
		}
		if text := strings.Join(done.Figures, "; "); !strings.Contains(text, "files changed on the server are replaced: deploy/app.conf; what they were is in .slipway/releases/1.1.0/replaced.json") {
			t.Errorf("the figures say %s", text)
		}
		if exists(t, a.Conn, "deploy/conf/a.conf") || !exists(t, a.Conn, "deploy/conf/b.conf") {
			t.Errorf("in conf are %s", a.sh(t, "ls deploy/conf"))
		}
		a.want(t, own)
	})
	for _, c := range []struct {
		name  string
		files map[string]string
		err   string
		same  bool // the container was never replaced
	}{
		{"a failed migration", mounting("bad"), "1.1.0 was never stopped and still runs", true},
		{"a job that fails", withText(mounting("good 3"), "deploy/compose.yml", "  dev:\n", "  job: {image: '${REGISTRY}/redis:${VERSION}', command: ['false']}\n  dev:\n"), "1.1.0 runs again and is healthy", false},
	} {
		t.Run(c.name+" leaves the files of what ran", func(t *testing.T) {
			before, _ := a.inside(t, "app", "/app.conf")
			a.files(t, map[string]string{"deploy/conf/b.conf": "by hand"})
			if _, err := Deploy(t.Context(), a.env, a.release("1.2.0", c.files)); !strings.Contains(message(err), c.err) {
				t.Errorf("got %v, want %s", err, c.err)
			}
			a.want(t, map[string]string{"deploy/app.conf": "good 2", "deploy/conf/b.conf": "by hand"})
			if id, conf := a.inside(t, "app", "/app.conf"); (id == before) != c.same || conf != "good 2" {
				t.Errorf("the container %s (before: %s) has %q", id, before, conf)
			}
			if exists(t, a.Conn, "deploy/conf/a.conf") || exists(t, a.Conn, replacedFile) {
				t.Error("files of the failed release are left")
			}
		})
	}
	t.Run("a killed run is ended by the next one, and a rollback brings the files back", func(t *testing.T) {
		a.files(t, map[string]string{"deploy/app.conf": "of the killed run", replacedFile: `{"version":"1.3.0","files":[{"path":"deploy/app.conf","text":"Z29vZCAy"}],"absent":["deploy/new"]}`, "deploy/new": ""})
		back := Back{By: "ann", Reason: "test", SchemaAhead: true, Exists: func(context.Context, string) (bool, error) { return true, nil }}
		done, err := Rollback(t.Context(), a.env, back)
		if err != nil {
			t.Fatal(err)
		}
		if _, conf := a.inside(t, "app", "/app.conf"); done.Version != "1.0.0" || conf != "good 1" {
			t.Errorf("%s runs with %q", done.Version, conf)
		}
		if text := strings.Join(done.Figures, "; "); strings.Contains(text, "deploy/app.conf") {
			t.Errorf("nobody has edited app.conf: %s", text)
		}
		a.want(t, map[string]string{"deploy/app.conf": "good 1", "deploy/conf/a.conf": "good 1"})
		a.want(t, own)
		if exists(t, a.Conn, "deploy/new") {
			t.Error("a file of the killed run is left")
		}
	})
}

func withText(files map[string]string, file, was, is string) map[string]string {
	files[file] = strings.Replace(files[file], was, is, 1)
	return files
}
