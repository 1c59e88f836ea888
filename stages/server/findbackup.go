package server

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// findBackup checks the backup before anything is stopped (B6), and puts the scripts in place.
func (d *rollback) findBackup(ctx context.Context) error {
	if d.back.Database == "" {
		return nil
	}
	if d.env.Restore == "" || d.env.Backup == "" {
		return errors.New("the database cannot be restored: the repository has no scripts for it (settings backupScript, restoreScript)")
	}
	saved, err := d.chosen(ctx)
	if err != nil {
		return err
	}
	d.backup = saved.Backup
	if err := d.checkBackup(ctx, d.backup); err != nil {
		return err
	}
	if err := d.checkSame(ctx, saved); err != nil {
		return err
	}
	if err := d.checkAge(ctx, saved); err != nil {
		return err
	}
	if err := d.setAside(ctx); err != nil {
		return err
	}
	return d.findScripts(ctx)
}

var newBackupName = regexp.MustCompile(`/backup/[0-9-]{10}_[0-9-]{8}\.[0-9]{3}\.`)

// setAside copies a backup whose name is not one that we give: the script may write over it when it saves the present database.
func (d *rollback) setAside(ctx context.Context) (err error) {
	if d.chose = d.backup; newBackupName.MatchString(d.conn.inside(d.backup)) {
		return nil
	}
	d.backup = newBackup() + ".kept" + endings(d.chose)
	args := []string{"sh", "-c", `mkdir -p backup && umask 077 && cp --preserve=timestamps -- "$1" "$2"`, "sh", d.chose, d.backup}
	if _, err = d.conn.run(ctx, command{args: args, time: scriptTime}); err == nil {
		d.asFound, err = d.stat(ctx)
	}
	return err
}

// chosen is the backup to restore, with what the ledger says of it.
func (d *rollback) chosen(ctx context.Context) (Entry, error) {
	if d.back.Database == Recorded {
		return d.recorded(ctx)
	}
	saved := Entry{}
	for _, e := range d.ledger {
		if e.Backup != "" && d.conn.inside(e.Backup) == d.conn.inside(d.back.Database) {
			saved = e
		}
	}
	saved.Backup = d.back.Database
	return saved, nil
}

// recorded is the backup that holds what the target left behind. Each attempt that failed has made one, and the version ran on
// after it: all is in the last, if that is what the version can run on.
func (d *rollback) recorded(ctx context.Context) (Entry, error) {
	saved := d.ledger.backupsOf(d.target.Version)
	if len(saved) == 0 {
		return Entry{}, fmt.Errorf("the ledger knows no backup of what %s left: name a file in the server's backup folder", d.target.Version)
	}
	last := saved[len(saved)-1]
	if why := d.doubt(ctx, saved[:len(saved)-1], last); why != "" {
		var all []string
		for _, e := range saved {
			all = append(all, fmt.Sprintf("%s (before the %s of %s, %s at %s)", e.Backup, e.Kind, e.Version, e.Ending, e.Time.UTC().Format("2006-01-02 15:04:05 UTC")))
		}
		return Entry{}, fmt.Errorf("%s has left more than one backup, and %s: name one with --restore-db, what was written after it is lost: %s", d.target.Version, why, strings.Join(all, "; "))
	}
	return last, nil
}

// doubt is why the last backup may hold something else than what the version left behind.
func (d *rollback) doubt(ctx context.Context, earlier []Entry, last Entry) string {
	if len(earlier) == 0 {
		return ""
	}
	for _, e := range earlier {
		switch {
		case e.Ending == Healthy:
			return e.Version + " ran between them"
		case e.Kind == RolledBack && e.State == NotRestored:
			return "between them a rollback to " + e.Version + " may have put another database in its place"
		}
	}
	first, err := d.schema(ctx, earlier[0].Backup)
	if err != nil {
		return err.Error()
	}
	now, err := d.schema(ctx, last.Backup)
	switch {
	case err != nil:
		return err.Error()
	case now != first:
		return "the schema was changed between them"
	}
	return ""
}

