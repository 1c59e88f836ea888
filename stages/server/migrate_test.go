package server

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// Nothing migrates a database that nobody has saved, unless the settings say that somebody else has.
func TestMigrationNeedsABackup(t *testing.T) {
	t.Parallel()
	s := shop(t, true)
	s.image("backend", "1.1.0", behaviour{}).service("migrate", migration("two"))
	env, release := s.environment(), s.release("1.1.0", shopCompose)
	env.Backup, env.Restore, release.Scripts = "", "", nil
	_, foreseen := Preflight(t.Context(), env, release)
	_, refused := Deploy(t.Context(), env, release)
	for _, err := range []error{foreseen, refused} {
		f := failure(t, err)
		wantText(t, f.Error(), "the service migrate migrates the database, and no script would save it before", "nothing was changed on the server")
		wantText(t, f.Next, "set backupScript=none")
		if f.State != Untouched || !slices.Equal(s.schema(), []string{table("one")}) {
			t.Errorf("%s, and the schema is %q", f.State, s.schema())
		}
	}
	env.Unsaved = true
	if result, err := Deploy(t.Context(), env, release); err != nil || result.Backup != "" || !slices.Equal(s.schema(), []string{table("one"), table("two")}) {
		t.Errorf("with backupScript=none: %+v, %v, and the schema is %q", result, err, s.schema())
	}
	// Nothing shows then which schema an older version would meet.
	_, err := Rollback(t.Context(), env, s.back("1.0.0"))
	wantText(t, message(err), "the schema that the database has now is not known, without a backup script to show it", "--allow-schema-ahead", "nothing was changed on the server")
}

// A throw-away server has what compose expects somebody else to have made.
func TestExternalOnAThrowawayServer(t *testing.T) {
	t.Parallel()
	s := shop(t, false)
	file := strings.Replace(shopCompose, "  backend:\n", "  backend:\n    networks: [edge]\n", 1) + "networks: {edge: {external: true, name: traefik-public}}\n"
	env := s.environment()
	if _, err := Deploy(t.Context(), env, s.release("1.0.0", file)); !strings.Contains(message(err), "docker network create traefik-public") {
		t.Errorf("on any other: %v", err)
	}
	env.Throwaway = true
	if _, err := Deploy(t.Context(), env, s.release("1.0.0", file)); err != nil {
		t.Error(err)
	}
	wantRunning(t, s, map[string]string{"backend": "backend:1.0.0", "db": "postgres:17"})
}

// Without a migration there may be no database at all: the deployment says that it saved none.
func TestNoBackupIsTold(t *testing.T) {
	t.Parallel()
	s := shop(t, true)
	s.image("backend", "1.1.0", behaviour{})
	env, release := s.environment(), s.release("1.1.0", shopCompose)
	env.Backup, env.Restore, env.Migrate, release.Scripts = "", "", "", nil
	result, err := Deploy(t.Context(), env, release)
	if err != nil || !slices.Contains(result.Figures, "no database was saved: there is no backup script") {
		t.Errorf("%q, %v", result.Figures, err)
	}
}

// TestMigrationLeavesWhatRuns: the migration meets the database as it runs. Compose would make it anew if the release has changed it.
func TestMigrationLeavesWhatRuns(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		backend, migration behaviour
		says               string
	}{
		"a migration that fails":       {behaviour{}, behaviour{work: func(*database) (string, int) { return "no such column\n", 1 }}, "the migration failed: no such column"},
		"a backend that never is well": {behaviour{unhealthyAfter: 20 * time.Millisecond}, migration("one"), "backend is unhealthy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := shop(t, true)
			s.public("postgres:18", behaviour{database: true, healthyAfter: 10 * time.Millisecond})
			s.image("backend", "1.1.0", c.backend).service("migrate", c.migration)
			_, err := Deploy(t.Context(), s.environment(), s.release("1.1.0", strings.Replace(shopCompose, "postgres:17", "postgres:18", 1)))
			f := failure(t, err)
			wantText(t, f.Error(), c.says, "1.0.0 was never stopped and still runs")
			if f.State != Kept {
				t.Errorf("the state is %s", f.State)
			}
			wantRunning(t, s, map[string]string{"backend": "backend:1.0.0", "db": "postgres:17"})
		})
	}
}

// TestMigrationGetsWhatItNeeds: what a release adds, and its migration asks, is there and healthy before it runs.
func TestMigrationGetsWhatItNeeds(t *testing.T) {
	t.Parallel()
	s := shop(t, true)
	s.public("redis:8", behaviour{healthyAfter: 50 * time.Millisecond})
	s.image("backend", "1.1.0", behaviour{healthyAfter: 20 * time.Millisecond}).service("migrate", migration("two"))
	file := strings.Replace(shopCompose, "    depends_on: [db]\n", "    depends_on: {db: {condition: service_healthy}, redis: {condition: service_healthy}}\n  redis:\n    image: redis:8\n", 1)
	healthy := false
	s.onNth(1, "compose run", then(func() { healthy = strings.Contains(s.sh("docker ps --format '{{.Image}} {{.Status}}'"), "redis:8") }))
	if _, err := Deploy(t.Context(), s.environment(), s.release("1.1.0", file)); err != nil {
		t.Fatal(err)
	}
	if !healthy {
		t.Error("redis did not run when the migration began")
	}
	wantRunning(t, s, map[string]string{"backend": "backend:1.1.0", "db": "postgres:17", "redis": "redis:8"})
}

// noMigration is the shop without a service for that.
var noMigration = strings.Replace(shopCompose, "  migrate:\n    image: ${REGISTRY}/backend:${VERSION}\n    command: [migrate]\n    depends_on: [db]\n", "", 1)

