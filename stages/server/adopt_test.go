package server

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// byHandCompose is how somebody runs the shop without Slipway: images that are built on the server, and one from a registry.
const byHandCompose = `
services:
  backend:
    build: ./backend
    restart: always
    pull_policy: build
  worker:
    image: ${REGISTRY:-registry.example.com/shop}/worker:latest
    restart: always
    pull_policy: always
    profiles: [jobs]
  db:
    image: postgres:17
    restart: always
    volumes: ["data:/var/lib/postgresql/data"]
volumes:
  data:
`

// releasedShop is the shop as a release has it.
var releasedShop = strings.Replace(shopCompose, "  db:\n", "  worker:\n    image: ${REGISTRY}/worker:${VERSION}\n    restart: always\n  db:\n", 1)

// byHandShop is a server on which that runs, started by this line, with 1.0.0 in reach.
func byHandShop(t *testing.T, file, line string) *server {
	t.Helper()
	s := standIn(t)
	s.public("postgres:17", behaviour{database: true, healthyAfter: 10 * time.Millisecond})
	s.public(s.shop+"/worker:latest", behaviour{})
	s.built("app-backend:latest", behaviour{healthyAfter: 10 * time.Millisecond, writes: true})
	s.image("backend", "1.0.0", good).service("migrate", migration("one"))
	s.image("worker", "1.0.0", behaviour{})
	s.file(file, byHandCompose)
	s.sh(line)
	return s
}

var foundRuns = map[string]string{"backend": "app-backend:latest", "worker": "worker:latest", "db": "postgres:17"}

// TestAdopt: what somebody runs by hand is backed up, and put back as it was, however it was started.
func TestAdopt(t *testing.T) {
	for _, c := range []struct{ name, file, line string }{
		{"the file of another name", "docker-compose.yml", "docker compose --profile jobs up --detach"},
		{"the release's own file name", "compose.yml", "docker compose --profile jobs up --detach"},
		{"two files", "a.yml", `printf 'services: {backend: {labels: {second: file}}}\n' > b.yml; docker compose -f a.yml -f b.yml --profile jobs up --detach`},
		{"environment files", "docker-compose.yml", `echo A=1 > a.env; echo REGISTRY=registry.example.com/shop > b.env; docker compose --env-file a.env --env-file b.env --profile jobs up --detach`},
		{"a name given by hand", "deploy/compose.yml", "docker compose -p app -f deploy/compose.yml --profile jobs up --detach"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := byHandShop(t, c.file, c.line)
			wantRunning(t, s, foundRuns)
			old := s.all()
			env := s.environment()
			env.VersionURL = "http://127.0.0.1:1/version" // which nothing that is found could answer
			s.onNth(2, "compose up", then(func() { s.sicken("backend:1.0.0") }))
			s.set(func() { s.untag("app-backend:latest") })
			s.gone(s.shop + "/worker:latest")
			_, err := Deploy(t.Context(), env, s.release("1.0.0", releasedShop))
			f := failure(t, err)
			if f.State != Restored || f.Runs != "" || f.Found != "what ran there before runs again and is healthy" {
				t.Errorf("got %s: %v, %s", f.State, err, f.Next)
			}
			wantRunning(t, s, foundRuns)
			if s.all()["app-db-1"] != old["app-db-1"] || len(s.all()) != len(old) {
				t.Errorf("there are %v instead of %v", s.all(), old)
			}
			if rows := rowsOf(t, s); len(s.rows()) < len(rows) {
				t.Errorf("%d rows were saved, and %d are there", len(rows), len(s.rows()))
			}
			result := s.deploy(t, "1.0.0", releasedShop)
			if result.Previous != "what ran there before" || result.Backup == "" {
				t.Errorf("got %+v", result)
			}
			wantRunning(t, s, map[string]string{"backend": "backend:1.0.0", "worker": "worker:1.0.0", "db": "postgres:17"})
			if tags := s.sh("docker image ls --filter reference=slipway-found --quiet"); tags != "" {
				t.Errorf("still there: %s", tags)
			}
		})
	}
}

