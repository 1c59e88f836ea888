package server

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// schemaScript is what is left of a dump without its data and what the program says of itself: two dumps of one schema give
// one sum. A program turns the dump into statements. Where anything fails there is no sum.
const schemaScript = unpackScript + `file=$1
shift
failed() { printf '\n\\cut off\n'; }
text=$({ { unpack "$file" || failed; } | "$@" || failed; } | awk '
/^\\cut off$/ {cut = 1}
/^COPY .* FROM stdin;$/ {data = 1}
/^\\\.$/ {data = 0; next}
data || !NF || /^--/ || /^INSERT INTO/ || /setval\(/ || /^\\(un)?restrict/ {next}
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
		text, err = d.conn.run(ctx, command{args: append([]string{"sh", "-c", schemaScript, "sh", dump}, plainDump...)})
	}
	if exit := new(exitError); errors.As(err, &exit) {
		return "", fmt.Errorf("the schema cannot be read from the backup %s: %s", dump, exit.output)
	}
	return strings.TrimSpace(text), err
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
