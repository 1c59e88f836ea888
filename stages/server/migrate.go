package server

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// DefaultMigration is what the service is called that migrates the database, where nobody has said.
const DefaultMigration = "migrate"

// checkMigration insists on knowing which service migrates the database, and on a backup before it does (D6).
func (e Environment) checkMigration(a compose, pins map[string]string) error {
	_, migrates := a.Services[e.Migrate]
	doubtful := slices.DeleteFunc(sortedNames(pins), func(name string) bool { return !a.Services[name].ends || a.Services[name].inactive })
	err, next := error(nil), ""
	switch {
	case migrates && e.Backup == "" && !e.Unsaved:
		err = fmt.Errorf("the service %s migrates the database, and no script would save it before", e.Migrate)
		next = "commit such a script and name it in the setting backupScript, or set backupScript=none if somebody else makes the backups"
	case migrates || e.Migrate == "":
		return nil
	case e.Migrate != DefaultMigration:
		err = fmt.Errorf("the compose file has no service %s (setting migrateService): it has %s", e.Migrate, strings.Join(slices.Sorted(maps.Keys(a.Services)), ", "))
		next = "correct the name, or set migrateService=none if no service migrates the database"
	case len(doubtful) > 0:
		err = fmt.Errorf("%s runs to its end, and nothing says whether it migrates the database", strings.Join(doubtful, ", "))
		next = "set migrateService=NAME if one does: it gets a backup before it, and a rollback leaves it out; or migrateService=none"
	}
	if err == nil {
		return nil
	}
	return &Failure{Err: err, State: Untouched, Found: "nothing was changed on the server", Next: next}
}

// migrate runs the migration on its own, before any container is replaced: one that fails leaves the old version up.
func (d *deployment) migrate(ctx context.Context) error {
	if _, migrates := d.next.compose.Services[d.env.Migrate]; !migrates {
		if d.env.Migrate != "" {
			d.figures = append(d.figures, "no database was migrated: the compose file has no service "+d.env.Migrate)
		}
		return nil
	}
	if err := d.noneAtWork(ctx); err != nil {
		return err
	}
	if d.previous == nil {
		return d.runMigration(ctx, d.env.Migrate) // nothing is there that compose could make anew
	}
	before, err := d.startNeeds(ctx)
	if err != nil {
		return err
	}
	for _, name := range append(before, d.env.Migrate) {
		// With what it depends on, compose would make a database anew that the release has changed, and nothing puts that back.
		if err := d.runMigration(ctx, name, "--no-deps"); err != nil {
			return err
		}
	}
	return nil
}

// runMigration runs a one-shot service on its own.
func (d *deployment) runMigration(ctx context.Context, name string, more ...string) error {
	_, err := d.next.changeWithin(ctx, scriptTime, slices.Concat([]string{"run", "--rm", "-T", "--quiet-pull"}, more, []string{name})...)
	if err == nil {
		return nil
	}
	of := ""
	if name != d.env.Migrate {
		of = name + ", which it depends on: "
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), scriptTime)
	defer cancel()
	if exit := new(exitError); errors.As(err, &exit) {
		return d.afterMigration(ctx, fmt.Errorf("the migration failed: %s%s", of, exit.output), "correct the migration and deploy again")
	}
	return d.cutOff(ctx, fmt.Errorf("the migration was cut off: %s%w", of, err))
}

// startNeeds starts what the migration needs and does not run yet, and leaves what runs as it is. It returns the one-shots of the
// release that come before the migration: those that have ended were the old one's.
func (d *deployment) startNeeds(ctx context.Context) (before []string, err error) {
	there, err := d.next.containers(ctx)
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, name := range d.next.compose.needs(d.env.Migrate) {
		ends, ready := d.next.compose.Services[name].ends, container.running
		if ends {
			ready = container.endedWell
		}
		switch {
		case ends && d.pins[name] != "":
			before = append(before, name)
		case !slices.ContainsFunc(of(there, name), ready):
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return before, nil
	}
	// A one-shot that has failed would be started again as it was made then, whatever has been corrected since.
	spent := slices.DeleteFunc(there, func(c container) bool {
		return !slices.Contains(missing, c.service()) || !d.next.compose.Services[c.service()].ends || c.State.Status != "exited"
	})
	if err := d.conn.stopAndRemove(ctx, spent); err != nil {
		return nil, err
	}
	if err := d.next.upOnly(ctx, missing, "--no-recreate"); err != nil {
		return nil, err
	}
	return before, d.awake(ctx, d.next, missing)
}

// needs are the services that have to be there for another, each after those that it needs itself. What compose does not insist
// on stays away with its profile.
func (a compose) needs(name string) (needs []string) {
	for _, other := range slices.Sorted(maps.Keys(a.Services[name].DependsOn)) {
		s, known := a.Services[other]
		required := a.Services[name].DependsOn[other].Required
		if left := s.inactive && required != nil && !*required; !known || left {
			continue
		}
		for _, one := range append(a.needs(other), other) {
			if !slices.Contains(needs, one) {
				needs = append(needs, one)
			}
		}
	}
	return needs
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
		if c.oneOff() && slices.Contains(append(d.next.compose.needs(d.env.Migrate), d.env.Migrate), c.service()) {
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

// tellSchema says what a release that migrates when its containers start has left: what ran before runs on that now.
func (d *deployment) tellSchema(ctx context.Context, f *Failure) {
	if _, migrates := d.next.compose.Services[d.env.Migrate]; migrates || d.entry.Kind != Deployed || d.entry.Backup == "" || d.previous == nil {
		return
	}
	changed, err := d.changed(ctx)
	switch {
	case err != nil:
		f.Found += fmt.Sprintf("; whether %s has changed the schema of its database is not known: %v", d.release.Version, err)
	case changed:
		f.Found += fmt.Sprintf(", but %s has changed the schema of its database", d.release.Version)
		f.Next = strings.TrimPrefix(f.Next+"; deploy what can run on it", "; ")
		if d.env.Restore != "" {
			f.Next += ", or go back to the state before, which loses what was written since: " + d.restoreLine(d.entry.Backup)
		}
	}
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
