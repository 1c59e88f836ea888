package server

import (
	"slices"
	"strings"
	"testing"
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
	env.Backup, env.Restore, env.Migrate, release.Scripts = "", "", "other", nil
	result, err := Deploy(t.Context(), env, release)
	if err != nil || !slices.Contains(result.Figures, "no database was saved: there is no backup script") {
		t.Errorf("%q, %v", result.Figures, err)
	}
}
