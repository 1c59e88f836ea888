package server

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestFirstBackup(t *testing.T) {
	for name, c := range map[string]struct {
		services map[string]held
		start    string
		saves    bool
	}{
		"no other service: the database is elsewhere":   {nil, "", true},
		"only a proxy and a queue, with data":           {map[string]held{"caddy": {false, true}, "redis": {false, true}}, "", true},
		"a database without data":                       {map[string]held{"db": {true, false}}, "", false},
		"a database without data, a proxy with data":    {map[string]held{"caddy": {false, true}, "db": {true, false}}, "", false},
		"a database with data":                          {map[string]held{"db": {true, true}}, "db", true},
		"two databases with data, and a queue":          {map[string]held{"b": {true, true}, "a": {true, true}, "redis": {false, true}}, "a b", true},
		"two databases, and only one of them with data": {map[string]held{"b": {true, true}, "a": {true, false}}, "b", true},
	} {
		if start, saves := firstBackup(c.services); strings.Join(start, " ") != c.start || saves != c.saves {
			t.Errorf("%s: starts %q, saves %t, want %q, %t", name, start, saves, c.start, c.saves)
		}
	}
}

// The first deployment saves whatever database it finds, also where nothing runs.
func TestFirstDeploymentSavesWhatItFinds(t *testing.T) {
	t.Parallel()
	bound := strings.Replace(shopCompose, `["data:/var/lib`, `["./pg:/var/lib`, 1)
	volume := func(s *server) { s.volumes["app_data"] = map[string]string{} }
	for _, c := range []struct {
		name, compose string
		there         func(*server)
		saves         bool
		started       []string
	}{
		{"nothing", shopCompose, func(*server) {}, false, nil},
		{"a volume", shopCompose, volume, true, []string{"docker compose up --detach --no-deps --no-build --quiet-pull db"}},
		{"a folder", bound, func(s *server) { s.file("pg/PG_VERSION", "17") }, true, []string{"docker compose up --detach --no-deps --no-build --quiet-pull db"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := shop(t, false)
			s.db = database{schema: []string{table("old")}, rows: []string{"what was there"}}
			c.there(s)
			result, err := Deploy(t.Context(), s.environment(), s.release("1.0.0", c.compose))
			if err != nil || (result.Backup != "") != c.saves {
				t.Fatalf("got %+v, %v, want a backup: %t", result, err, c.saves)
			}
			if started := s.lines("up --no-deps db"); c.saves && !slices.Equal(started[:1], c.started) {
				t.Errorf("started by %q, want %q", started, c.started)
			}
			if c.saves {
				wantText(t, readFile(t, s.target.Dir+"/"+result.Backup), "what was there", table("old"))
			}
			wantRunning(t, s, map[string]string{"backend": "backend:1.0.0", "db": "postgres:17"})
		})
	}
}

// So does one whose database is an image of the team's own.
func TestFirstDeploymentSavesADatabaseOfOnesOwn(t *testing.T) {
	t.Parallel()
	own := strings.Replace(shopCompose, "image: postgres:17\n", "image: ${REGISTRY}/postgres:${VERSION}\n", 1)
	for name, saves := range map[string]bool{"nothing": false, "a volume": true} {
		t.Run(name, func(t *testing.T) {
			s := shop(t, false)
			s.image("postgres", "1.0.0", behaviour{database: true, healthyAfter: 10 * time.Millisecond})
			s.db = database{schema: []string{table("old")}, rows: []string{"what was there"}}
			if saves {
				s.volumes["app_data"] = map[string]string{}
			}
			result, err := Deploy(t.Context(), s.environment(), s.release("1.0.0", own))
			if err != nil || (result.Backup != "") != saves || s.db.torn {
				t.Fatalf("got %+v, %v, want a backup: %t; two on one volume: %t", result, err, saves, s.db.torn)
			}
			if saves {
				wantText(t, readFile(t, s.target.Dir+"/"+result.Backup), "what was there", table("old"))
			}
			wantRunning(t, s, map[string]string{"backend": "backend:1.0.0", "db": "postgres:1.0.0"})
		})
	}
}

// A backup that fails leaves the server as it was, and says what a first deployment is about.
func TestFirstDeploymentThatCannotSave(t *testing.T) {
	t.Parallel()
	s := shop(t, false)
	s.volumes["app_data"] = map[string]string{}
	s.on("exec db pg_dump", fail(1, "no space left"))
	_, err := Deploy(t.Context(), s.environment(), s.release("1.0.0", shopCompose))
	wantText(t, message(err), "the backup failed (backup.sh): no space left", "nothing ran here before, and nothing was started")
	if f := failure(t, err); f.State != Kept || len(s.containers) > 0 || len(s.volumes) != 1 {
		t.Errorf("the state is %s, there are %v and %v", f.State, s.ids(), s.volumes)
	}

	s = shop(t, false) // with its database elsewhere
	compose := strings.NewReplacer("    depends_on:\n      db: {condition: service_healthy}\n", "", "    depends_on: [db]\n", "", "  db:\n", "  db:\n    profiles: [local]\n").Replace(shopCompose)
	_, err = Deploy(t.Context(), s.environment(), s.release("1.0.0", compose))
	wantText(t, message(err), `the backup failed (backup.sh): service "db" is not running`, "the compose file has no database that backup.sh could ask")
}

// A migration that fails on a database that was found goes back by the line that is printed.
func TestFirstDeploymentWhoseMigrationFails(t *testing.T) {
	t.Parallel()
	s := shop(t, false)
	s.db = database{schema: []string{table("old")}, rows: []string{"what was there"}}
	s.volumes["app_data"] = map[string]string{}
	s.image("backend", "1.1.0", behaviour{}).service("migrate", behaviour{work: func(db *database) (string, int) { db.rows, db.schema = nil, nil; return "", 1 }})
	_, err := Deploy(t.Context(), s.environment(), s.release("1.1.0", shopCompose))
	wantText(t, message(err), "nothing ran here before, and only db was started, for the backup, but the schema of its database was changed half way")
	_, typed, _ := strings.Cut(failure(t, err).Next, "since: ")
	if s.sh(typed); !slices.Equal(s.rows(), []string{"what was there"}) {
		t.Errorf("after %s: %q", typed, s.rows())
	}
}

// What an earlier attempt, or somebody, has stopped is started for the backup.
func TestBackupOfAStoppedDatabase(t *testing.T) {
	t.Parallel()
	s := shop(t, true)
	before := spaceless(s.rows())
	s.sh("docker compose stop")
	s.image("backend", "1.1.0", behaviour{healthyAfter: 20 * time.Millisecond}).service("migrate", migration("two"))
	result, err := Deploy(t.Context(), s.environment(), s.release("1.1.0", shopCompose))
	if err != nil || !startsWith(rowsOf(t, s), before) || result.Backup == "" {
		t.Errorf("got %+v, %v", result, err)
	}
}
