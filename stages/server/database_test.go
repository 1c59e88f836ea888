package server

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// upgradedBy is the shop at 1.1.0, whose migration was that, with a backup script.
func upgradedBy(t *testing.T, second behaviour, backup string) *server {
	t.Helper()
	s := shop(t, false)
	s.image("backend", "1.1.0", behaviour{healthyAfter: 20 * time.Millisecond, writes: true}).service("migrate", second)
	for _, version := range []string{"1.0.0", "1.1.0"} {
		if _, err := Deploy(t.Context(), s.environment(), s.scripted(version, shopCompose, backup)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// scripted is a release with another backup script.
func (s *server) scripted(version, compose, backup string) Release {
	r := s.release(version, compose)
	r.Scripts = []Script{{"backup.sh", []byte("#!/bin/sh\nset -e\nmkdir -p backup\n" + backup)}, {"restore.sh", []byte(restoreSh)}}
	return r
}

// Backup scripts as people write them; each prints the file that it wrote.
const (
	plainBackup   = "docker compose exec -T db pg_dump --clean > \"$1\"\necho \"$1\"\n"
	gzipBackup    = "docker compose exec -T db pg_dump --clean | gzip > \"$1.gz\"\necho \"$1.gz\"\n"
	archiveBackup = "docker compose exec -T db pg_dump -Fc > \"$1.dump\"\necho \"$1.dump\"\n"
)

// failure is how a deployment or a rollback came to nothing.
func failure(t *testing.T, err error) *Failure {
	t.Helper()
	f := new(Failure)
	if !errors.As(err, &f) {
		t.Fatalf("got %v, want a failure", err)
	}
	return f
}

func wantText(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in: %s", part, text)
		}
	}
}

// The database may be anywhere: what reads its dump is looked for in the project, on the server, and in an image.
func TestArchivesAreReadWhereverTheDatabaseIs(t *testing.T) {
	t.Parallel()
	complete := magic + "CREATE TABLE a;\n" + dumpEnd
	for _, c := range []struct {
		name, dump, onServer, image string
		want                        string // of the error
		ran                         string // the look that decided
	}{
		{"the server's own", complete, "cat > /dev/null", "postgres:18", "", ""},
		{"an image", complete, "exit 127", "postgres:18", "", "docker run --rm -i --network none --entrypoint pg_restore postgres:18 --file=/dev/null"},
		{"too old on the server", complete, "echo unsupported version; exit 1", "postgres:18", "", "docker run --rm -i --network none --entrypoint pg_restore postgres:18 --file=/dev/null"},
		{"nowhere", complete, "exit 127", "none:18", "pg_restore cannot read the backup backup.dump: Unable to find image 'none:18' locally", ""},
		{"cut off", complete[:len(complete)-3], "exit 127", "postgres:18", "pg_restore cannot read the backup backup.dump: pg_restore: error: could not read from input file: end of file", ""},
		{"damaged, as the first says", complete, "echo it is damaged; exit 1", "none:18", "pg_restore cannot read the backup backup.dump: it is damaged", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := standIn(t)
			s.public("postgres:18", behaviour{database: true})
			s.script("bin/pg_restore", c.onServer)
			s.file("backup.dump", c.dump)
			d := s.directly()
			d.env.Postgres = c.image
			if err := d.checkBackup(t.Context(), "backup.dump"); !strings.HasPrefix(message(err), c.want) || (err == nil) != (c.want == "") {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if ran := s.lines("run"); c.ran != "" && !slices.Equal(ran, []string{c.ran}) {
				t.Errorf("ran %q, want %q", ran, c.ran)
			}
		})
	}
}

func backups(t *testing.T, s *server) []string {
	t.Helper()
	files, err := filepath.Glob(s.target.Dir + "/backup/*")
	hidden, _ := filepath.Glob(s.target.Dir + "/backup/.*")
	if err != nil {
		t.Fatal(err)
	}
	return append(files, hidden...)
}

// A rollback compares what the target ran on with the database, whatever the ledger says and however dumps look.
func TestRollbackKnowsTheSchema(t *testing.T) {
	t.Parallel()
	s := upgradedBy(t, migration("two"), archiveBackup)
	if read := s.lines("docker exec pg_restore --file=/dev/null"); len(read) == 0 {
		t.Error("pg_restore of the database's container has read nothing")
	}
	kept := backups(t, s)
	refusedSchema(t, s, "1.0.0 ran on another schema than the database has now")
	if now := backups(t, s); !slices.Equal(now, kept) {
		t.Errorf("there are other backups than before: %q, not %q", now, kept)
	}
	s = upgradedBy(t, migration("one"), gzipBackup) // which has changed nothing
	if _, err := Rollback(t.Context(), s.environment(), s.back("1.0.0")); err != nil {
		t.Fatal(err)
	}
	if _, err := Deploy(t.Context(), s.environment(), s.scripted("1.1.0", shopCompose, gzipBackup)); err != nil {
		t.Fatal(err)
	}
	s.alter("by hand")
	refusedSchema(t, s, "1.0.0 ran on another schema than the database has now")
	entries := readFile(t, s.target.Dir+"/"+ledgerFile)
	s.file(ledgerFile, regexp.MustCompile(`,"schema":"[0-9a-f]+"`).ReplaceAllString(entries, ""))
	refusedSchema(t, s, "the schema that 1.0.0 ran on is not known")
	s.file(ledgerFile, entries)
	kept = backups(t, s)
	s.on("exec db pg_dump", fail(1, "no disk")) // which the script does not notice
	refusedSchema(t, s, "the schema that the database has now is not known (the backup backup/.schema-")
	if now := backups(t, s); !slices.Equal(now, kept) {
		t.Errorf("there are other backups than before: %q, not %q", now, kept)
	}
	back := s.back("1.0.0")
	back.SchemaAhead = true
	if _, err := Rollback(t.Context(), s.environment(), back); err != nil {
		t.Error(err)
	}
}

// refusedSchema is a rollback to 1.0.0 that is refused and changes nothing.
func refusedSchema(t *testing.T, s *server, want string) {
	t.Helper()
	_, err := Rollback(t.Context(), s.environment(), s.back("1.0.0"))
	wantText(t, message(err), want, "--restore-db=recorded", "--allow-schema-ahead", "nothing was changed on the server")
	wantRunning(t, s, map[string]string{"backend": "backend:1.1.0", "db": "postgres:17"})
}

// Schemas are ours to judge where one of the two releases migrates (D6).
func TestMigrates(t *testing.T) {
	with := &project{compose: compose{Services: map[string]service{"migrate": {}}}}
	without := &project{compose: compose{Services: map[string]service{"backend": {}}}}
	for _, c := range []struct {
		next, previous *project
		backup         string
		want           bool
	}{
		{with, with, "backup.sh", true}, {without, with, "backup.sh", true}, {with, without, "backup.sh", true},
		{without, without, "backup.sh", false}, {with, with, "", true}, {without, without, "", false},
	} {
		d := &rollback{deployment: &deployment{env: Environment{Migrate: "migrate", Backup: c.backup}, next: c.next, previous: c.previous}}
		if got := d.migrates(); got != c.want {
			t.Errorf("%+v: got %t", c, got)
		}
	}
}

// directly is a deployment of the stand-in's application at work, of which a test uses a part.
func (s *server) directly() *deployment {
	env := s.environment()
	conn := connect(s.t, env.Target, env.Login)
	return &deployment{env: env, conn: conn, next: &project{conn: conn, compose: compose{Name: "app"}}}
}

// What a script has written over its own backup must not be taken away with the second look.
func TestScriptThatWritesOverItsBackups(t *testing.T) {
	s := shop(t, false)
	s.file("backup/today.sql", postgres("k", "", "1", ""))
	s.file(".slipway/busy", "")
	s.script("app/backup.sh", "echo backup/today.sql")
	d := s.directly()
	d.ledger = Ledger{{Backup: "backup/today.sql"}}
	if _, err := d.schemaNow(t.Context()); err != nil {
		t.Error(err)
	}
	if kept := s.sh("ls -A backup"); kept != "today.sql\n" {
		t.Errorf("the backups are %q", kept)
	}
}

// alter changes the schema, past every migration.
func (d *dockerd) alter(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.db.schema = append(d.db.schema, table(name))
}

// killClients cuts the connections, and kills what was started through them; containers go on.
func (s *sshd) killClients() {
	s.cut()
	s.mu.Lock()
	defer s.mu.Unlock()
	for group := range s.groups {
		_ = syscall.Kill(-group, syscall.SIGKILL)
	}
}

// A migration that is cut off is not called harmless before the schema was read from the database.
func TestMigrationThatIsCutOff(t *testing.T) {
	t.Parallel()
	slow := func(name string) behaviour {
		m := migration(name)
		m.endsAfter = 300 * time.Millisecond
		return m
	}
	nothing := slow("one")
	endless := behaviour{endsAfter: time.Hour}
	s := shop(t, true)
	atWork := func(then func()) {
		for s.running()["migrate"] == "" {
			time.Sleep(time.Millisecond)
		}
		then()
	}
	for n, c := range []struct {
		name    string
		does    behaviour
		breaks  func(*server, context.CancelFunc)
		state   State
		found   []string
		next    []string
		changed bool
	}{
		{"connection lost, schema changed", slow("two"), func(s *server, _ context.CancelFunc) { s.sshd.cut() }, NotRestored,
			[]string{"the migration was cut off: ", "1.0.0 was never stopped and still runs, but the schema of its database was changed half way"}, []string{"run the same line again", "./restore.sh backup/"}, true},
		{"connection lost, nothing changed", nothing, func(s *server, _ context.CancelFunc) { s.sshd.cut() }, Kept, []string{"1.0.0 was never stopped and still runs"}, nil, false},
		{"time over, schema changed", slow("three"), func(_ *server, end context.CancelFunc) { end() }, NotRestored, []string{"the schema of its database was changed half way"}, []string{"./restore.sh backup/"}, true},
		{"time over, nothing changed", nothing, func(_ *server, end context.CancelFunc) { end() }, Kept, []string{"1.0.0 was never stopped and still runs"}, nil, false},
		{"nothing can be known", nothing, func(s *server, _ context.CancelFunc) {
			s.onNth(1, "exec db pg_dump", fail(1, "no such disk"))
			s.sshd.cut()
		}, NotRestored, []string{"may have been changed", "no such disk"}, []string{"./restore.sh backup/"}, false},
		{"connection lost, still at work", endless, func(s *server, _ context.CancelFunc) { s.sshd.killClients() }, NotRestored,
			[]string{"it still runs on the server, in the container app-migrate-run-"}, []string{"docker logs -f app-migrate-run-", "run the same line again"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			version, before := fmt.Sprintf("1.%d.0", n+1), s.schema()
			s.image("backend", version, behaviour{}).service("migrate", c.does)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s.on("compose run migrate", then(func() { go atWork(func() { c.breaks(s, cancel) }) }))
			_, err := Deploy(ctx, s.environment(), s.release(version, shopCompose))
			f := failure(t, err)
			if f.State != c.state {
				t.Errorf("the state is %s, want %s", f.State, c.state)
			}
			wantText(t, err.Error(), c.found...)
			wantText(t, f.Next, c.next...)
			if changed := !slices.Equal(s.schema(), before); changed != c.changed {
				t.Errorf("the schema is %q, and was %q", s.schema(), before)
			}
			if got := s.running()["backend"]; got != "backend:1.0.0" {
				t.Errorf("backend runs as %q", got)
			}
		})
	}
	started := len(s.lines("compose run migrate"))
	_, err := Deploy(t.Context(), s.environment(), s.release("1.6.0", shopCompose))
	wantText(t, message(err), "a migration that an earlier run has left is still at work, in the container app-migrate-run-", "1.0.0 was never stopped and still runs")
	if again := len(s.lines("compose run migrate")); again != started {
		t.Error("a second migration was started beside the first")
	}
}

// A migration that fails leaves the schema as it was, or the run says that it has not.
func TestMigrationThatFails(t *testing.T) {
	t.Parallel()
	s := shop(t, true)
	fails := func(change bool) behaviour {
		return behaviour{work: func(db *database) (string, int) {
			if change {
				db.schema = append(db.schema, table("half"))
			}
			return "no such column\n", 1
		}}
	}
	for n, c := range []struct {
		name   string
		does   behaviour
		backup string
		state  State
		found  string
	}{
		{"nothing changed", fails(false), archiveBackup, Kept, "1.0.0 was never stopped and still runs"},
		{"half way", fails(true), archiveBackup, NotRestored, "but the schema of its database was changed half way"},
		{"no backup script", fails(true), "", NotRestored, "but the schema of its database may have been changed half way: no backup script says what it was"},
	} {
		t.Run(c.name, func(t *testing.T) {
			version := fmt.Sprintf("1.%d.0", n+1)
			s.image("backend", version, behaviour{}).service("migrate", c.does)
			env := s.environment()
			if c.backup == "" {
				env.Backup, env.Restore, env.Unsaved = "", "", true
			}
			_, err := Deploy(t.Context(), env, s.scripted(version, shopCompose, c.backup))
			f := failure(t, err)
			if f.State != c.state || !strings.HasSuffix(err.Error(), c.found) {
				t.Errorf("got %s, %v, want %s, %s", f.State, err, c.state, c.found)
			}
			wantText(t, err.Error(), "the migration failed: no such column")
		})
	}
}

// The line that the run prints goes back to the state before, by hand.
func TestMigrationIsUndoneByTheLineThatIsPrinted(t *testing.T) {
	t.Parallel()
	s := shop(t, true)
	before := s.rows()
	s.image("backend", "1.1.0", behaviour{}).service("migrate", behaviour{work: func(db *database) (string, int) { db.rows, db.schema = nil, nil; return "", 1 }})
	_, err := Deploy(t.Context(), s.environment(), s.release("1.1.0", shopCompose))
	f := failure(t, err)
	_, typed, _ := strings.Cut(f.Next, ": ")
	s.sh(typed)
	if !slices.Equal(s.schema(), []string{table("one")}) || len(before) == 0 || !startsWith(s.rows(), before) {
		t.Errorf("after %s the database has %q", typed, s.schema())
	}
}

func startsWith(all, first []string) bool {
	return len(all) >= len(first) && slices.Equal(all[:len(first)], first)
}
