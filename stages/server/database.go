package server

import (
	"context"
	"time"
)

// backUp saves the database before anything may change it (D6).
func (d *deployment) backUp(ctx context.Context) error {
	if d.env.Backup == "" || d.previous == nil {
		return nil // there is no database, or none yet
	}
	file, err := d.dump(ctx, "backup/"+time.Now().UTC().Format("2006-01-02_15-04-05.000")+".sql")
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
