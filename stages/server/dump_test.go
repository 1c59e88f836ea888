package server

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// postgresDump is what pg_dump writes: {key}, {rows} and {last} change with the data, {columns} with the schema.
const postgresDump = `--
-- PostgreSQL database dump
--

\restrict {key}

-- Dumped from database version 15.18

SET client_encoding = 'UTF8';

CREATE TABLE public.users (
    id integer NOT NULL,{columns}
    email text NOT NULL
);

COPY public.users (id, email) FROM stdin;
{rows}\.

SELECT pg_catalog.setval('public.users_id_seq', {last}, true);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);

--
-- PostgreSQL database dump complete
--

\unrestrict {key}

`

func postgres(key, rows, last, columns string) string {
	return strings.NewReplacer("{key}", key, "{rows}", rows, "{last}", last, "{columns}", columns).Replace(postgresDump)
}

// mysqlDump is what mysqldump writes.
const mysqlDump = "-- MySQL dump 10.13\n\n/*!40101 SET NAMES utf8 */;\n\nDROP TABLE IF EXISTS `users`;\nCREATE TABLE `users` (\n  `id` int NOT NULL AUTO_INCREMENT,{columns}\n" +
	"  PRIMARY KEY (`id`)\n) ENGINE=InnoDB{next} DEFAULT CHARSET=utf8;\n\nLOCK TABLES `users` WRITE;\n{rows}UNLOCK TABLES;\n\n-- Dump completed on 2026-01-02  3:04:05\n"

func mysql(next, rows, columns string) string {
	return strings.NewReplacer("{next}", next, "{rows}", rows, "{columns}", columns).Replace(mysqlDump)
}

func dumpFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "it's a dump.sql")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// need skips a test that runs a program of the server's, where this machine has none.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skip(program + " is not installed")
	}
}

func zstd(t *testing.T, text string) string {
	t.Helper()
	need(t, "zstd")
	pack := exec.Command("zstd", "--quiet", "--stdout")
	pack.Stdin = strings.NewReader(text)
	packed, err := pack.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(packed)
}