// TestAdoptRefuses what could not be put back, and changes nothing.
func TestAdoptRefuses(t *testing.T) {
	t.Parallel()
	s := byHandShop(t, "docker-compose.yml", "docker compose up --detach")
	old := s.all()
	refused := func(name string, parts ...string) {
		t.Helper()
		_, early := Preflight(t.Context(), s.environment(), s.release("1.0.0", releasedShop))
		_, err := Deploy(t.Context(), s.environment(), s.release("1.0.0", releasedShop))
		if f := failure(t, err); f.State != Untouched || !maps.Equal(s.all(), old) {
			t.Errorf("%s: got %s, there are %v instead of %v", name, f.State, s.all(), old)
		}
		wantText(t, err.Error(), parts...)
		wantText(t, message(early), parts...)
	}
	if err := os.Rename(s.target.Dir+"/docker-compose.yml", s.target.Dir+"/away"); err != nil {
		t.Fatal(err)
	}
	refused("gone", "what runs in "+s.target.Dir+" was started from "+s.target.Dir+"/docker-compose.yml, and could not be put back from there (", "no such file", "expected its compose file there, as it was")
	s.file("docker-compose.yml", "services: [")
	refused("unreadable", "could not be put back from there (", "yaml")
	s.set(func() {
		for _, c := range s.containers {
			delete(c.labels, filesLabel)
			delete(c.labels, folderLabel)
		}
	})
	refused("unknown", "it is not known from which compose file")
	// Nothing runs, so that there is nothing to come back to.
	s.sh("docker stop $(docker ps --quiet)")
	result := s.deploy(t, "1.0.0", releasedShop)
	if result.Previous != "" || result.Backup == "" {
		t.Errorf("got %+v", result)
	}
}

// TestAdoptAgain: the ledger may know of releases whose files are gone. What runs then is whatever it is.
func TestAdoptAgain(t *testing.T) {
	t.Parallel()
	s := deployed(t, "1.0.0")
	s.image("backend", "1.1.0", good)
	s.sh("rm -r .slipway/releases && REGISTRY=" + s.shop + " VERSION=1.0.0 docker compose up --detach")
	env := s.environment()
	env.VersionURL = "http://127.0.0.1:1/version"
	s.on("docker stop", then(func() { s.sicken("backend:1.1.0") }))
	_, err := Deploy(t.Context(), env, s.release("1.1.0", oneService))
	if f := failure(t, err); f.State != Restored || f.Found != "what ran there before runs again and is healthy" {
		t.Errorf("got %s: %v, %s", f.State, err, f.Next)
	}
	wantRunning(t, s, map[string]string{"backend": "backend:1.0.0"})
}

// TestOthersInTheProject: what no release has started is never touched, and is named.
func TestOthersInTheProject(t *testing.T) {
	t.Parallel()
	s := standIn(t)
	s.public("adminer:5", behaviour{})
	for _, v := range []string{"1.0.0", "1.1.0", "1.2.0"} {
		s.image("backend", v, behaviour{healthyAfter: 10 * time.Millisecond})
	}
	s.image("backend", "1.3.0", behaviour{unhealthyAfter: 10 * time.Millisecond})
	s.byHand(t, "caddy", "False")
	caddy := s.ids()["by-hand-caddy"]
	named := func(r Result) {
		t.Helper()
		if !slices.Contains(r.Figures, "left as they are, because no release has started them: caddy") {
			t.Errorf("%s: figures: %q", r.Version, r.Figures)
		}
	}
	named(s.deploy(t, "1.0.0", oneService))
	// A run that is killed at its end leaves a service that no release in the ledger has.
	s.image("ticker", "1.0.1", behaviour{})
	s.image("backend", "1.0.1", good)
	ticking := oneService + "  ticker:\n    image: ${REGISTRY}/ticker:${VERSION}\n    restart: always\n"
	s.deploy(t, "1.0.1", ticking)
	s.sh("head -n 1 .slipway/ledger.jsonl > ledger && mv ledger .slipway/ledger.jsonl")
	named(s.deploy(t, "1.1.0", oneService))
	s.sh("! docker ps --all | grep ticker")
	if _, err := Deploy(t.Context(), s.environment(), s.release("1.3.0", oneService)); err == nil {
		t.Error("1.3.0 is healthy")
	}
	rolled, err := Rollback(t.Context(), s.environment(), s.back("1.0.0"))
	if err != nil {
		t.Fatal(err)
	}
	named(rolled.Result)
	if s.ids()["by-hand-caddy"] != caddy {
		t.Errorf("caddy is another: %v", s.ids())
	}
}

