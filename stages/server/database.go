package server

import (
	"context"
	"fmt"
	"time"
)

// backUp saves the database before anything may change it (D6), the first deployment's too.
func (d *deployment) backUp(ctx context.Context) error {
	if d.env.Backup == "" {
		if !d.env.Unsaved {
			d.figures = append(d.figures, "no database was saved: there is no backup script")
		}
		return nil
	}
	saves, err := d.wake(ctx)
	if err == nil && saves {
		err = d.save(ctx)
	}
	if err != nil {
		d.sleep(ctx)
	}
	return err
}

// newBackup is a name that no other run gives, without an ending.
func newBackup() string { return "backup/" + time.Now().UTC().Format("2006-01-02_15-04-05.000") }

func (d *deployment) save(ctx context.Context) error {
	file, err := d.dump(ctx, newBackup()+".sql")
	if err != nil && d.previous == nil && len(d.woken) == 0 {
		return fmt.Errorf("nothing runs here yet, and the compose file has no database that %s could ask; it has to reach one without containers of the project, or start the application once by hand: %w", d.env.Backup, err)
	}
	if err == nil {
		d.entry.Checksum, err = d.checksum(ctx, file)
	}
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

// scriptFile is the compose file that scripts are run with: the one that is in the application's folder.
func (d *deployment) scriptFile() string {
	if d.previous != nil && !(d.ours && d.placed) {
		return d.previous.composeFile
	}
	return d.next.composeFile
}

// script runs a script of the repository in the application's folder, for the project that runs there.
func (d *deployment) script(ctx context.Context, name string, args ...string) (string, error) {
	env := []string{"COMPOSE_FILE=" + d.scriptFile(), "COMPOSE_PROJECT_NAME=" + d.present().compose.Name}
	return d.conn.run(ctx, command{args: busy(append([]string{"./" + name}, args...)...), env: env, time: scriptTime})
}
