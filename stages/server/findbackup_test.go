package server

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// entries are those of the server's ledger.
func (s *server) entries() Ledger {
	s.t.Helper()
	l, err := parseLedger(s.ledger())
	if err != nil {
		s.t.Fatal(err)
	}
	return l
}

// What saving the present database has spoiled is not restored: nothing was begun yet, and the same containers start again.
func TestSafetyBackupThatSpoilsWhatIsRestored(t *testing.T) {
	t.Parallel()
	s := upgradedBy(t, migration("two"), strings.Replace(plainBackup, "echo", "cp \"$1\" backup/latest.sql\necho", 1))
	kept := s.entries()[1].Backup
	removes := func(file string) hook {
		return then(func() { _ = os.Remove(filepath.Join(s.target.Dir, file)) })
	}
	for _, c := range []struct {
		name, restored string
		spoils         hook
		want           string
	}{
		{"written over", "backup/latest.sql", then(func() {}), "saving the present database has changed or removed the backup backup/latest.sql"},
		{"removed", Recorded, removes(kept), "saving the present database has changed or removed the backup " + kept},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, containers, schema := spaceless(s.rows()), s.ids(), s.schema()
			s.on("exec db pg_dump", c.spoils)
			back := restoring(s)
			back.Database = c.restored
			_, err := Rollback(t.Context(), s.environment(), back)
			wantText(t, message(err), c.want, "the database was not touched, and 1.1.0 runs again and is healthy")
			if f := failure(t, err); f.State != Restored || !maps.Equal(s.ids(), containers) {
				t.Errorf("the state is %s, and %v run instead of %v", f.State, s.ids(), containers)
			}
			if now := spaceless(s.rows()); !startsWith(now, before) || !slices.Equal(s.schema(), schema) {
				t.Errorf("the database has %q, %q, want those from before: %q, %q", s.schema(), now, schema, before)
			}
		})
	}
}

// namesItself is a backup script that has one file for a day, whatever it is given.
const namesItself = "docker compose exec -T db pg_dump --clean > backup/today.sql\necho backup/today.sql\n"

// A backup under a name of the script's own is refused at the first deployment, before a second writes over it.
func TestDeploymentRefusesABackupOfAnotherName(t *testing.T) {
	t.Parallel()
	s := shop(t, true)
	s.image("backend", "1.1.0", behaviour{healthyAfter: 20 * time.Millisecond}).service("migrate", migration("two"))
	_, err := Deploy(t.Context(), s.environment(), s.scripted("1.1.0", shopCompose, namesItself))
	wantText(t, message(err), `backup.sh has printed "backup/today.sql" as the file that it wrote: expected the one that it is given as $1 (backup/20`, "1.0.0 was never stopped and still runs")
	if f := failure(t, err); f.State != Kept || !slices.Equal(s.schema(), []string{table("one")}) {
		t.Errorf("the state is %s, the schema %q", f.State, s.schema())
	}
	wantRunning(t, s, map[string]string{"backend": "backend:1.0.0", "db": "postgres:17"})
}

// A safety backup that has written over the very backup is noticed before that is restored: it holds the present database.
func TestRollbackRefusesASafetyBackupOfAnotherName(t *testing.T) {
	t.Parallel()
	s := upgradedBy(t, migration("two"), plainBackup)
	kept := s.entries()[1]
	s.sh("mv " + kept.Backup + " backup/today.sql")
	s.file(ledgerFile, strings.NewReplacer(kept.Backup, "backup/today.sql", `"checksum":"`+kept.Checksum+`",`, "").Replace(s.ledger()))
	s.script("app/backup.sh", "set -e\n"+namesItself)
	_, err := Rollback(t.Context(), s.environment(), restoring(s))
	wantText(t, message(err), `backup.sh has printed "backup/today.sql" as the file that it wrote`, "the database was not touched, and 1.1.0 runs again and is healthy")
	if f := failure(t, err); f.State != Restored {
		t.Errorf("the state is %s", f.State)
	}
	s.sh("touch -d '+2 minutes' backup/today.sql")
	s.script("app/backup.sh", "set -e\n"+plainBackup)
	_, err = Rollback(t.Context(), s.environment(), restoring(s))
	wantText(t, message(err), "the backup backup/today.sql was written over at ", ", after the deploy of 1.1.0: name the file to restore with --restore-db; nothing was changed on the server")
}

