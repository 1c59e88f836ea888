package server

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"
)

// program plays a program that runs in a container of the database.
func (d *dockerd) program(c *call) error {
	one, err := d.find(c.getenv("SLIPWAY_CONTAINER"))
	if err != nil || !one.does.database {
		return ends(127, "%s: not found", c.Args[0])
	}
	broken := d.db.breaks
	switch path.Base(c.Args[0]) {
	case "pg_dump":
		d.db.breaks = nil
		return d.dump(c, broken)
	case "psql":
		d.db.breaks = nil
		return d.psql(c, broken)
	case "pg_restore":
		return d.pgRestore(c, broken)
	}
	return ends(127, "%s: not found", c.Args[0])
}

const (
	dumpEnd = "--\n-- PostgreSQL database dump complete\n--\n"
	magic   = "PGDMP"
)

func (d *dockerd) dump(c *call, broken error) error {
	text := d.db.dump(slices.Contains(c.Args, "--clean"))
	if slices.ContainsFunc(c.Args, func(a string) bool { return a == "-Fc" || a == "--format=custom" || a == "--format=c" }) {
		text = magic + text
	}
	if broken != nil {
		text = text[:len(text)/2]
	}
	_, _ = io.WriteString(c.stdout, text)
	return broken
}

// dump is a dump as pg_dump writes it.
func (db *database) dump(clean bool) string {
	var b strings.Builder
	b.WriteString("--\n-- PostgreSQL database dump\n--\n\n")
	if clean {
		b.WriteString("DROP TABLE IF EXISTS public.rows;\n")
	}
	for _, s := range db.schema {
		b.WriteString(s + "\n")
	}
	b.WriteString("\nCOPY public.rows (text) FROM stdin;\n")
	for _, r := range db.rows {
		b.WriteString(r + "\n")
	}
	b.WriteString("\\.\n\n" + dumpEnd)
	return b.String()
}

// psql reads what our dumps are made of. A transaction that does not come to its end changes nothing.
func (d *dockerd) psql(c *call, broken error) error {
	text, err := d.read(c)
	if err != nil {
		return err
	}
	after, err := d.db.apply(text, broken != nil)
	if err != nil {
		return err
	}
	if !strings.Contains(text, "BEGIN;") || broken == nil && strings.Contains(text, "COMMIT;") {
		d.db.schema, d.db.rows = after.schema, after.rows
	}
	return broken
}

// read takes the whole input, while others go on.
func (d *dockerd) read(c *call) (string, error) {
	d.mu.Unlock()
	text, err := io.ReadAll(c.stdin)
	d.mu.Lock()
	d.settle()
	return string(text), err
}

// apply is the database after a dump, or after half of it.
func (db *database) apply(text string, half bool) (database, error) {
	after := database{schema: slices.Clone(db.schema), rows: slices.Clone(db.rows)}
	lines, data := strings.Split(text, "\n"), false
	if half {
		lines = lines[:len(lines)/2]
	}
	for _, l := range lines {
		switch {
		case strings.HasPrefix(l, "DROP "):
			after = database{}
		case strings.HasPrefix(l, "COPY "):
			data = true
		case l == `\.`:
			data = false
		case data:
			after.rows = append(after.rows, l)
		case strings.HasPrefix(l, "CREATE SCHEMA"), l == "":
		case strings.HasPrefix(l, "CREATE "), strings.HasPrefix(l, "ALTER "):
			if slices.Contains(after.schema, l) {
				return database{}, ends(3, "psql:<stdin>: ERROR:  relation already exists: %s", l)
			}
			after.schema = append(after.schema, l)
		}
	}
	return after, nil
}

// pgRestore lists an archive, or puts it back.
func (d *dockerd) pgRestore(c *call, broken error) error {
	text, err := d.read(c)
	if err != nil {
		return err
	}
	sql, ok := strings.CutPrefix(text, magic)
	switch {
	case !ok:
		return ends(1, "pg_restore: error: input file does not appear to be a valid archive")
	case slices.Contains(c.Args, "--list") || slices.Contains(c.Args, "-l"): // stands at the beginning of an archive, as the schema does
		c.print(";\n; Archive created at %s\n;     dbname: app\n;", time.Now().Format(time.DateTime))
		return nil
	case slices.Contains(c.Args, "--schema-only") && slices.Contains(c.Args, "--file=-"):
		schema, _, _ := strings.Cut(sql, "COPY ")
		c.print("%s", schema)
		return nil
	case !strings.HasSuffix(sql, dumpEnd):
		return ends(1, "pg_restore: error: could not read from input file: end of file")
	case slices.Contains(c.Args, "--file=/dev/null"):
		return nil
	}
	d.db.breaks = nil
	if slices.Contains(c.Args, "--clean") {
		sql = "DROP ALL;\n" + sql
	}
	after, err := d.db.apply(sql, broken != nil)
	if err == nil {
		d.db.schema, d.db.rows = after.schema, after.rows
	}
	return firstError(broken, err)
}

func firstError(all ...error) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}

// volumes are the folders of which an image says that they outlive its containers.
func (b behaviour) volumes() map[string]any {
	if b.database {
		return map[string]any{"/var/lib/postgresql/data": map[string]any{}}
	}
	return nil
}

// table is a statement that makes one, as dumps have it.
func table(name string) string { return fmt.Sprintf("CREATE TABLE public.%s (text text);", name) }
