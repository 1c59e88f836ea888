package server

import (
	"context"
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

// checkout are the scripts of a checkout, under these names.
func checkout(backup, restore string) []Script {
	return []Script{{backup, []byte(backupSh)}, {restore, []byte(restoreSh)}}
}

// A rollback brings its scripts along, as a deployment does: what was deployed may not have had them.
func TestRollbackBringsItsScripts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, before, backup, restore string }{
		{"added since", "rm restore.sh", "backup.sh", "restore.sh"},
		{"renamed since", "true", "scripts/save.sh", "scripts/restore.sh"},
		{"corrected since", "echo 'exit 1' > restore.sh", "backup.sh", "restore.sh"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := upgradedBy(t, migration("two"), plainBackup)
			s.sh(c.before)
			env, back := s.environment(), restoring(s)
			env.Backup, env.Restore = c.backup, c.restore
			back.Scripts = checkout(c.backup, c.restore)
			if _, err := Rollback(t.Context(), env, back); err != nil {
				t.Fatal(err)
			}
			if got := s.schema(); !slices.Equal(got, []string{table("one")}) {
				t.Errorf("the schema is %q", got)
			}
			wantRunning(t, s, map[string]string{"backend": "backend:1.0.0", "db": "postgres:17"})
		})
	}
	t.Run("to see the schema", func(t *testing.T) {
		t.Parallel()
		s := upgradedBy(t, migration("two"), plainBackup)
		s.sh("rm backup.sh")
		back := s.back("1.0.0")
		back.Scripts = checkout("backup.sh", "restore.sh")
		_, err := Rollback(t.Context(), s.environment(), back)
		wantText(t, message(err), "1.0.0 ran on another schema than the database has now", "nothing was changed on the server")
	})
}

// What cannot be run is found before anything is stopped.
func TestRollbackFindsItsScripts(t *testing.T) {
	t.Parallel()
	s := upgradedBy(t, migration("two"), plainBackup)
	containers, stops := s.ids(), s.lines("docker stop")
	for _, c := range []struct{ name, restore, want string }{
		{"made on Windows", "#!/bin/sh\r\nexit 0\r\n", `restore.sh cannot be run on 127.0.0.1: its first line asks for "/bin/sh\r", which is not there`},
		{"by a program that is not there", "#!/usr/bin/env no-such-program\n", `restore.sh cannot be run on 127.0.0.1: its first line asks for "no-such-program", which is not there`},
		{"likewise, with options", "#! /usr/bin/env -S no-such-program -e\n", `asks for "no-such-program"`},
		{"nowhere", "", "restore.sh cannot be run on 127.0.0.1: expected a file there that deploy may execute"},
	} {
		t.Run(c.name, func(t *testing.T) {
			back := restoring(s)
			back.Scripts = []Script{{"restore.sh", []byte(c.restore)}}
			if c.restore == "" {
				s.sh("rm restore.sh")
				back.Scripts = nil
			}
			_, err := Rollback(t.Context(), s.environment(), back)
			wantText(t, message(err), c.want, "nothing was changed on the server")
			if now := s.ids(); !maps.Equal(now, containers) || !slices.Equal(s.lines("docker stop"), stops) {
				t.Errorf("running: %v, before: %v; stopped by %q", now, containers, s.lines("docker stop"))
			}
		})
	}
}

