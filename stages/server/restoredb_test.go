package server

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// with is the shop with a queue and one more service of ours that writes.
func with(service string) string {
	more := "  " + service + ":\n    image: ${REGISTRY}/worker:${VERSION}\n    restart: always\n  redis:\n    image: redis:8\n    restart: always\n"
	return strings.Replace(shopCompose, "  db:\n", more+"  db:\n", 1)
}

// busyShop is the shop at 1.1.0, which has a scheduler where 1.0.0 had a ticker, with what somebody has started by hand.
func busyShop(t *testing.T) *server {
	t.Helper()
	s := shop(t, false)
	s.public("redis:8", behaviour{exposes: []string{"6379/tcp"}})
	s.image("backend", "1.1.0", behaviour{healthyAfter: 20 * time.Millisecond, writes: true}).service("migrate", migration("two"))
	slow := behaviour{writes: true, stopsAfter: 30 * time.Millisecond}
	listens := slow
	listens.exposes = []string{"8086/tcp"} // which InfluxDB does, too
	s.image("worker", "1.0.0", listens)
	s.image("worker", "1.1.0", listens)
	for _, r := range []Release{s.release("1.0.0", with("ticker")), s.release("1.1.0", with("scheduler"))} {
		if _, err := Deploy(t.Context(), s.environment(), r); err != nil {
			t.Fatal(err)
		}
	}
	s.public("adminer:5", slow)
	s.byHand(t, "adminer", "False")
	s.byHand(t, "backend", "True")
	return s
}

// byHand starts a container in the project, past every release.
func (s *server) byHand(t *testing.T, service, oneOff string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.pull("", "adminer:5"); err != nil {
		t.Fatal(err)
	}
	c, err := s.create("by-hand-"+service, "adminer:5", service)
	if err != nil {
		t.Fatal(err)
	}
	c.labels, c.autoRemove = map[string]string{projectLabel: "app", serviceLabel: service, oneOffLabel: oneOff}, oneOff == "True"
	if err := s.start(c); err != nil {
		t.Fatal(err)
	}
}

// ids are those of the running containers, by name.
func (d *dockerd) ids() map[string]string {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.settle()
	all := map[string]string{}
	for _, c := range d.containers {
		if c.at(time.Now()).status == "running" {
			all[c.name] = c.id
		}
	}
	return all
}

// rowsOf are those in the newest backup.
func rowsOf(t *testing.T, s *server) []string {
	t.Helper()
	all, err := filepath.Glob(s.target.Dir + "/backup/*")
	if err != nil || len(all) == 0 {
		t.Fatalf("no backups, %v", err)
	}
	_, rows, _ := strings.Cut(readFile(t, slices.Max(all)), "FROM stdin;\n")
	rows, _, _ = strings.Cut(rows, `\.`)
	return strings.Fields(strings.ReplaceAll(rows, " ", "_"))
}

func spaceless(rows []string) []string {
	return strings.Fields(strings.ReplaceAll(strings.Join(rows, "\n"), " ", "_"))
}

func restoring(s *server) Back {
	back := s.back("1.0.0")
	back.Database = Recorded
	return back
}

// Everything that may write is stopped before the safety backup, whichever release or hand has started it.
func TestRestoreStopsAllThatWrites(t *testing.T) {
	t.Parallel()
	s := busyShop(t)
	hand := s.ids()["by-hand-adminer"]
	kept := rowsOf(t, s) // what 1.0.0 has left
	var atRestore []string
	s.on("exec db psql", then(func() { atRestore = spaceless(s.rows()) }))
	if _, err := Rollback(t.Context(), s.environment(), restoring(s)); err != nil {
		t.Fatal(err)
	}
	if safe := rowsOf(t, s); !slices.Equal(safe, atRestore) || len(safe) <= len(kept) {
		t.Errorf("%d rows were there when the restore began, and %d are in the safety backup", len(atRestore), len(safe))
	}
	now := spaceless(s.rows())
	if !startsWith(now, kept) || slices.ContainsFunc(now, func(row string) bool { return strings.Contains(row, "scheduler") }) {
		t.Errorf("the database has %q, want what was restored: %q", now, kept)
	}
	if running := s.running(); running["backend"] != "backend:1.0.0" || running["ticker"] != "worker:1.0.0" || running["scheduler"] != "" || running["adminer"] != "adminer:5" {
		t.Errorf("running: %v", running)
	}
	if beside := s.lines("compose up --no-recreate"); len(beside) != 1 {
		t.Errorf("the newer version was started again beside what is gone back to: %q", beside)
	}
	if started := s.lines("docker start"); !slices.Equal(started, []string{"docker start " + hand}) {
		t.Errorf("started by %q, want what is of neither release", started)
	}
	if stopped := s.lines("docker stop"); !slices.ContainsFunc(stopped, func(line string) bool { return len(strings.Fields(line)) == 2+4 }) {
		t.Errorf("stopped by %q, want backend, scheduler, and the two by hand at once", stopped)
	}
}