// checkSame insists that a backup is what it was when it was made.
func (d *rollback) checkSame(ctx context.Context, saved Entry) error {
	if saved.Checksum == "" {
		return nil
	}
	sum, err := d.checksum(ctx, saved.Backup)
	if err == nil && sum != saved.Checksum {
		err = fmt.Errorf("the backup %s is not what it was when it was made: its sha256 is %s, expected %s; name another file with --restore-db", saved.Backup, sum, saved.Checksum)
	}
	return err
}

// skew is how far the server's clock may be from ours.
const skew = time.Minute

// checkAge refuses a backup from before the target first ran, whose schema may be older still, and one that was written over
// as far as an older ledger tells, which has no checksum: whoever means that all the same names it.
func (d *rollback) checkAge(ctx context.Context, saved Entry) (err error) {
	if d.asFound, err = d.stat(ctx); err != nil {
		return err
	}
	word, _, _ := strings.Cut(d.asFound, " ")
	seconds, err := strconv.ParseInt(word, 10, 64)
	if err != nil {
		return fmt.Errorf("stat on the server has answered %q", d.asFound)
	}
	taken := time.Unix(seconds, 0).UTC()
	if d.back.Database == Recorded && saved.Checksum == "" && taken.After(saved.Time.Add(skew)) {
		return fmt.Errorf("the backup %s was written over at %s, after the %s of %s: name the file to restore with --restore-db", d.backup, taken.Format(time.DateTime), saved.Kind, saved.Version)
	}
	first := slices.IndexFunc(d.ledger, func(e Entry) bool {
		return e.Version == d.target.Version && e.Kind != Withdrawn && e.Ending == Healthy
	})
	if first >= 0 && taken.Before(d.ledger[first].Time.Add(-time.Second)) {
		return fmt.Errorf("the backup %s is too old: it is from %s, and %s was deployed at %s", d.backup, taken.Format(time.DateTime), d.target.Version, d.ledger[first].Time.Format(time.DateTime))
	}
	return nil
}

// stat tells the backup's file from any other that takes its place: its time in seconds, its number, its time.
func (d *rollback) stat(ctx context.Context) (string, error) {
	text, err := d.conn.run(ctx, command{args: []string{"stat", "--dereference", "--format", "%Y %i %y", "--", d.backup}})
	return strings.TrimSpace(text), err
}

// checkUnspoiled insists that saving the present database has left everything as it was found.
func (d *rollback) checkUnspoiled(ctx context.Context) error {
	now, err := d.stat(ctx)
	if exit := new(exitError); errors.As(err, &exit) || err == nil && now != d.asFound {
		return fmt.Errorf("saving the present database has changed or removed the backup %s: name another one, or a copy of it that %s leaves alone", d.backup, d.env.Backup)
	}
	if err != nil {
		return err
	}
	return d.conn.canRun(ctx, d.env.Restore)
}

// findScripts puts the scripts of the checkout on the server, as a deployment does, and insists that they can be run there.
func (d *rollback) findScripts(ctx context.Context) error {
	if err := d.sendScripts(ctx); err != nil {
		return err
	}
	for _, script := range []string{d.env.Backup, d.env.Restore} {
		if err := d.conn.canRun(ctx, script); err != nil {
			return err
		}
	}
	return nil
}

// runnableScript fails where a script cannot be run, and prints the program that its first line asks for if that is missing.
// What says more to env than a name is believed.
const runnableScript = `test -f "$1" && test -x "$1" || exit 1
read -r line < "$1" || :
case $line in '#!'*) ;; *) exit 0 ;; esac
set -f
set -- ${line#??}
case $1 in */env) shift; test "$1" != -S || shift ;; esac
case $1 in '' | -* | *=*) exit 0 ;; esac
command -v "$1" > /dev/null || printf '%s\n' "$1"`

// canRun tells a script that was never begun from one that has failed half way.
func (c *Conn) canRun(ctx context.Context, script string) error {
	text, err := c.run(ctx, command{args: []string{"sh", "-c", runnableScript, "sh", script}})
	if exit := new(exitError); errors.As(err, &exit) {
		return fmt.Errorf("%s cannot be run on %s: expected a file there that %s may execute", script, c.target.Host, c.target.User)
	}
	if missing := strings.TrimSuffix(text, "\n"); err == nil && missing != "" {
		return fmt.Errorf("%s cannot be run on %s: its first line asks for %q, which is not there", script, c.target.Host, missing)
	}
	return err
}
