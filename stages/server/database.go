package server

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
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

// dump runs the backup script, which is given the file to write and prints the one that it wrote.
func (d *deployment) dump(ctx context.Context, file string) (string, error) {
	text, err := d.script(ctx, d.env.Backup, file)
	if exit := new(exitError); errors.As(err, &exit) {
		return "", fmt.Errorf("the backup failed (%s): %s", d.env.Backup, exit.output)
	}
	if err != nil {
		return "", err
	}
	if written := lastLine(text); written != "" {
		file = written
	}
	return file, d.checkBackup(ctx, file)
}

// script runs a script of the repository in the application's folder, for the project that runs there.
func (d *deployment) script(ctx context.Context, name string, args ...string) (string, error) {
	running := d.previous
	if running == nil {
		running = d.next
	}
	env := []string{"COMPOSE_FILE=" + d.env.ComposeFile, "COMPOSE_PROJECT_NAME=" + running.compose.Name}
	return d.conn.run(ctx, command{args: busy(append([]string{"./" + name}, args...)...), env: env, time: scriptTime})
}

// completeScript looks for what dump programs write last. Other forms are told by their first bytes.
const completeScript = `test -f "$1" && test -s "$1" || { echo empty; exit; }
test "$(head -c 5 -- "$1")" = PGDMP && { echo archive; exit; }
tail -n 20 -- "$1" | grep -q -i -e '^-- .*dump complete' && { echo complete; exit; }
echo incomplete`

// checkBackup insists on a file that a restore could use.
func (d *deployment) checkBackup(ctx context.Context, file string) error {
	text, err := d.conn.run(ctx, command{args: []string{"sh", "-c", completeScript, "sh", file}})
	if err != nil {
		return err
	}
	switch strings.TrimSpace(text) {
	case "complete":
		return nil
	case "archive":
		return d.checkArchive(ctx, file)
	case "empty":
		return fmt.Errorf("the backup %s is missing or empty", file)
	}
	return fmt.Errorf("the backup %s is incomplete: expected the line with which pg_dump or mysqldump ends", file)
}

// checkArchive lists an archive with the pg_restore of whichever service has one.
func (d *deployment) checkArchive(ctx context.Context, file string) error {
	var last error
	for _, service := range slices.Sorted(maps.Keys(d.previous.compose.Services)) {
		args := append([]string{"sh", "-c", `exec "$@" < "$0"`, file}, d.previous.args("exec", "-T", service, "pg_restore", "--list")...)
		if _, last = d.conn.run(ctx, command{args: args, env: d.previous.env}); last == nil {
			return nil
		}
	}
	return fmt.Errorf("pg_restore cannot list the backup %s: %w", file, last)
}

// schemaScript is what is left of a dump without its data: two dumps of one schema give one sum.
const schemaScript = `exec < "$1"
test "$(head -c 5 -- "$1")" != PGDMP || exit 0
awk '/^COPY .* FROM stdin;$/ {data = 1}
!data && NF && !/^--/ && !/^INSERT INTO/ && !/setval\(/ && !/^\\(un)?restrict/ {sub(/ AUTO_INCREMENT=[0-9]+/, ""); print}
/^\\\.$/ {data = 0}' | sha256sum | cut -c 1-16`

// schema is a fingerprint of the database's schema, taken from a dump; an archive gives none.
func (d *deployment) schema(ctx context.Context, dump string) (string, error) {
	text, err := d.conn.run(ctx, command{args: []string{"sh", "-c", schemaScript, "sh", dump}, time: scriptTime})
	return strings.TrimSpace(text), err
}

// migrate runs the migration on its own, before any container is replaced: one that fails leaves the old version up.
func (d *deployment) migrate(ctx context.Context) error {
	if _, ok := d.next.compose.Services[d.env.Migrate]; !ok {
		return nil
	}
	_, err := d.next.changeWithin(ctx, scriptTime, "run", "--rm", "-T", "--quiet-pull", d.env.Migrate)
	if exit := new(exitError); errors.As(err, &exit) {
		return d.afterMigration(ctx, exit)
	}
	return err
}

// noteSchema writes down which schema the release runs on, so that a rollback knows whether an older one fits.
func (d *deployment) noteSchema(ctx context.Context) (err error) {
	migration, ok := d.next.compose.Services[d.env.Migrate]
	if !ok || d.env.Backup == "" {
		return nil
	}
	if d.previous != nil && d.before.Schema != "" && reflect.DeepEqual(d.previous.compose.Services[d.env.Migrate], migration) {
		d.entry.Schema = d.before.Schema // the same program has run, which does nothing twice
		return nil
	}
	d.entry.Schema, err = d.schemaNow(ctx)
	return err
}

// schemaNow dumps once more, for the schema alone.
func (d *deployment) schemaNow(ctx context.Context) (string, error) {
	file, err := d.dump(ctx, "backup/.schema-"+time.Now().UTC().Format("2006-01-02_15-04-05.000000000")+".sql")
	if err != nil {
		return "", err
	}
	defer func() { _, _ = d.conn.run(ctx, command{args: []string{"rm", "-f", "--", file}}) }()
	return d.schema(ctx, file)
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
