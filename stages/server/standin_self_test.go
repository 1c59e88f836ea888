package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestStandInContainers(t *testing.T) {
	const ms = time.Millisecond
	start := time.Now()
	for _, c := range []struct {
		name, restart string
		does          behaviour
		age           time.Duration
		want          string
	}{
		{"not started", "no", behaviour{}, -1, "created 0 0 "},
		{"without a health check", "no", behaviour{}, ms, "running 0 0 "},
		{"not healthy yet", "no", behaviour{healthyAfter: 5 * ms}, 4 * ms, "running 0 0 starting"},
		{"healthy", "no", behaviour{healthyAfter: 5 * ms}, 5 * ms, "running 0 0 healthy"},
		{"never healthy", "no", behaviour{healthyAfter: never}, time.Minute, "running 0 0 starting"},
		{"ill after a while", "no", behaviour{healthyAfter: 5 * ms, unhealthyAfter: 8 * ms}, 8 * ms, "running 0 0 unhealthy"},
		{"ended", "no", behaviour{endsAfter: 5 * ms, endCode: 2}, 5 * ms, "exited 2 0 "},
		{"ended after it was healthy", "no", behaviour{healthyAfter: ms, endsAfter: 5 * ms}, 5 * ms, "exited 0 0 unhealthy"},
		{"about to be started again", "always", behaviour{endsAfter: 5 * ms, endCode: 2}, 104 * ms, "restarting 2 0 "},
		{"started again", "unless-stopped", behaviour{endsAfter: 5 * ms, endCode: 2}, 105 * ms, "running 2 1 "},
		{"started again twice, later each time", "always", behaviour{endsAfter: 5 * ms}, 310 * ms, "running 0 2 "},
		{"failed", "on-failure", behaviour{endsAfter: 5 * ms, endCode: 2}, 105 * ms, "running 2 1 "},
		{"failed too often", "on-failure:1", behaviour{endsAfter: 5 * ms, endCode: 2}, 110 * ms, "exited 2 1 "},
		{"ended well", "on-failure", behaviour{endsAfter: 5 * ms}, 105 * ms, "exited 0 0 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			one := &fakeContainer{restart: c.restart, does: c.does}
			if c.age >= 0 {
				one.started = start
			}
			m := one.at(start.Add(c.age))
			if got := fmt.Sprintf("%s %d %d %s", m.status, m.code, m.restarts, m.health); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// started is a stand-in with its application up, past Slipway.
func started(t *testing.T) *server {
	t.Helper()
	t.Parallel()
	s := shop(t, false)
	s.file("compose.yml", shopCompose)
	s.file(".env", "REGISTRY="+s.shop+"\nVERSION=1.0.0\n")
	s.file("backup.sh", backupSh)
	s.file("restore.sh", restoreSh)
	s.sh("docker compose up --detach --quiet-pull")
	return s
}

func TestStandInRollout(t *testing.T) {
	s := started(t)
	s.image("backend", "2.0.0", behaviour{stopsAfter: 30 * time.Millisecond})
	s.program("drain", `echo "drained by $1"; exit 7`)
	if out, err := s.try(`docker exec app-backend-1 sh -c 'drain "$0"' us`); out != "drained by us\n" || err == nil || err.Error() != "exit status 7" {
		t.Errorf("drain: got %q, %v", out, err)
	}
	s.file(".env", "REGISTRY="+s.shop+"\nVERSION=2.0.0\n")
	s.sh("docker compose up --detach --no-deps --no-recreate --no-build --quiet-pull --scale backend=2 backend")
	wantRunning(t, s, map[string]string{"backend": "backend:1.0.0 backend:2.0.0", "db": "postgres:17"})
	s.sh("docker stop app-backend-1 && docker rm --volumes app-backend-1")
	s.sh("docker compose up --detach --no-deps --no-build backend db")
	wantRunning(t, s, map[string]string{"backend": "backend:2.0.0", "db": "postgres:17"})
	if names := s.sh("docker compose ps --format '{{.Name}}' backend"); names != "app-backend-2\n" {
		t.Errorf("got %s", names)
	}
	begun := time.Now()
	s.sh("docker stop app-backend-2")
	if took := time.Since(begun); took < 30*time.Millisecond {
		t.Errorf("it was stopped after %s", took)
	}
	s.sh("docker stop --time 0 app-db-1; docker start app-backend-2")
	wantRunning(t, s, map[string]string{"backend": "backend:2.0.0"})
}

func TestStandInDatabase(t *testing.T) {
	s := started(t)
	eventually(t, "rows are written", func() bool { return len(s.rows()) > 1 })
	s.sh("docker compose stop backend && sh backup.sh backup/1.sql")
	rows, schema := s.rows(), s.schema()
	time.Sleep(2 * writeStep)
	if got := s.rows(); !slices.Equal(got, rows) {
		t.Errorf("rows were written by what is stopped: got %q, want %q", got, rows)
	}
	s.sh("docker compose start backend && docker compose run --rm -T migrate")
	eventually(t, "rows are written again", func() bool { return len(s.rows()) > len(rows) })
	s.sh("docker compose stop backend && sh restore.sh backup/1.sql")
	if got := s.rows(); !slices.Equal(got, rows) || !slices.Equal(s.schema(), schema) {
		t.Errorf("restored: got %q of %q, want %q of %q", got, s.schema(), rows, schema)
	}
	s.sh("docker compose exec -T db pg_dump -Fc > a.dump && docker compose exec -T db pg_restore --list < a.dump")
	s.sh("head -c 60 a.dump | docker compose exec -T db pg_restore --list") // what is listed stands at the beginning
	if out, err := s.try("head -c 60 a.dump | docker compose exec -T db pg_restore --file=/dev/null"); err == nil {
		t.Errorf("an archive that is cut off is read to its end: %s", out)
	}
	if out, err := s.try("docker compose exec -T backend psql < backup/1.sql"); err == nil {
		t.Errorf("another container has the database's programs: %s", out)
	}
}

func TestStandInHalf(t *testing.T) {
	s := started(t)
	eventually(t, "rows are written", func() bool { return len(s.rows()) > 1 })
	s.sh("docker compose stop backend && sh backup.sh 1.sql")
	rows := s.rows()
	for _, c := range []struct{ program, line string }{{"pg_dump", "sh backup.sh 2.sql"}, {"psql", "sh restore.sh 1.sql"}} {
		s.on(c.program, half(9, "it broke"))
		if out, err := s.try(c.line); err == nil || !strings.Contains(out, "it broke") {
			t.Errorf("%s: got %q, %v", c.line, out, err)
		}
	}
	if dump := s.sh("cat 2.sql"); !strings.Contains(dump, "PostgreSQL database dump") || strings.Contains(dump, dumpEnd) {
		t.Errorf("got a dump of %q", dump)
	}
	if slices.Equal(s.rows(), rows) {
		t.Errorf("half of a restore left %q as it was", rows)
	}
}

func TestStandInHooks(t *testing.T) {
	s := started(t)
	c := connect(t, s.target, s.environment().Login)
	ps := command{args: []string{"docker", "ps"}}
	exits := func(err error) bool { return errors.As(err, new(*exitError)) }
	for _, test := range []struct {
		name string
		does hook
		want func(error) bool
	}{
		{"fail", fail(1, "no space left on device"), func(err error) bool { return exits(err) && strings.Contains(err.Error(), "exit code 1: no space left") }},
		{"hang", hang(), func(err error) bool { return errors.Is(err, context.DeadlineExceeded) }},
		{"delay", delay(200 * time.Millisecond), func(err error) bool { return errors.Is(err, context.DeadlineExceeded) }},
		{"cut", cut(), func(err error) bool { return errors.Is(err, errLost) }},
	} {
		s.onNth(2, "docker ps", test.does)
		if _, err := c.run(t.Context(), ps); err != nil {
			t.Errorf("%s, the time before: %v", test.name, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
		if _, err := c.run(ctx, ps); !test.want(err) {
			t.Errorf("%s: got %v", test.name, err)
		}
		cancel()
	}
	var seen []string
	s.on("compose stop backend", then(func() { seen = s.lines("compose stop") }))
	s.sh("docker compose --file compose.yml stop backend")
	if !slices.Equal(seen, []string{"docker compose stop backend"}) {
		t.Errorf("got %q", seen)
	}
}

// What a cut connection leaves behind goes on to its end, and new connections are let in unless they are refused.
func TestStandInCut(t *testing.T) {
	s := started(t)
	c := connect(t, s.target, s.environment().Login)
	s.on("compose stop", cut())
	if _, err := c.run(t.Context(), command{args: []string{"docker", "compose", "stop", "backend"}}); !errors.Is(err, errLost) {
		t.Fatalf("got %v", err)
	}
	eventually(t, "the backend is stopped", func() bool { return s.running()["backend"] == "" })
	s.sshd.refuse(true)
	if _, err := Connect(t.Context(), s.target, s.environment().Login); err == nil {
		t.Error("connected although the server refuses")
	}
	s.sshd.refuse(false)
	connect(t, s.target, s.environment().Login)
}

func TestStandInRegistry(t *testing.T) {
	s := started(t)
	s.image("backend", "2.0.0", behaviour{})
	ref := s.imagesOf("2.0.0")[0].Ref()
	pull := "docker pull --quiet " + ref
	wantError := func(what, text string) {
		t.Helper()
		if out, err := s.try(pull); err == nil || !strings.Contains(out, text) {
			t.Errorf("%s: got %q, %v, want %s", what, out, err, text)
		}
	}
	s.set(func() { s.offline = true })
	wantError("offline", "connection refused")
	s.set(func() { s.offline = false })
	s.private("ann", "secret")
	wantError("without a login", "no basic auth credentials")
	config, err := Registry{Host: "registry.example.com", User: "ann", Token: "secret"}.dockerConfig()
	if err != nil {
		t.Fatal(err)
	}
	s.file("login/config.json", string(config))
	s.sh("docker --config login pull --quiet " + ref)
	s.sh("docker image rm " + ref)
	s.gone(ref)
	s.file("../home/.docker/config.json", string(config))
	wantError("gone", "manifest unknown")
	s.public("docker.io/acme/x:1", behaviour{})
	s.sh("docker pull --quiet docker.io/acme/x:1")
	if got := s.sh("docker image inspect --format '{{index .RepoTags 0}}' docker.io/acme/x:1"); got != "acme/x:1\n" {
		t.Errorf("Docker Hub: got %s", got)
	}
	s.built("app-backend:latest", behaviour{})
	if got := s.sh("docker image inspect --format '{{.RepoDigests}}' app-backend"); got != "[]\n" {
		t.Errorf("built: got %s", got)
	}
}
