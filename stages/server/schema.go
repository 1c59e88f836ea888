package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// schemaScript is what is left of a dump without its data, what the program says of itself, and the rights of the schema that
// every database has, which a restore may make anew: two dumps of one schema give one sum. A program turns the dump into
// statements. Where anything fails there is no sum.
const schemaScript = unpackScript + `file=$1
shift
failed() { printf '\n\\cut off\n'; }
text=$({ { unpack "$file" || failed; } | "$@" || failed; } | awk '
/^\\cut off$/ {cut = 1}
/^COPY .* FROM stdin;$/ {data = 1}
/^\\\.$/ {data = 0; next}
data || !NF || /^--/ || /^INSERT INTO/ || /setval\(/ || /^\\(un)?restrict/ {next}
/^(CREATE|ALTER|COMMENT ON|GRANT .* ON|REVOKE .* ON) SCHEMA public[ ;]/ {next}
!begun && (/^SET / || /set_config\(/) {next}
{begun = 1; sub(/ AUTO_INCREMENT=[0-9]+/, ""); print}
END {exit cut || data || !begun}') && printf '%s\n' "$text" | sha256sum | cut -c 1-16`

var (
	plainDump       = []string{"cat"}
	schemaOfArchive = []string{"--schema-only", "--file=-"}
)

// schema is a fingerprint of the database's schema, taken from a dump. One that is not known is an error.
func (d *deployment) schema(ctx context.Context, dump string) (text string, err error) {
	kind, err := d.kindOf(ctx, dump)
	if err != nil {
		return "", err
	}
	if kind == "archive" {
		text, err = d.pgRestore(ctx, schemaScript, dump, schemaOfArchive...)
	} else {
		text, err = d.conn.run(ctx, command{args: append([]string{"sh", "-c", schemaScript, "sh", dump}, plainDump...), time: scriptTime})
	}
	if exit := new(exitError); errors.As(err, &exit) {
		return "", fmt.Errorf("the schema cannot be read from the backup %s: %s", dump, exit.output)
	}
	return strings.TrimSpace(text), err
}

// noteSchema writes down which schema the release runs on, so that a rollback knows whether an older one fits.
func (d *deployment) noteSchema(ctx context.Context) (err error) {
	migration, ok := d.next.compose.Services[d.env.Migrate]
	switch {
	case !ok || d.env.Backup == "" || d.entry.Schema != "":
		return nil
	case d.entry.Kind == Deployed && d.ours && d.before.Schema != "" && reflect.DeepEqual(d.previous.compose.Services[d.env.Migrate], migration):
		d.entry.Schema, err = d.schema(ctx, d.entry.Backup) // the same program has run, which does nothing twice
	default:
		d.entry.Schema, err = d.schemaNow(ctx)
	}
	return err
}

// schemaNow dumps once more, for the schema alone.
func (d *deployment) schemaNow(ctx context.Context) (string, error) {
	given := "backup/.schema-" + time.Now().UTC().Format("2006-01-02_15-04-05.000000000") + ".sql"
	file, err := d.dump(ctx, given)
	defer func() { _, _ = d.conn.run(ctx, command{args: []string{"rm", "-f", "--", cmp.Or(file, given)}}) }()
	if err != nil {
		return "", err
	}
	return d.schema(ctx, file)
}

// checkSchema refuses to run an older version on a schema that it does not know (B5). The database itself is asked, because
// not every change of a schema is in the ledger.
func (d *rollback) checkSchema(ctx context.Context) (err error) {
	if d.back.Database != "" || d.back.SchemaAhead || !d.migrates() && d.env.Backup == "" {
		return nil
	}
	if d.env.Backup == "" {
		return fmt.Errorf("the schema that the database has now is not known, without a backup script to show it: say --allow-schema-ahead if %s runs on it", d.target.Version)
	}
	ways := fmt.Sprintf("say --restore-db=%s to go back to the backup of what %s left, or --allow-schema-ahead if %s runs on the schema of now", Recorded, d.target.Version, d.target.Version)
	if !d.migrates() && d.target.Schema == "" {
		d.target.Schema = d.schemaLeft(ctx)
	}
	switch {
	case d.target.Schema == "" && !d.migrates():
		d.figures = append(d.figures, "whether "+d.target.Version+" runs on the schema of now is not known: no backup of what it left can be read")
		return nil
	case d.target.Schema == "":
		return fmt.Errorf("the schema that %s ran on is not known: %s", d.target.Version, ways)
	}
	// The script that is there stays: a rollback that is refused changes nothing.
	if d.conn.canRun(ctx, d.env.Backup) != nil {
		err = d.sendScripts(ctx)
	}
	if err == nil {
		d.entry.Schema, err = d.schemaNow(ctx)
	}
	if err != nil {
		return fmt.Errorf("the schema that the database has now is not known (%w): %s", err, ways)
	}
	if d.entry.Schema != d.target.Schema {
		return fmt.Errorf("%s ran on another schema than the database has now: %s", d.target.Version, ways)
	}
	return nil
}

// schemaLeft is that of the backup of what the target left, empty if there is none that can be read. Where no service migrates,
// the application may, when it starts.
func (d *rollback) schemaLeft(ctx context.Context) string {
	for _, saved := range slices.Backward(d.ledger.backupsOf(d.target.Version)) {
		if schema, err := d.schema(ctx, saved.Backup); err == nil {
			return schema
		}
	}
	return ""
}

// migrates says whether schemas are ours to judge (D6): a service changes them.
func (d *rollback) migrates() bool {
	_, then := d.next.compose.Services[d.env.Migrate]
	_, now := d.previous.compose.Services[d.env.Migrate]
	return then || now
}