func TestRunnableScript(t *testing.T) {
	t.Parallel()
	s := standIn(t)
	d := s.directly()
	for text, runs := range map[string]bool{
		"#!/bin/sh\n": true, "#! /bin/sh -e\n": true, "#!/usr/bin/env sh\n": true, "#!/usr/bin/env -S sh -e\n": true, "#!/usr/bin/env -i sh\n": true,
		"#!/usr/bin/env A=1 sh\n": true, "echo no first line\n": true, "": true, "#!\n": true, "\x7fELF\x00\x00": true,
		"#!/no/such/program\n": false, "#!/usr/bin/env no-such-program": false, "#!/bin/*\n": false,
	} {
		if err := os.WriteFile(s.target.Dir+"/it's a script", []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := d.conn.canRun(t.Context(), "it's a script"); (err == nil) != runs {
			t.Errorf("%q: got %v, want it to be run: %t", text, err, runs)
		}
	}
	for _, cannot := range []string{"missing", "folder", "file"} {
		s.sh("mkdir -p folder && touch file")
		if err := d.conn.canRun(t.Context(), cannot); err == nil {
			t.Errorf("a %s is called a script that can be run", cannot)
		}
	}
}

// What saving the present database has spoiled is not restored: nothing was begun yet, and the same containers start again.
func TestSafetyBackupThatSpoilsWhatIsRestored(t *testing.T) {
	t.Parallel()
	s := upgradedBy(t, migration("two"), plainBackup)
	kept := s.entries()[1].Backup
	removes := func(file string) hook {
		return then(func() { _ = os.Remove(filepath.Join(s.target.Dir, file)) })
	}
	for _, c := range []struct {
		name   string
		spoils hook
		want   string
	}{
		{"the script is gone", removes("restore.sh"), "restore.sh cannot be run on 127.0.0.1"},
		{"removed", removes(kept), "saving the present database has changed or removed the backup " + kept},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, containers, schema := spaceless(s.rows()), s.ids(), s.schema()
			s.on("exec db pg_dump", c.spoils)
			back := restoring(s)
			back.Scripts = []Script{{"restore.sh", []byte(restoreSh)}}
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

// Where the older version's files have taken the place of the scripts, the safety backup goes back all the same.
func TestSafetyBackupGoesBackByTheScriptsOfTheCheckout(t *testing.T) {
	t.Parallel()
	s := shop(t, false)
	s.image("backend", "1.1.0", behaviour{healthyAfter: 20 * time.Millisecond, writes: true}).service("migrate", migration("two"))
	env := s.environment()
	env.Backup, env.Restore = "scripts/backup.sh", "scripts/restore.sh"
	compose := strings.Replace(shopCompose, "    restart: unless-stopped\n", "    restart: unless-stopped\n    volumes: [\"./scripts:/scripts:ro\"]\n", 1)
	scripts := checkout(env.Backup, env.Restore)
	files := []File{{Path: env.Backup, Text: []byte(backupSh)}, {Path: env.Restore, Text: []byte(restoreSh)}}
	for n, version := range []string{"1.0.0", "1.1.0"} { // the first has no restore script yet
		r := s.release(version, compose, files[:n+1]...)
		r.Scripts = scripts[:n+1]
		if _, err := Deploy(t.Context(), env, r); err != nil {
			t.Fatal(err)
		}
	}
	before, schema := spaceless(s.rows()), s.schema()
	broken := fail(1, "no space left")
	s.on("exec db psql", then(func() { s.on("compose config --format", broken); s.on("compose config --format", broken) }))
	back := restoring(s)
	back.Scripts = scripts
	_, err := Rollback(t.Context(), env, back)
	wantText(t, message(err), "no space left; the database is the one from before, from backup/", ", and 1.1.0 runs again and is healthy")
	if now := spaceless(s.rows()); !startsWith(now, before) || !slices.Equal(s.schema(), schema) {
		t.Errorf("the database has %q, %q, want those from before: %q, %q", s.schema(), now, schema, before)
	}
	if last := s.entries()[2]; last.Restored != "" || last.Backup == "" {
		t.Errorf("the ledger says %+v, and what was restored was taken back", last)
	}
}

// namesItself is a backup script that has one file for a day, whatever it is given.
const namesItself = "docker compose exec -T db pg_dump --clean > backup/today.sql\necho backup/today.sql\n"

// A script may name its file itself, one for a day: what a deployment has saved is not written over by the next.
func TestBackupThatTheScriptNames(t *testing.T) {
	t.Parallel()
	s := shop(t, true)
	for n, version := range []string{"1.1.0", "1.2.0"} {
		s.image("backend", version, behaviour{healthyAfter: 20 * time.Millisecond}).service("migrate", migration([]string{"two", "three"}[n]))
		if _, err := Deploy(t.Context(), s.environment(), s.scripted(version, shopCompose, namesItself)); err != nil {
			t.Fatal(err)
		}
	}
	saved := s.entries()[1:]
	for _, e := range saved {
		if sum, _, _ := strings.Cut(s.sh("sha256sum "+e.Backup), " "); sum != e.Checksum || !newBackupName.MatchString("/"+e.Backup) {
			t.Errorf("%s saved %s, whose checksum is %s, want %s", e.Version, e.Backup, sum, e.Checksum)
		}
	}
	if saved[0].Backup == saved[1].Backup || saved[0].Checksum == saved[1].Checksum {
		t.Errorf("both have saved the same: %+v", saved)
	}
	back := restoring(s)
	if _, err := Rollback(t.Context(), s.environment(), back); err != nil || !slices.Equal(s.schema(), []string{table("one")}) {
		t.Errorf("%v, and the schema is %q", err, s.schema())
	}
}

// A backup that the ledger has under a name of the script's own is restored, although saving the present database writes over it.
func TestRestoreOfABackupThatTheScriptNames(t *testing.T) {
	t.Parallel()
	s := upgradedBy(t, migration("two"), plainBackup)
	kept := s.entries()[1]
	s.sh("mv " + kept.Backup + " backup/today.sql")
	s.file(ledgerFile, strings.NewReplacer(kept.Backup, "backup/today.sql", `"checksum":"`+kept.Checksum+`",`, "").Replace(s.ledger()))
	s.script("app/backup.sh", "set -e\n"+namesItself)
	s.sh("touch -d '" + kept.Time.Add(2*time.Minute).Format(time.RFC3339) + "' backup/today.sql")
	_, err := Rollback(t.Context(), s.environment(), restoring(s))
	wantText(t, message(err), "the backup backup/today.sql was written over at ", ", after the deploy of 1.1.0: name the file to restore with --restore-db; nothing was changed on the server")
	s.sh("touch -d '" + kept.Time.Format(time.RFC3339) + "' backup/today.sql")
	rolled, err := Rollback(t.Context(), s.environment(), restoring(s))
	if err != nil || !slices.Contains(rolled.Figures, "database restored from backup/today.sql") || !slices.Equal(s.schema(), []string{table("one")}) {
		t.Errorf("got %q, %v, and the schema is %q", rolled.Figures, err, s.schema())
	}
	if last := s.entries()[2]; last.Restored != "backup/today.sql" || last.Backup == "" || last.Backup == last.Restored {
		t.Errorf("the ledger says %+v", last)
	}
}

// A script may add an ending to the file that it is given, say where it is, or have a name of its own, which is taken away.
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
		`echo backup/today.sql`:                    "backup/now.sql", `cp whole other.dump; echo "$PWD/other.dump"`: "backup/now.dump",
		`echo done`: "", `echo "$1/../today.sql"`: "", `echo "/backup/now.sql"`: "",
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

// What a version has left behind is in the last backup, as long as the attempts that have failed did not change its schema.
func TestRecordedAfterAnAttemptThatFailed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		failing behaviour
		refused bool
	}{{"nothing changed", migration("one"), false}, {"schema changed", migration("two"), true}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := shop(t, true)
			s.image("backend", "1.1.0", behaviour{unhealthyAfter: 10 * time.Millisecond}).service("migrate", c.failing)
			s.image("backend", "1.2.0", behaviour{healthyAfter: 20 * time.Millisecond}).service("migrate", migration("three"))
			if _, err := Deploy(t.Context(), s.environment(), s.release("1.1.0", shopCompose)); err == nil {
				t.Fatal("1.1.0 is never healthy")
			}
			if _, err := Deploy(t.Context(), s.environment(), s.release("1.2.0", shopCompose)); err != nil {
				t.Fatal(err)
			}
			first, last := s.entries()[1], s.entries()[2]
			rolled, err := Rollback(t.Context(), s.environment(), restoring(s))
			if !c.refused {
				if err != nil || !slices.Contains(rolled.Figures, "database restored from "+last.Backup) {
					t.Errorf("got %q, %v, want %s restored", rolled.Figures, err, last.Backup)
				}
				return
			}
			wantText(t, message(err), "1.0.0 has left more than one backup, and the schema was changed between them: name one with --restore-db, what was written after it is lost: ",
				first.Backup+" (before the deploy of 1.1.0, failed at "+first.Time.Format("2006-01-02 15:04:05 UTC")+"); "+last.Backup+" (before the deploy of 1.2.0, healthy at ", "nothing was changed on the server")
			back := restoring(s)
			back.Database = first.Backup
			if _, err := Rollback(t.Context(), s.environment(), back); err != nil || !slices.Equal(s.schema(), []string{table("one")}) {
				t.Errorf("the one that was named: %v, the schema is %q", err, s.schema())
			}
		})
	}
}