// TestWhoMigrates: a service whose name nobody has given may be the migration, and a name may be mistyped. Neither goes without a word.
func TestWhoMigrates(t *testing.T) {
	t.Parallel()
	prestart := strings.Replace(strings.ReplaceAll(shopCompose, "migrate", "prestart"), "      db: {condition", "      prestart: {condition: service_completed_successfully}\n      db: {condition", 1)
	for name, c := range map[string]struct {
		file, setting   string
		refuses, advice string
	}{
		"a name that is not there":      {shopCompose, "migrations", "the compose file has no service migrations (setting migrateService): it has backend, db, migrate", "set migrateService=none"},
		"a one-shot of another name":    {prestart, "migrate", "prestart runs to its end, and nothing says whether it migrates the database", "set migrateService=NAME"},
		"none, where there is a doubt":  {prestart, "", "", ""},
		"the right name":                {prestart, "prestart", "", ""},
		"nothing that runs to its end":  {noMigration, "migrate", "", ""},
		"the service of the usual name": {shopCompose, "migrate", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := shop(t, false)
			image := s.image("backend", "1.0.1", behaviour{healthyAfter: 20 * time.Millisecond})
			image.service("migrate", migration("one"))
			image.service("prestart", migration("one"))
			env, release := s.environment(), s.release("1.0.1", c.file)
			env.Migrate = c.setting
			_, foreseen := Preflight(t.Context(), env, release)
			result, err := Deploy(t.Context(), env, release)
			if c.refuses == "" {
				if foreseen != nil || err != nil {
					t.Errorf("%v, %v", foreseen, err)
				}
				if told := slices.Contains(result.Figures, "no database was migrated: the compose file has no service migrate"); told != (name == "nothing that runs to its end") {
					t.Errorf("the figures are %q", result.Figures)
				}
				return
			}
			for _, err := range []error{foreseen, err} {
				f := failure(t, err)
				wantText(t, f.Error(), c.refuses, "nothing was changed on the server")
				wantText(t, f.Next, c.advice)
			}
		})
	}
}

// TestMigratesAtStart: a release that changes the schema when its containers start has done so although it was given up.
func TestMigratesAtStart(t *testing.T) {
	t.Parallel()
	s := shop(t, false)
	s.deploy(t, "1.0.0", noMigration)
	s.image("backend", "1.1.0", behaviour{endsAfter: 10 * time.Millisecond, endCode: 1, work: migration("two").work})
	_, err := Deploy(t.Context(), s.environment(), s.release("1.1.0", noMigration))
	f := failure(t, err)
	wantText(t, f.Found, "1.0.0 was never stopped and still runs, but 1.1.0 has changed the schema of its database")
	wantText(t, f.Next, "./restore.sh backup/")

	s.image("backend", "1.2.0", behaviour{healthyAfter: 20 * time.Millisecond})
	s.onNth(1, "compose up", then(func() { s.alter("three") }))
	s.deploy(t, "1.2.0", noMigration)
	back := s.back("1.0.0")
	_, err = Rollback(t.Context(), s.environment(), back)
	wantText(t, message(err), "1.0.0 ran on another schema than the database has now", "--restore-db=recorded", "nothing was changed on the server")
	back.SchemaAhead = true
	if _, err = Rollback(t.Context(), s.environment(), back); err != nil {
		t.Error(err)
	}
}

// TestNobodyMigrates: without a migration, a rollback asks nothing as long as the schema is the same.
func TestNobodyMigrates(t *testing.T) {
	t.Parallel()
	s := shop(t, false)
	s.deploy(t, "1.0.0", noMigration)
	s.image("backend", "1.1.0", behaviour{unhealthyAfter: 10 * time.Millisecond})
	_, err := Deploy(t.Context(), s.environment(), s.release("1.1.0", noMigration))
	if f := failure(t, err); f.Found != "1.0.0 was never stopped and still runs" || f.Next != "" {
		t.Errorf("%s; %s", f.Found, f.Next)
	}
	s.image("backend", "1.2.0", behaviour{healthyAfter: 20 * time.Millisecond})
	s.deploy(t, "1.2.0", noMigration)
	if _, err := Rollback(t.Context(), s.environment(), s.back("1.0.0")); err != nil {
		t.Error(err)
	}
}

// TestOneShotsBeforeTheMigration: those of the release run before it, whichever ran for the release before. What is switched off
// and not insisted on stays away.
func TestOneShotsBeforeTheMigration(t *testing.T) {
	t.Parallel()
	file := strings.Replace(shopCompose, "    depends_on: [db]\n", `    depends_on:
      alembic: {condition: service_completed_successfully}
      mail: {condition: service_started, required: false}
  mail:
    image: mailpit:1
    profiles: [development]
  alembic:
    image: ${REGISTRY}/backend:${VERSION}
    command: [alembic]
    depends_on: [db]
`, 1)
	s := standIn(t)
	s.public("postgres:17", behaviour{database: true, healthyAfter: 10 * time.Millisecond})
	s.public("mailpit:1", behaviour{})
	var ran []string
	for _, version := range []string{"1.0.0", "1.1.0"} {
		image := s.image("backend", version, behaviour{healthyAfter: 20 * time.Millisecond})
		for _, name := range []string{"alembic", "migrate"} {
			image.service(name, behaviour{work: func(*database) (string, int) { ran = append(ran, name+" "+version); return "", 0 }})
		}
		s.deploy(t, version, file)
	}
	at := slices.Index(ran, "migrate 1.1.0")
	if at < 1 || ran[at-1] != "alembic 1.1.0" {
		t.Errorf("ran: %q", ran)
	}
	wantRunning(t, s, map[string]string{"backend": "backend:1.1.0", "db": "postgres:17"})
}