// A restore that does not come about ends with the database and the containers from before.
func TestRestoreThatFails(t *testing.T) {
	t.Parallel()
	s := upgradedBy(t, migration("two"), plainBackup)
	for _, c := range []struct {
		name   string
		breaks func(s *server, end context.CancelFunc)
		want   []string
	}{
		{"the script", func(s *server, _ context.CancelFunc) { s.on("exec db psql", half(3, "ERROR: disk full")) },
			[]string{"restoring the database failed: ERROR: disk full; the database is the one from before, from backup/", ", and 1.1.0 runs again and is healthy"}},
		{"the connection", func(s *server, _ context.CancelFunc) { s.on("exec db psql", cut()) },
			[]string{"restoring the database was cut off: ", "; the database is the one from before, from backup/", ", and 1.1.0 runs again and is healthy"}},
		{"the time", func(s *server, end context.CancelFunc) { s.on("exec db psql", then(end)) },
			[]string{"restoring the database was cut off: ", "; the database is the one from before, from backup/", ", and 1.1.0 runs again and is healthy"}},
		{"what comes after it", func(s *server, _ context.CancelFunc) {
			broken := fail(1, "no space left")
			s.on("exec db psql", then(func() { s.on("compose config --format", broken); s.on("compose config --format", broken) }))
		}, []string{"no space left; the database is the one from before, from backup/", ", and 1.1.0 runs again and is healthy"}},
		{"the safety backup", func(s *server, _ context.CancelFunc) { s.on("exec db pg_dump", fail(1, "no space left")) },
			[]string{"the backup failed (backup.sh): no space left; the database was not touched, and 1.1.0 runs again and is healthy"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, containers, schema := spaceless(s.rows()), s.ids(), s.schema()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			c.breaks(s, cancel)
			_, err := Rollback(ctx, s.environment(), restoring(s))
			f := failure(t, err)
			wantText(t, err.Error(), c.want...)
			if f.State != Restored || !maps.Equal(s.ids(), containers) {
				t.Errorf("the state is %s, and %v run instead of %v", f.State, s.ids(), containers)
			}
			if now := spaceless(s.rows()); !startsWith(now, before) || !slices.Equal(s.schema(), schema) {
				t.Errorf("the database has %q, %q, want those from before: %q, %q", s.schema(), now, schema, before)
			}
		})
	}
	t.Run("the script, twice", func(t *testing.T) { restoreThatCannotBeUndone(t, s) })
}

// TestRestoreThatFailsAfterTheFiles: containers read their files when they are started, so those from before are there again by then.
func TestRestoreThatFailsAfterTheFiles(t *testing.T) {
	t.Parallel()
	s := shop(t, false)
	s.image("backend", "1.1.0", behaviour{healthyAfter: 20 * time.Millisecond, writes: true}).service("migrate", migration("two"))
	for _, version := range []string{"1.0.0", "1.1.0"} {
		if _, err := Deploy(t.Context(), s.environment(), s.scripted(version, shopCompose+"# "+version+"\n", plainBackup)); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(s.target.Dir, s.environment().ComposeFile)
	broken, found := fail(1, "no space left"), "docker start was never said"
	s.on("exec db psql", then(func() { s.on("compose config --format", broken); s.on("compose config --format", broken) }))
	s.on("docker start", then(func() { found = readFile(t, file) }))
	_, err := Rollback(t.Context(), s.environment(), restoring(s))
	if f := failure(t, err); f.State != Restored || !strings.HasSuffix(found, "# 1.1.0\n") {
		t.Errorf("%s: 1.1.0 was started again with the file\n%s", f.State, found)
	}
}

// TestRestoreThatFailsWhereNothingCanBeWritten: what was never replaced need not be written to be as it was.
func TestRestoreThatFailsWhereNothingCanBeWritten(t *testing.T) {
	t.Parallel()
	s := upgradedBy(t, migration("two"), plainBackup)
	file := filepath.Join(s.target.Dir, s.environment().ComposeFile)
	s.file(s.environment().ComposeFile, readFile(t, file)+"# by hand\n") // so that there is a file to replace
	s.on("exec db psql", then(func() {
		if err := os.Mkdir(file+".part", 0o755); err != nil {
			t.Error(err)
		}
	}))
	_, err := Rollback(t.Context(), s.environment(), restoring(s))
	if f := failure(t, err); f.State != Restored || !strings.Contains(err.Error(), s.environment().ComposeFile) {
		t.Errorf("got %s: %v; %s", f.State, err, f.Next)
	}
}

// restoreThatCannotBeUndone: where the safety backup cannot be put back either, nothing runs on the broken database, and the
// message has the way out.
func restoreThatCannotBeUndone(t *testing.T, s *server) {
	schema := s.schema()
	s.on("exec db psql", half(3, "ERROR: disk full"))
	s.on("exec db psql", half(3, "ERROR: disk still full"))
	_, err := Rollback(t.Context(), s.environment(), restoring(s))
	f := failure(t, err)
	wantText(t, err.Error(), "restoring the database failed: ERROR: disk full", "putting the safety backup back failed as well: ", "disk still full",
		"the application is stopped on purpose, because nobody knows what is in its database")
	if f.State != NotRestored {
		t.Errorf("the state is %s", f.State)
	}
	wantRunning(t, s, map[string]string{"db": "postgres:17"})
	_, typed, _ := strings.Cut(f.Next, "on the server: ")
	typed, start, _ := strings.Cut(typed, "; when that has ended well: ")
	if !strings.HasPrefix(typed, "cd "+s.target.Dir+" && COMPOSE_FILE=compose.yml COMPOSE_PROJECT_NAME=app ./restore.sh backup/") {
		t.Errorf("the line to type is %q", typed)
	}
	s.sh(typed)
	s.sh(start)
	if safe := rowsOf(t, s); !slices.Equal(s.schema(), schema) || !startsWith(spaceless(s.rows()), safe) {
		t.Errorf("the database has %q, %q, want %q, %q", s.schema(), s.rows(), schema, safe)
	}
	wantRunning(t, s, map[string]string{"backend": "backend:1.1.0", "db": "postgres:17"})
}