// Where something else may have been in the database between two backups, nobody picks one.
func TestDoubt(t *testing.T) {
	t.Parallel()
	s := standIn(t)
	for name, columns := range map[string]string{"a": "", "b": "\n    age integer,", "c": "", "d": ""} {
		s.file(name, postgres("k", "1\t"+name+"\n", "1", columns))
	}
	for _, c := range []struct {
		name  string
		lines []string
		state State
		want  string
	}{
		{"only one", []string{"deploy 2 b"}, "", ""},
		{"the same schema", []string{"failed deploy 2 a", "deploy 3 c"}, Kept, ""},
		{"the same schema again", []string{"failed deploy 2 a", "failed deploy 2 b", "deploy 3 c"}, NotRestored, ""},
		{"another schema", []string{"failed deploy 2 a", "deploy 3 b"}, Kept, "the schema was changed between them"},
		{"gone", []string{"failed deploy 2 gone", "deploy 3 b"}, Kept, "the schema cannot be read from the backup gone: "},
		{"a rollback that was undone", []string{"failed rollback 0 a", "deploy 3 c"}, Restored, ""},
		{"a rollback that was not", []string{"failed rollback 0 a", "deploy 3 c"}, NotRestored, "between them a rollback to 0 may have put another database in its place"},
		{"another version", []string{"deploy 2 a", "failed deploy 3 c"}, Kept, "2 ran between them"},
	} {
		t.Run(c.name, func(t *testing.T) {
			saved := story(t, c.lines...)
			for n := range saved {
				saved[n].State = c.state
			}
			d := &rollback{deployment: s.directly()}
			if got := d.doubt(t.Context(), saved[:len(saved)-1], saved[len(saved)-1]); got != c.want && (c.want == "" || !strings.HasPrefix(got, c.want)) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// The same line with --restore-db brings the database back as well: what runs stays, and it goes no further back.
func TestDatabaseOfTheSameRollback(t *testing.T) {
	t.Parallel()
	s := upgradedBy(t, migration("two"), plainBackup)
	kept := rowsOf(t, s)
	back := s.back("")
	back.SchemaAhead, back.Known = true, func(context.Context) []string { return []string{"1.0.0", "1.1.0", "1.2.0"} }
	if rolled, err := Rollback(t.Context(), s.environment(), back); err != nil || rolled.Version != "1.0.0" || len(s.schema()) != 2 {
		t.Fatalf("got %+v, %v", rolled, err)
	}
	back.Database = Recorded
	rolled, err := Rollback(t.Context(), s.environment(), back)
	if err != nil || rolled.Already || rolled.Unchanged || rolled.Version != "1.0.0" || rolled.Left != "1.1.0" || !slices.Equal(rolled.Withdrawn, []string{"1.1.0"}) {
		t.Fatalf("got %+v, %v", rolled, err)
	}
	if now := spaceless(s.rows()); !slices.Equal(s.schema(), []string{table("one")}) || !startsWith(now, kept) {
		t.Errorf("the database has %q, %q, want %q", s.schema(), now, kept)
	}
	saved := s.entries()[1].Backup
	if last := s.entries()[len(s.entries())-1]; last.Kind != RolledBack || last.Restored != saved || last.Backup == "" || slices.Contains(rolled.Figures, "went to 1.0.0") {
		t.Errorf("the ledger says %+v, and the run %q", last, rolled.Figures)
	}
	wantRunning(t, s, map[string]string{"backend": "backend:1.0.0", "db": "postgres:17"})
	for _, same := range []string{Recorded, saved, ""} {
		before := s.ledger()
		back.Database = same
		if again, err := Rollback(t.Context(), s.environment(), back); err != nil || !again.Unchanged || again.Left != "1.1.0" || s.ledger() != before {
			t.Errorf("the same line with the database %q again: got %+v, %v", same, again, err)
		}
	}
	other := s.back("1.0.0")
	other.Reason = "another one"
	_, err = Rollback(t.Context(), s.environment(), other)
	wantText(t, message(err), "1.0.0 is what runs here already: name a lower version, or with --restore-db a backup", "nothing was changed on the server")
	s.alter("by hand")
	other.Database = saved
	if rolled, err := Rollback(t.Context(), s.environment(), other); err != nil || rolled.Already || !slices.Equal(s.schema(), []string{table("one")}) {
		t.Errorf("with another reason: got %+v, %v, the schema is %q", rolled, err, s.schema())
	}
}

// A version that nobody has rolled back to can have its database brought back, and leaves nothing.
func TestDatabaseOfWhatRuns(t *testing.T) {
	t.Parallel()
	s := upgradedBy(t, migration("two"), plainBackup)
	back := s.back("1.1.0")
	back.Known = func(context.Context) []string { return []string{"1.0.0", "1.1.0", "1.2.0"} }
	back.Database = Recorded
	_, err := Rollback(t.Context(), s.environment(), back)
	wantText(t, message(err), "the ledger knows no backup of what 1.1.0 left", "nothing was changed on the server")
	s.sh("docker compose exec -T db pg_dump --clean > backup/by-hand.sql")
	s.alter("by hand")
	containers := s.ids()
	back.Database = "backup/by-hand.sql"
	for _, again := range []bool{false, true} {
		rolled, err := Rollback(t.Context(), s.environment(), back)
		if err != nil || rolled.Unchanged != again || rolled.Left != "1.1.0" || len(rolled.Withdrawn) > 0 || !slices.Equal(rolled.Above, []string{"1.2.0"}) {
			t.Errorf("got %+v, %v", rolled, err)
		}
	}
	if !slices.Equal(s.schema(), []string{table("one"), table("two")}) || !maps.Equal(s.ids(), containers) {
		t.Errorf("the schema is %q, and %v run instead of %v", s.schema(), s.ids(), containers)
	}
}

// What was released after a rollback is not withdrawn by bringing a database back later.
func TestDatabaseOfWhatRunsWithdrawsNothingNew(t *testing.T) {
	t.Parallel()
	s := upgradedBy(t, migration("one"), plainBackup)
	back := s.back("1.0.0")
	back.Known = func(context.Context) []string { return []string{"1.1.0"} }
	if _, err := Rollback(t.Context(), s.environment(), back); err != nil {
		t.Fatal(err)
	}
	s.sh("docker compose exec -T db pg_dump --clean > backup/by-hand.sql")
	back.Reason, back.Database = "corrupt rows", "backup/by-hand.sql"
	back.Known = func(context.Context) []string { return []string{"1.0.1", "1.1.0"} }
	rolled, err := Rollback(t.Context(), s.environment(), back)
	if err != nil || !slices.Equal(rolled.Withdrawn, []string{"1.1.0"}) || strings.Contains(s.ledger(), "1.0.1") {
		t.Errorf("withdrawn: %q, %v; the ledger:\n%s", rolled.Withdrawn, err, s.ledger())
	}
}