// The first deployment says no more of a name than that it is the wrong one.
func TestFirstDeploymentRefusesABackupOfAnotherName(t *testing.T) {
	t.Parallel()
	s := shop(t, false) // with its database elsewhere
	compose := strings.NewReplacer("    depends_on:\n      db: {condition: service_healthy}\n", "", "    depends_on: [db]\n", "", "  db:\n", "  db:\n    profiles: [local]\n").Replace(shopCompose)
	s.file("whole", postgres("k", "", "1", ""))
	_, err := Deploy(t.Context(), s.environment(), s.scripted("1.0.0", compose, "cp whole backup/today.sql\necho backup/today.sql\n"))
	if !strings.HasPrefix(message(err), `backup.sh has printed "backup/today.sql" as the file that it wrote`) {
		t.Errorf("got %v", err)
	}
}

// A script may add an ending to the file that it is given, and say where it is.
func TestNamesOfBackups(t *testing.T) {
	t.Parallel()
	s := standIn(t)
	s.file("whole", postgres("k", "", "1", ""))
	s.sh("mkdir backup .slipway")
	d := s.directly()
	d.env.Backup = "backup.sh"
	for last, want := range map[string]string{
		`echo "$1"`: "backup/now.sql", `:`: "backup/now.sql", `echo "./$1"`: "./backup/now.sql", `echo "$PWD/$1"`: s.target.Dir + "/backup/now.sql",
		`cp "$1" "$1.2"; echo copied; echo "$1.2"`: "backup/now.sql.2",
		`echo backup/today.sql`:                    "", `echo done`: "", `echo "$1/../today.sql"`: "", `echo "/backup/now.sql"`: "",
	} {
		s.script("app/backup.sh", "cat whole > \"$1\"\ncp whole backup/today.sql\n"+last)
		got, err := d.dump(t.Context(), "backup/now.sql")
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: got %q, %v, want %q", last, got, err, want)
		}
	}
}

// The ledger knows a backup again by its checksum; ledgers of before have none.
func TestBackupIsTheOneThatWasMade(t *testing.T) {
	t.Parallel()
	s := upgradedBy(t, migration("two"), plainBackup)
	saved := s.entries()[1]
	if sum, _, _ := strings.Cut(s.sh("sha256sum "+saved.Backup), " "); sum != saved.Checksum {
		t.Errorf("the ledger has the checksum %q, want %q", saved.Checksum, sum)
	}
	s.sh("sed -i 's/^COPY/-- another\\nCOPY/' " + saved.Backup)
	for _, name := range []string{Recorded, saved.Backup, "./" + saved.Backup} {
		back := restoring(s)
		back.Database = name
		_, err := Rollback(t.Context(), s.environment(), back)
		wantText(t, message(err), saved.Backup+" is not what it was when it was made: its sha256 is ", ", expected "+saved.Checksum, "nothing was changed on the server")
	}
	s.file(ledgerFile, regexp.MustCompile(`"checksum":"[0-9a-f]+",`).ReplaceAllString(s.ledger(), ""))
	if _, err := Rollback(t.Context(), s.environment(), restoring(s)); err != nil {
		t.Error(err)
	}
}

// A ledger of before has no checksum, but the time when its backup was there already.
func TestBackupThatWasWrittenOver(t *testing.T) {
	t.Parallel()
	s := standIn(t)
	s.file("today", "")
	l := story(t, "deploy 1.0.0", "deploy 1.1.0 today") // at 00:00 and 00:01
	for _, c := range []struct{ at, database, checksum, want string }{
		{"00:00:50", Recorded, "", ""},
		{"00:01:50", Recorded, "", ""}, // by another clock
		{"00:02:10", Recorded, "", "the backup today was written over at 2026-01-01 00:02:10, after the deploy of 1.1.0: name the file to restore with --restore-db"},
		{"00:02:10", Recorded, "sum", ""},
		{"00:02:10", "today", "", ""},
	} {
		s.sh("touch -d '2026-01-01 " + c.at + " UTC' today")
		d := &rollback{deployment: s.directly(), back: Back{Database: c.database}, target: l[0], backup: "today"}
		d.ledger, l[1].Checksum = l, c.checksum
		if err := d.checkAge(t.Context(), l[1]); message(err) != c.want {
			t.Errorf("%+v: got %v", c, err)
		}
	}
}
