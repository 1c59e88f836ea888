package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// unpackScript prints a dump as the database's own program wrote it. What compressed it is told by its first bytes.
const unpackScript = `first() { od -A n -t x1 -N 4 -- "$1" | tr -d ' \n'; }
unpack() {
	case $(first "$1") in
	1f8b*) gzip -dc -- "$1" ;;
	28b52ffd) zstd -dcq -- "$1" ;;
	*) cat -- "$1" ;;
	esac
}
`

// completeScript says in a word what a dump is. What compressed it checks its own sums; a plain one is told by what dump
// programs write last, and an archive of pg_dump by its first bytes.
const completeScript = unpackScript + `test -f "$1" && test -s "$1" || { echo empty; exit; }
case $(first "$1") in
1f8b*) gzip -t -- "$1" || { echo damaged; exit; } ;;
28b52ffd)
	command -v zstd > /dev/null || { echo zstd; exit; }
	zstd -tq -- "$1" || { echo damaged; exit; } ;;
esac
test "$(unpack "$1" | head -c 5 | tr -d '\000')" = PGDMP && { echo archive; exit; }
unpack "$1" | tail -n 20 | grep -q -i -e '^-- .*dump complete' && { echo complete; exit; }
echo incomplete`

// dump runs the backup script, which is given the file to write and prints the one that it wrote.
func (d *deployment) dump(ctx context.Context, file string) (string, error) {
	text, err := d.script(ctx, d.env.Backup, file)
	if exit := new(exitError); errors.As(err, &exit) {
		return "", fmt.Errorf("the backup failed (%s): %s", d.env.Backup, exit.output)
	}
	if err != nil {
		return "", err
	}
	written := cmp.Or(lastLine(text), file)
	err = d.checkBackup(ctx, written)
	switch own := strings.HasPrefix(path.Clean(d.conn.inside(written)), d.conn.inside(file)); {
	case own:
		return written, err
	case err != nil:
		return "", err
	}
	return d.rename(ctx, written, file)
}

// isBackup says whether a file is one that the ledger has.
func (d *deployment) isBackup(file string) bool {
	return slices.ContainsFunc(d.ledger, func(e Entry) bool {
		return e.Backup != "" && d.conn.inside(e.Backup) == path.Clean(d.conn.inside(file))
	})
}

// rename moves a backup that the script has named itself to the name that it was given, which no later run writes to. One that
// the ledger has stays where it is.
func (d *deployment) rename(ctx context.Context, written, given string) (string, error) {
	named, program := strings.TrimSuffix(given, path.Ext(given))+endings(written), "mv"
	if d.isBackup(written) {
		program = "cp"
	}
	args := []string{"sh", "-c", `mkdir -p backup && umask 077 && "$1" -- "$2" "$3"`, "sh", program, written, named}
	_, err := d.conn.run(ctx, command{args: args, time: scriptTime})
	return named, err
}

// endings are those of a file's name by which a restore script may tell what is in it, such as .sql.gz.
func endings(name string) string {
	last := path.Ext(name)
	if last != ".gz" && last != ".zst" {
		return last
	}
	return path.Ext(strings.TrimSuffix(name, last)) + last
}

// checksum is that of a file on the server.
func (d *deployment) checksum(ctx context.Context, file string) (string, error) {
	text, err := d.conn.run(ctx, command{args: []string{"sh", "-c", `sha256sum < "$1"`, "sh", file}, time: scriptTime})
	sum, _, _ := strings.Cut(text, " ")
	return sum, err
}

// checkBackup insists on a file that a restore could use.
func (d *deployment) checkBackup(ctx context.Context, file string) error {
	kind, err := d.kindOf(ctx, file)
	if err != nil {
		return err
	}
	switch kind {
	case "complete":
		return nil
	case "archive":
		return d.checkArchive(ctx, file)
	case "empty":
		return fmt.Errorf("the backup %s is missing or empty", file)
	case "damaged":
		return fmt.Errorf("the backup %s is damaged: what compressed it does not accept it", file)
	case "zstd":
		return fmt.Errorf("the backup %s is compressed by zstd, which %s does not have: install it there, or compress with gzip", file, d.conn.target.Host)
	}
	return fmt.Errorf("the backup %s is incomplete: expected the line with which pg_dump or mysqldump ends", file)
}

// kindOf is the word that completeScript has for a dump.
func (d *deployment) kindOf(ctx context.Context, file string) (string, error) {
	text, err := d.conn.run(ctx, command{args: []string{"sh", "-c", completeScript, "sh", file}, time: scriptTime})
	return strings.TrimSpace(text), err
}

// readScript gives an archive to the program that reads it.
const readScript = unpackScript + `file=$1
shift
unpack "$file" | "$@"`

// wholeArchive reads an archive to its end, the data too: its list stands at the beginning, also of one that was cut off.
var wholeArchive = []string{"--file=/dev/null"}

func (d *deployment) checkArchive(ctx context.Context, file string) error {
	_, err := d.pgRestore(ctx, readScript, file, wholeArchive...)
	if exit := new(exitError); errors.As(err, &exit) {
		return fmt.Errorf("pg_restore cannot read the backup %s: %s", file, exit.output)
	}
	return err
}

// pgRestore runs a script with an archive and pg_restore, wherever there is one that reads it: in a container of the
// project, on the server, or in an image of its own, so that the database may be anywhere.
func (d *deployment) pgRestore(ctx context.Context, script, file string, args ...string) (text string, err error) {
	programs, err := d.pgRestores(ctx)
	if err != nil {
		return "", err
	}
	var refused error // by the first that there is
	for _, program := range programs {
		line := append([]string{"sh", "-c", script, "sh", file}, append(program, args...)...)
		text, err = d.conn.run(ctx, command{args: line, time: scriptTime})
		exit := new(exitError)
		if !errors.As(err, &exit) {
			return text, err
		}
		if refused == nil && !exit.noProgram() {
			refused = err
		}
	}
	if refused == nil {
		refused = err
	}
	return "", refused
}

// noProgram says that there was nothing to run, in the words of shells and of Docker.
func (e *exitError) noProgram() bool { return e.code == 126 || e.code == 127 }

func (d *deployment) pgRestores(ctx context.Context) ([][]string, error) {
	running, err := d.present().running(ctx)
	if err != nil {
		return nil, err
	}
	var programs [][]string
	for _, c := range databasesFirst(running) {
		programs = append(programs, []string{"docker", "exec", "-i", c.ID, "pg_restore"})
	}
	return append(programs, []string{"pg_restore"},
		[]string{"docker", "run", "--rm", "-i", "--network", "none", "--entrypoint", "pg_restore", d.env.Postgres}), nil
}
