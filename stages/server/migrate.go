package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// saved insists on a backup before a migration (D6).
func (e Environment) saved(a compose) error {
	if _, migrates := a.Services[e.Migrate]; !migrates || e.Backup != "" || e.Unsaved {
		return nil
	}
	return &Failure{
		Err:   fmt.Errorf("the service %s migrates the database, and no script would save it before", e.Migrate),
		State: Untouched, Found: "nothing was changed on the server",
		Next: "commit such a script and name it in the setting backupScript, or set backupScript=none if somebody else makes the backups",
	}
}

// migrate runs the migration on its own, before any container is replaced: one that fails leaves the old version up.
func (d *deployment) migrate(ctx context.Context) error {
	if _, ok := d.next.compose.Services[d.env.Migrate]; !ok {
		return nil
	}
	if err := d.noneAtWork(ctx); err != nil {
		return err
	}
	_, err := d.next.changeWithin(ctx, scriptTime, "run", "--rm", "-T", "--quiet-pull", d.env.Migrate)
	if err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), scriptTime)
	defer cancel()
	if exit := new(exitError); errors.As(err, &exit) {
		return d.afterMigration(ctx, fmt.Errorf("the migration failed: %s", exit.output), "correct the migration and deploy again")
	}
	return d.cutOff(ctx, fmt.Errorf("the migration was cut off: %w", err))
}

// noneAtWork keeps a second migration from running beside the first, of which only the client was killed.
func (d *deployment) noneAtWork(ctx context.Context) error {
	name, err := d.atMigration(ctx)
	if err != nil || name == "" {
		return err
	}
	return fmt.Errorf("a migration that an earlier run has left is still at work, in the container %s: see docker logs -f %s on the server, and run the same line again when it has ended", name, name)
}

// cutOff ends a migration of which nobody knows how far it came: it may be at work on the server.
func (d *deployment) cutOff(ctx context.Context, cause error) *Failure {
	f := &Failure{Err: cause, State: NotRestored, Next: "see with docker ps on the server whether it still runs, and run the same line again when it has ended"}
	if err := d.reconnect(ctx, cause); err != nil {
		f.Found = fmt.Sprintf("the server could not be reached again (%v), and the migration may still be running there", err)
		return f.leftAlone(err)
	}
	name, err := d.atMigration(ctx)
	switch {
	case err != nil:
		f.Found = fmt.Sprintf("it may still be running on the server: %v", err)
	case name != "":
		f.Found = "it still runs on the server, in the container " + name
		f.Next = "watch it there with docker logs -f " + name + ", and run the same line again when it has ended"
	default:
		return d.afterMigration(ctx, cause, "run the same line again, which migrates to the end")
	}
	return f
}

// atMigration is the container of a migration that still runs, once what the lost connection has left at work is over.
func (d *deployment) atMigration(ctx context.Context) (string, error) {
	waited := d.conn.idle(ctx)
	running, err := d.next.running(ctx)
	if err != nil {
		return "", err
	}
	for _, c := range running {
		if c.oneOff() && c.service() == d.env.Migrate {
			return strings.TrimPrefix(c.Name, "/"), nil
		}
	}
	return "", waited
}

// afterMigration tells a migration that has changed nothing from one that stopped half way (D11). The old version was
// serving all the while, so the backup would lose what it wrote: bringing it back is for a person to decide.
func (d *deployment) afterMigration(ctx context.Context, cause error, forward string) *Failure {
	f := d.kept(cause)
	if d.previous == nil && d.entry.Backup == "" {
		return f // there was nothing yet
	}
	changed, err := d.changed(ctx)
	if err == nil && !changed {
		return f
	}
	f.State = NotRestored
	f.Found += ", but the schema of its database was changed half way"
	if err != nil {
		f.Found = fmt.Sprintf("%s may have been changed half way: %v", strings.TrimSuffix(f.Found, " was changed half way"), err)
	}
	f.Next = forward
	if d.entry.Backup != "" && d.env.Restore != "" {
		f.Next += "; or go back to the state before, which loses what was written since: " + d.restoreLine(d.entry.Backup)
	}
	return f
}

// changed says whether the schema differs from that of the backup.
func (d *deployment) changed(ctx context.Context) (bool, error) {
	if d.entry.Backup == "" {
		return false, errors.New("no backup script says what it was")
	}
	before, err := d.schema(ctx, d.entry.Backup)
	if err != nil {
		return false, err
	}
	now, err := d.schemaNow(ctx)
	return now != before, err
}

// restoreLine is what a person types on the server to restore a backup as we would. After a first deployment the compose file
// that the script reads is there no more.
func (d *deployment) restoreLine(backup string) string {
	line := "cd " + Typed(d.env.Target.Dir) + " && "
	if d.previous == nil {
		line += "cp " + Typed(d.next.files[0]) + " " + Typed(d.env.ComposeFile) + " && "
	}
	return line + fmt.Sprintf("COMPOSE_FILE=%s COMPOSE_PROJECT_NAME=%s %s %s", Typed(d.present().composeFile), Typed(d.present().compose.Name), Typed("./"+d.env.Restore), Typed(backup))
}
