package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// backUp saves the database before anything may change it (D6).
func (d *deployment) backUp(ctx context.Context) error {
	if d.env.Backup == "" || d.previous == nil {
		return nil // there is no database, or none yet
	}
	file, err := d.dump(ctx, "backup/"+time.Now().UTC().Format("2006-01-02_15-04-05")+".sql")
	if err != nil {
		return err
	}
	d.entry.Backup = file
	d.figures = append(d.figures, "database saved as "+file)
	return nil
}

// present is the project that is on the server: at a first deployment the one that is to be.
func (d *deployment) present() *project {
	if d.previous == nil {
		return d.next
	}
	return d.previous
}

// script runs a script of the repository in the application's folder, for the project that runs there.
func (d *deployment) script(ctx context.Context, name string, args ...string) (string, error) {
	env := []string{"COMPOSE_FILE=" + d.env.ComposeFile, "COMPOSE_PROJECT_NAME=" + d.present().compose.Name}
	return d.conn.run(ctx, command{args: busy(append([]string{"./" + name}, args...)...), env: env})
}

// migrate runs the migration on its own, before any container is replaced: one that fails leaves the old version up.
func (d *deployment) migrate(ctx context.Context) error {
	if _, ok := d.next.compose.Services[d.env.Migrate]; !ok {
		return nil
	}
	_, err := d.next.change(ctx, "run", "--rm", "-T", "--quiet-pull", d.env.Migrate)
	if exit := new(exitError); errors.As(err, &exit) {
		return d.afterMigration(ctx, exit)
	}
	return err
}

// afterMigration tells a migration that has changed nothing from one that stopped half way (D11). The old version was
// serving all the while, so the backup would lose what it wrote: bringing it back is for a person to decide.
func (d *deployment) afterMigration(ctx context.Context, exit *exitError) error {
	f := d.kept(fmt.Errorf("the migration failed: %s", exit.output))
	if d.previous == nil || d.entry.Backup == "" {
		return f
	}
	before, err := d.schema(ctx, d.entry.Backup)
	if err != nil {
		return err
	}
	now, err := d.schemaNow(ctx)
	if err != nil || now != before || now == "" {
		f.State = NotRestored
		f.Found += ", but the schema of its database was changed half way"
		if err != nil || now == "" {
			f.Found = strings.TrimSuffix(f.Found, "was changed half way") + "may have been changed half way"
		}
		f.Next = fmt.Sprintf("to go back to the state before, and lose what was written since: cd %s && COMPOSE_FILE=%s ./%s %s", d.env.Target.Dir, d.env.ComposeFile, d.env.Restore, d.entry.Backup)
	}
	return f
}
