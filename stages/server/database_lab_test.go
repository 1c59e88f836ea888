package server

import (
	"context"
	"strings"
	"testing"
	"time"
)

const storingFile = `
services:
  app:
    image: ${REGISTRY}/nginx:${VERSION}
    restart: unless-stopped
    init: true
    command: [sleep, infinity]
    healthcheck: &often {test: [CMD, "true"], interval: 1s, start_period: 30s}
  migrate:
    image: ${REGISTRY}/nginx:${VERSION}
    command: ["true"]
  db:
    image: postgres:17
    restart: unless-stopped
    environment: {POSTGRES_PASSWORD: secret, PGPASSWORD: secret}
    healthcheck: {<<: *often, test: [CMD, psql, -h, 127.0.0.1, -c, SELECT 1]}
    volumes: ["data:/var/lib/postgresql/data"]
volumes:
  data:
`

// Scripts as people write them: an archive, and a restore that breaks half way where there is a file called broken.
const (
	archiveScript   = "#!/bin/sh\nset -e\nmkdir -p backup\ndocker compose exec -T db pg_dump -Fc > \"$1\"\necho \"$1\"\n"
	breakingRestore = "#!/bin/sh\nset -e\ntest ! -e broken || { rm broken; docker compose exec -T db psql -c 'DROP TABLE shop'; echo broken; exit 1; }\n" +
		"docker compose exec -T db pg_restore --clean --if-exists -d postgres < \"$1\"\n"
)

// TestDatabase is one database on a real server: its rows are there after all that may go wrong around them.
func TestDatabase(t *testing.T) {
	t.Parallel()
	a := newApplication(t)
	a.image = labImage(t, "nginx", "1.26")
	a.env.Backup, a.env.Restore, a.env.Postgres = "backup.sh", "restore.sh", "postgres:17"
	a.env.Pace = Pace{Steady: time.Second, Step: 100 * time.Millisecond}
	release := func(version, migrate string) Release {
		r := a.release(version, map[string]string{"deploy/compose.yml": strings.Replace(storingFile, "[\"true\"]\n  db", migrate+"\n  db", 1)})
		r.Scripts = []Script{{"backup.sh", []byte(archiveScript)}, {"restore.sh", []byte(breakingRestore)}}
		return r
	}
	sql := func(statement string) string {
		return strings.TrimSpace(a.sh(t, `docker exec "$1-db-1" psql -Atc "$2"`, a.project(), statement))
	}
	deploy := func(version string) Result {
		t.Helper()
		done, err := Deploy(t.Context(), a.env, release(version, `["true"]`))
		if err != nil {
			t.Fatal(err)
		}
		return done
	}
	deploy("1.0.0")
	sql("CREATE TABLE shop (row text); INSERT INTO shop VALUES ('one')")
	deploy("1.1.0")
	sql("INSERT INTO shop VALUES ('two')")

	t.Run("a restore that breaks", func(t *testing.T) {
		before, _ := a.inside(t, "app", "/dev/null")
		a.sh(t, "touch broken")
		back := Back{Database: Recorded, By: "ann", Reason: "test", Exists: func(context.Context, string) (bool, error) { return true, nil }}
		_, err := Rollback(t.Context(), a.env, back)
		wantText(t, message(err), "restoring the database failed: ", "the database is the one from before", "1.1.0 runs again and is healthy")
		if after, _ := a.inside(t, "app", "/dev/null"); after != before || sql("SELECT * FROM shop ORDER BY row") != "one\ntwo" {
			t.Errorf("container %s (before: %s) has %q", after, before, sql("SELECT * FROM shop"))
		}
	})
	t.Run("a migration that is cut off", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		env := a.env
		env.Step = func(ctx context.Context, name string) (context.Context, func(error)) {
			if strings.HasPrefix(name, "migrate") {
				time.AfterFunc(time.Second, cancel)
			}
			return ctx, func(error) {}
		}
		_, err := Deploy(ctx, env, release("1.2.0", `[sleep, "3"]`))
		wantText(t, message(err), "the migration was cut off: ", "1.1.0 was never stopped and still runs")
		if f := failure(t, err); f.State != Kept {
			t.Errorf("the state is %s: nothing was changed", f.State)
		}
	})
	t.Run("a first deployment that finds it", func(t *testing.T) {
		a.sh(t, `COMPOSE_FILE=deploy/compose.yml docker compose down --timeout 1 && rm -rf .slipway backup deploy`)
		if done := deploy("1.3.0"); done.Backup == "" || done.Previous != "" {
			t.Errorf("got %+v, want a backup of what was found", done)
		}
		if got := sql("SELECT * FROM shop ORDER BY row"); got != "one\ntwo" {
			t.Errorf("the database has %q", got)
		}
	})
}