func TestAmong(t *testing.T) {
	one := func(project, folder, status string) container {
		var c container
		c.Config.Labels = map[string]string{projectLabel: project, folderLabel: folder}
		c.State.Status = status
		return c
	}
	for _, c := range []struct {
		name string
		all  []container
		own  int
		err  string
	}{
		{"ours, started from above its compose file's folder", []container{one("deploy", "/opt/app", "running")}, 1, ""},
		{"ours", []container{one("app", "/opt/app", "running"), one("shop", "/srv/shop", "running")}, 1, ""},
		{"ours, started from a folder in it", []container{one("app", "/opt/app/deploy", "running")}, 1, ""},
		{"ours, without a folder", []container{one("app", "", "running")}, 1, ""},
		{"another folder's, of our name", []container{one("app", "/srv/app", "running")}, 0,
			"the project app belongs to the folder /srv/app on the server already, and its containers would be taken for ours: expected another name as the first line of the compose file, such as name: opt-app"},
		{"another folder's, of our name, stopped", []container{one("app", "/opt/apple", "exited")}, 0,
			"the project app belongs to the folder /opt/apple on the server already, and its containers would be taken for ours: expected another name as the first line of the compose file, such as name: opt-app"},
		{"our folder under another name", []container{one("shop", "/opt/app", "running")}, 0,
			"what runs in /opt/app on the server is the project shop, and would stay beside app: expected name: shop as the first line of the compose file, or an empty server"},
		{"our folder under another name, stopped", []container{one("shop", "/opt/app", "exited")}, 0, ""},
		{"ours, and another one in our folder", []container{one("app", "/opt/app", "running"), one("shop", "/opt/app", "running")}, 1, ""},
		{"another project in a folder of ours", []container{one("monitoring", "/opt/app/monitoring", "running")}, 0, ""},
		{"another project without a folder", []container{one("shop", "", "running")}, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var folders []string
			for _, one := range c.all {
				folders = append(folders, one.Config.Labels[folderLabel])
				if folders[len(folders)-1] == "" {
					folders[len(folders)-1] = "/opt/app"
				}
			}
			folder, name := "/opt/app", "app"
			if c.all[0].Config.Labels[projectLabel] == "deploy" {
				folder, name = "/opt/app/deploy", "deploy"
			}
			own, err := among(c.all, "/opt/app", folder, folders, name)
			if len(own) != c.own || message(err) != c.err {
				t.Errorf("got %d, %q, want %d, %q", len(own), message(err), c.own, c.err)
			}
		})
	}
}

// TestFoldersAndNames: docker compose tells projects by their names alone, and folders may have several names.
func TestFoldersAndNames(t *testing.T) {
	t.Parallel()
	s := standIn(t)
	s.image("backend", "1.0.0", good)
	s.public("adminer:5", behaviour{})
	other := s.root + "/other/app"
	s.sh("mkdir -p " + other + " && echo 'services: {adminer: {image: \"adminer:5\"}}' > " + other + "/compose.yml && cd " + other + " && docker compose up --detach")
	theirs := s.all()
	release := s.release("1.0.0", oneService)
	for name, do := range map[string]func() error{
		"preflight": func() error { _, err := Preflight(t.Context(), s.environment(), release); return err },
		"deploy":    func() error { _, err := Deploy(t.Context(), s.environment(), release); return err },
	} {
		err := do()
		if f := failure(t, err); f.State != Untouched || !maps.Equal(s.all(), theirs) {
			t.Errorf("%s: got %+v; there are %v", name, f, s.all())
		}
		wantText(t, err.Error(), "the project app belongs to the folder "+other+" on the server already")
	}
	named := s.release("1.0.0", "name: mine\n"+oneService)
	if _, err := Deploy(t.Context(), s.environment(), named); err != nil {
		t.Fatal(err)
	}
	// The folder under another of its names is the same.
	env := s.environment()
	env.Target.Dir = s.root + "/link"
	if err := os.Symlink(s.target.Dir, env.Target.Dir); err != nil {
		t.Fatal(err)
	}
	s.image("backend", "1.1.0", good)
	if _, err := Deploy(t.Context(), env, s.release("1.1.0", "name: mine\n"+oneService)); err != nil {
		t.Error(err)
	}
	wantRunning(t, s, map[string]string{"adminer": "adminer:5", "backend": "backend:1.1.0"})
}