// sum is the fingerprint of a dump; an archive is read by the program.
func sum(t *testing.T, text string, program ...string) string {
	t.Helper()
	if len(program) == 0 {
		program = plainDump
	}
	out, err := exec.Command("sh", append([]string{"-c", schemaScript, "sh", dumpFile(t, text)}, program...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestSchemaScript(t *testing.T) {
	t.Parallel()
	base := postgres("k1", "1\ta@example.com\n", "1", "")
	const body = "CREATE FUNCTION f() AS $$\nUPDATE x\nSET y = 1;\n$$;\n"
	sql := mysql(" AUTO_INCREMENT=2", "INSERT INTO `users` VALUES (1);\n", "")
	for _, c := range []struct {
		name, one, other string
		same             bool
	}{
		{"same dump", base, base, true},
		{"another key", base, postgres("k2", "1\ta@example.com\n", "1", ""), true},
		{"no keys, as older programs write", base, regexp.MustCompile(`(?m)^\\(un)?restrict.*\n`).ReplaceAllString(base, ""), true},
		{"other rows", base, postgres("k1", "2\tb@example.com\n3\tc@example.com\n", "3", ""), true},
		{"no rows", base, postgres("k1", "", "1", ""), true},
		{"rows that look like the schema", base, postgres("k1", "CREATE TABLE x;\nCOPY y FROM stdin;\n-- z\n", "1", ""), true},
		{"another version of the program", base, strings.Replace(base, "version 15.18", "version 15.19", 1), true},
		{"a newer program, which sets more", base, strings.Replace(base, "SET client", "SET transaction_timeout = 0;\nSET client", 1), true},
		{"restored into a schema public that was made anew", base, strings.Replace(base, "CREATE TABLE", "CREATE SCHEMA public;\n\nCOMMENT ON SCHEMA public IS '';\n\nCREATE TABLE", 1) + "REVOKE USAGE ON SCHEMA public FROM PUBLIC;\nGRANT ALL ON SCHEMA public TO app;\n", true},
		{"another schema beside it", base, base + "CREATE SCHEMA publicity;\n", false},
		{"compressed by gzip", base, zipped(t, base), true},
		{"rows as statements", base, regexp.MustCompile(`(?s)COPY .*?\\\.\n`).ReplaceAllString(base, "INSERT INTO public.users VALUES (1, 'a');\n"), true},
		{"one more column", base, postgres("k1", "1\ta@example.com\n", "1", "\n    age integer,"), false},
		{"a line of a function", body + base, strings.Replace(body, "= 1", "= 2", 1) + base, false},
		{"no constraint after the data", base, strings.Replace(base, "PRIMARY KEY (id)", "UNIQUE (id)", 1), false},
		{"MySQL: other rows", sql, mysql(" AUTO_INCREMENT=9", "INSERT INTO `users` VALUES (1),(8);\n", ""), true},
		{"MySQL: no rows yet", sql, mysql("", "", ""), true},
		{"MySQL: one more column", sql, mysql(" AUTO_INCREMENT=2", "INSERT INTO `users` VALUES (1);\n", "\n  `age` int,"), false},
		{"MySQL: a column that no longer counts", sql, strings.Replace(sql, "NOT NULL AUTO_INCREMENT", "NOT NULL", 1), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			one, other := sum(t, c.one), sum(t, c.other)
			if !regexp.MustCompile(`^[0-9a-f]{16}$`).MatchString(one) || (one == other) != c.same {
				t.Errorf("got %q and %q, want them to be the same: %t", one, other, c.same)
			}
		})
	}
}

// An archive has the fingerprint of the statements that pg_restore makes of it.
func TestSchemaScriptOfAnArchive(t *testing.T) {
	need(t, "pg_restore")
	read := append([]string{"pg_restore"}, schemaOfArchive...)
	app := sum(t, readFile(t, "testdata/app.dump"), read...)
	if rows := sum(t, readFile(t, "testdata/rows.dump"), read...); rows != app || app == "" {
		t.Errorf("with other rows the schema is %q, want %q", rows, app)
	}
	if column := sum(t, readFile(t, "testdata/column.dump"), read...); column == app {
		t.Errorf("with one more column the schema is %q as well", column)
	}
	if got := sum(t, zipped(t, readFile(t, "testdata/app.dump")), read...); got != app {
		t.Errorf("compressed the schema is %q, want %q", got, app)
	}
}

// What is not known has no fingerprint, not even the one of nothing.
func TestSchemaScriptThatKnowsNothing(t *testing.T) {
	complete := postgres("k", "1\ta\n", "1", "")
	cut, _, _ := strings.Cut(complete, "\\.\n")
	whole := zipped(t, strings.Repeat(complete, 100))
	for _, c := range []struct {
		name, text string
		program    []string
	}{
		{"cut off in the data", cut, plainDump},
		{"cut off while it is unpacked", whole[:len(whole)-30], plainDump},
		{"comments", "-- nothing\n", plainDump},
		{"a pg_restore that fails", "PGDMP", []string{"false"}},
		{"a pg_restore that says nothing", "PGDMP", []string{"true"}},
		{"no pg_restore", "PGDMP", []string{"no-such-program"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := exec.Command("sh", append([]string{"-c", schemaScript, "sh", dumpFile(t, c.text)}, c.program...)...).Output()
			if exit := new(exec.ExitError); !errors.As(err, &exit) || len(out) > 0 {
				t.Errorf("got %q, %v, want an error and no sum", out, err)
			}
		})
	}
	t.Run("missing", func(t *testing.T) {
		out, err := exec.Command("sh", append([]string{"-c", schemaScript, "sh", filepath.Join(t.TempDir(), "missing")}, plainDump...)...).Output()
		if exit := new(exec.ExitError); !errors.As(err, &exit) || len(out) > 0 {
			t.Errorf("got %q, %v, want an error and no sum", out, err)
		}
	})
}

func TestCompleteScript(t *testing.T) {
	complete := postgres("k", "1\ta\n", "1", "")
	cut, _, _ := strings.Cut(complete, "\\.\n")
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "empty"},
		{"pg_dump", complete, "complete"},
		{"pg_dump without a key", strings.Split(complete, `\unrestrict`)[0], "complete"},
		{"pg_dumpall", "CREATE ROLE a;\n--\n-- PostgreSQL database cluster dump complete\n--\n", "complete"},
		{"mysqldump", mysql("", "", ""), "complete"},
		{"cut off in the data", cut, "incomplete"},
		{"cut off in data that says it is complete", strings.Replace(cut, "1\ta\n", "1\tDump completed\n", 1), "incomplete"},
		{"cut off before the end", strings.Split(complete, "-- PostgreSQL database dump complete")[0], "incomplete"},
		{"something after the end", complete + strings.Repeat("x\n", 30), "incomplete"},
		{"an error's text", "pg_dump: error: connection failed\n", "incomplete"},
		{"archive", "PGDMP\x01\x0e\x00\x00", "archive"},
		{"gzip", zipped(t, complete), "complete"},
		{"gzip of a dump that was cut off", zipped(t, cut), "incomplete"},
		{"gzip that was cut off", zipped(t, complete)[:80], "damaged"},
		{"gzip with another byte", "\x1f\x8b\x08\x00dump", "damaged"},
		{"gzip of an archive", zipped(t, "PGDMP\x01\x0e\x00\x00"), "archive"},
		{"gzip of nothing", zipped(t, ""), "incomplete"},
	} {
		t.Run(c.name, func(t *testing.T) {
			checkComplete(t, dumpFile(t, c.text), c.want)
		})
	}
	t.Run("missing", func(t *testing.T) { checkComplete(t, filepath.Join(t.TempDir(), "none"), "empty") })
	t.Run("folder", func(t *testing.T) { checkComplete(t, t.TempDir(), "empty") })
}

func TestZstd(t *testing.T) {
	complete := postgres("k", "1\ta\n", "1", "")
	cut, _, _ := strings.Cut(complete, "\\.\n")
	for _, c := range []struct{ text, want string }{
		{zstd(t, complete), "complete"},
		{zstd(t, cut), "incomplete"},
		{zstd(t, complete)[:80], "damaged"},
		{zstd(t, "PGDMP\x01\x0e\x00\x00"), "archive"},
	} {
		checkComplete(t, dumpFile(t, c.text), c.want)
	}
	if got, want := sum(t, zstd(t, complete)), sum(t, complete); got != want {
		t.Errorf("the schema is %q, want %q", got, want)
	}
}

// Without zstd a dump that was compressed by it cannot be judged.
func TestCompleteScriptWithoutZstd(t *testing.T) {
	file, bin := dumpFile(t, zstd(t, postgres("k", "", "1", ""))), t.TempDir()
	for _, program := range []string{"od", "tr", "head", "tail", "grep", "cat"} {
		path, err := exec.LookPath(program)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(bin, program)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin)
	cmd := exec.Command("/bin/sh", "-c", completeScript, "sh", file)
	if out, err := cmd.Output(); err != nil || string(out) != "zstd\n" {
		t.Errorf("got %q, %v, want to hear that zstd is missing", out, err)
	}
}

func checkComplete(t *testing.T, file, want string) {
	t.Helper()
	out, err := exec.Command("sh", "-c", completeScript, "sh", file).Output()
	if got := strings.TrimSpace(string(out)); err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}
