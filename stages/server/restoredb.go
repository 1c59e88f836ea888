package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// restoreDatabase runs with everything stopped that could write.
func (d *rollback) restoreDatabase(ctx context.Context) error {
	if err := d.checkUnspoiled(ctx); err != nil {
		return err
	}
	d.restoring = true
	_, err := d.script(ctx, d.env.Restore, d.backup)
	if exit := new(exitError); errors.As(err, &exit) {
		return fmt.Errorf("restoring the database failed: %s", exit.output)
	}
	if err != nil {
		return fmt.Errorf("restoring the database was cut off: %w", err)
	}
	d.entry.Restored = d.chose
	d.figures = append(d.figures, "database restored from "+d.chose)
	d.startOthers(ctx)
	return nil
}

// databaseBack ends a restore that did not come about with the database and the containers from before. Nothing is started
// on a database of which nobody knows what it is.
func (d *rollback) databaseBack(ctx context.Context, cause error) *Failure {
	ctx = context.WithoutCancel(ctx)
	f := &Failure{Err: cause, State: NotRestored}
	if err := d.reconnect(ctx, cause); err != nil {
		f.Found = fmt.Sprintf("the server could not be reached again: %v", err)
		return d.stoppedOnPurpose(f).leftAlone(err)
	}
	database := "the database was not touched"
	if d.restoring {
		if err := d.steps(ctx, []step{{"put the safety backup back", d.restoreSafety}}); err != nil {
			f.Found = fmt.Sprintf("putting the safety backup back failed as well: %v", err)
			return d.stoppedOnPurpose(f)
		}
		database = "the database is the one from before, from " + d.entry.Backup
	}
	if err := d.steps(ctx, []step{{"start " + d.before.Version + " again", d.startAgain}}); err != nil {
		f.Found = fmt.Sprintf("%s, but %s does not run again as it did: %v", database, d.before.Version, err)
		f.Next = fmt.Sprintf("look at the server (docker compose ps in %s), then run rollback or deploy", d.env.Target.Dir)
		if stopped := namesOf(d.restartable()); len(stopped) > 0 {
			f.Next += "; what was stopped for the restore: docker start " + strings.Join(stopped, " ")
		}
		return f
	}
	f.State, f.Found = Restored, fmt.Sprintf("%s, and %s runs again and is healthy", database, d.before.Version)
	return f
}

// stoppedOnPurpose says what has to be typed before the application may run again.
func (d *rollback) stoppedOnPurpose(f *Failure) *Failure {
	start := "docker start " + strings.Join(namesOf(d.restartable()), " ")
	switch {
	case !d.restoring && len(d.stopped) == 0:
		return f
	case !d.restoring:
		f.Next = "what was running may be stopped; on the server: " + start
		return f
	}
	f.Found += "; the application is stopped on purpose, because nobody knows what is in its database"
	f.Next = "put the state from before back, on the server: " + d.restoreLine(d.entry.Backup) + "; when that has ended well: " + start
	return f
}

// restoreSafety waits first for the restore that a lost connection has left at work.
func (d *rollback) restoreSafety(ctx context.Context) error {
	within, cancel := context.WithTimeout(ctx, scriptTime)
	defer cancel()
	for {
		_, err := d.conn.run(within, command{args: busy("true"), time: changeTime})
		if exit := new(exitError); err != nil && !errors.As(err, &exit) {
			return err
		}
		if err == nil {
			break
		}
	}
	// The older version's files may have taken the scripts' places. Where nothing can be written, they may be there all the same.
	_ = d.sendScripts(ctx)
	_, err := d.script(ctx, d.env.Restore, d.entry.Backup)
	if err == nil {
		d.entry.Restored = ""
	}
	return err
}

// startAgain starts the very containers that were stopped, with the files that they had.
func (d *rollback) startAgain(ctx context.Context) error {
	if err := d.putFilesBack(ctx); err != nil {
		return err
	}
	if err := d.conn.docker(ctx, d.restartable(), "start"); err != nil {
		return err
	}
	return d.conn.gate(ctx, d.watched(d.previous, d.before.Version, d.pinsBefore()))
}
