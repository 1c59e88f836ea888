package changelog

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var (
	sha1Hash   = strings.Repeat("a1", 20)
	sha256Hash = strings.Repeat("b2", 32)
)

func record(fields ...string) string { return strings.Join(fields, "\x00") }

func TestParseLog(t *testing.T) {
	plain := Commit{Hash: sha1Hash, Parents: []string{}, Author: Person{Name: "Jane", Email: "jane@acme.example"}, Time: time.Unix(1700000000, 0).UTC(), Subject: "feat: a"}
	with := func(change func(*Commit)) []Commit {
		c := plain
		change(&c)
		return []Commit{c}
	}
	first := record(sha1Hash, "", "Jane", "jane@acme.example", "1700000000", "feat: a\n")
	for _, test := range []struct {
		name, log string
		want      []Commit
	}{
		{"nothing", "", nil},
		{"one", first + "\x00", []Commit{plain}},
		{"records only separated", first + "\x00" + first, []Commit{plain, plain}},
		{"records terminated", first + "\x00" + first + "\x00", []Commit{plain, plain}},
		{"empty message, terminated", record(sha1Hash, "", "Jane", "jane@acme.example", "1700000000", "") + "\x00", with(func(c *Commit) { c.Subject = "" })},
		{"empty message, separated", record(sha1Hash, "", "Jane", "jane@acme.example", "1700000000", ""), with(func(c *Commit) { c.Subject = "" })},
		{"two parents, SHA-256", record(sha256Hash, sha256Hash+" "+sha256Hash, "Jane", "jane@acme.example", "1700000000", "feat: a"),
			with(func(c *Commit) { c.Hash, c.Parents = sha256Hash, []string{sha256Hash, sha256Hash} })},
		{"body", record(sha1Hash, "", "Jane", "jane@acme.example", "1700000000", "\nfeat: a \r\n\r\nbody\r\n\r\nEnd: x\r\n"),
			with(func(c *Commit) { c.Body = "body\n\nEnd: x" })},
		{"body right below the subject", record(sha1Hash, "", "Jane", "jane@acme.example", "1700000000", "feat: a\nEnd: x"),
			with(func(c *Commit) { c.Body = "End: x" })},
		{"not UTF-8", record(sha1Hash, "", "J\xe4ne", "\xff", "1700000000", "feat: \xe9\n\n\xe9"),
			with(func(c *Commit) {
				c.Author, c.Subject, c.Body = Person{Name: "J\ufffdne", Email: "\ufffd"}, "feat: \ufffd", "\ufffd"
			})},
		{"broken date", record(sha1Hash, "", "Jane", "jane@acme.example", "", "feat: a"), with(func(c *Commit) { c.Time = time.Time{} })},
		{"date out of range", record(sha1Hash, "", "Jane", "jane@acme.example", "18446744073709551614", "feat: a"), with(func(c *Commit) { c.Time = time.Time{} })},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseLog([]byte(test.log))
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, %v\nwant %+v", got, err, test.want)
			}
		})
	}
}

func TestParseLogErrors(t *testing.T) {
	for _, test := range []struct{ name, log, want string }{
		{"without -z", record(sha1Hash, "", "n", "e", "1", "m\n"+sha1Hash, "", "n", "e", "1", "m\n"),
			"git log: expected records of 6 NUL-separated fields, found 11 fields in all: run git log -z with GitLogFormat"},
		{"other output first", record("gpg: Signature made\n"+sha1Hash, "", "n", "e", "1", "m"),
			`git log: record 1: expected a commit hash of 40 or 64 hexadecimal digits, found "gpg: Signature made\n` + sha1Hash + `": run git log -z with GitLogFormat and without other output`},
		{"abbreviated parent", record(sha1Hash, "abc", "n", "e", "1", "m"),
			`git log: record 1: expected a commit hash of 40 or 64 hexadecimal digits, found "abc": run git log -z with GitLogFormat and without other output`},
		{"date in words", record(sha1Hash, "", "n", "e", "1", "m") + "\x00" + record(sha1Hash, "", "n", "e", "today", "m"),
			`git log: record 2: expected seconds since 1970, found "today": run git log -z with GitLogFormat`},
		{"blank", "\x00", "git log: expected records of 6 NUL-separated fields, found 2 fields in all: run git log -z with GitLogFormat"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if commits, err := ParseLog([]byte(test.log)); err == nil || err.Error() != test.want {
				t.Errorf("got %v and error %v\nwant error %s", commits, err, test.want)
			}
		})
	}
}

func TestParsePrior(t *testing.T) {
	jane, ann := Person{Name: "Jane", Email: "jane@acme.example"}, Person{Name: "Ann", Email: "ann@acme.example"}
	for _, test := range []struct {
		name, log string
		want      []Person
	}{
		{"nothing", "", []Person{}},
		{"one", record("Jane", "jane@acme.example", "") + "\x00", []Person{jane}},
		{"each once", record("Jane", "jane@acme.example", "", "Ann", "ann@acme.example", "", "Jane", "jane@acme.example", "") + "\x00", []Person{jane, ann}},
		{"co-authors", record("Jane", "jane@acme.example", "Co-authored-by: Ann <ann@acme.example>\nco-authored-by: B\xff <b>\n") + "\x00", []Person{jane, ann, {Name: "B\ufffd", Email: "b"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, err := ParsePrior([]byte(test.log)); err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, %v\nwant %+v", got, err, test.want)
			}
		})
	}
	want := "git log: expected records of 3 NUL-separated fields, found 2 fields in all: run git log -z with PriorFormat"
	if prior, err := ParsePrior([]byte(record("Jane", "jane@acme.example"))); err == nil || err.Error() != want {
		t.Errorf("got %v and error %v\nwant error %s", prior, err, want)
	}
}

// encodeLog writes commits as git does with GitLogFormat.
func encodeLog(commits []Commit) []byte {
	var b bytes.Buffer
	for _, c := range commits {
		message := c.Subject + "\n"
		if c.Body != "" {
			message += "\n" + c.Body + "\n"
		}
		seconds := ""
		if !c.Time.IsZero() {
			seconds = fmt.Sprint(c.Time.Unix())
		}
		b.WriteString(record(c.Hash, strings.Join(c.Parents, " "), c.Author.Name, c.Author.Email, seconds, message) + "\x00")
	}
	return b.Bytes()
}

func FuzzParseLog(f *testing.F) {
	f.Add([]byte(record(sha1Hash, sha1Hash, "Jane", "j@acme.example", "1", "feat: a\n\nb") + "\x00"))
	f.Add([]byte(record(sha1Hash, "", "J\xff", "", "", "\n\n\r\n") + "\x00" + record(sha256Hash, "", "", "", "-1", "")))
	f.Add([]byte("\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, log []byte) {
		commits, err := ParseLog(log)
		if err != nil {
			return
		}
		for _, c := range commits {
			if !utf8.ValidString(c.Author.Name + c.Author.Email + c.Subject + c.Body) {
				t.Fatalf("invalid UTF-8 in %+v", c)
			}
			if strings.Contains(c.Subject, "\n") || !hashPattern.MatchString(c.Hash) {
				t.Fatalf("bad commit %+v", c)
			}
		}
		again, err := ParseLog(encodeLog(commits))
		if err != nil || !reflect.DeepEqual(identities(again), identities(commits)) {
			t.Fatalf("%+v, and written again %+v (%v)", commits, again, err)
		}
	})
}

// identities leaves out messages: one that is blank at its edges does not survive being written again.
func identities(commits []Commit) []string {
	var lines []string
	for _, c := range commits {
		lines = append(lines, fmt.Sprint(c.Hash, c.Parents, c.Author, c.Time))
	}
	return lines
}

// TestGitLogFormat asks the real git, with messages that would confuse a format of lines.
func TestGitLogFormat(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	dir := t.TempDir()
	git := func(stdin string, args ...string) []byte {
		t.Helper()
		command := exec.Command("git", append([]string{"-C", dir}, args...)...)
		command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
		command.Stdin = strings.NewReader(stdin)
		out, err := command.Output()
		if err != nil {
			t.Fatalf("git %v: %v", args, err)
		}
		return out
	}
	git("", "init", "-q")
	line := func(out []byte) string { return strings.TrimSpace(string(out)) }
	tree := line(git("", "write-tree"))
	raw := func(author, message, parents string) string {
		text := "tree " + tree + "\n" + parents + "author " + author + " 1600000000 +0000\ncommitter c <c@acme.example> 1700000000 +0200\n\n" + message
		return line(git(text, "hash-object", "-t", "commit", "-w", "--literally", "--stdin"))
	}
	one := raw("Jane <jane@acme.example>", "commit "+sha1Hash+"\n\n%H%x00\n\n"+sha1Hash+"\n\n", "")
	two := raw("J\xff <j@acme.example>", "", "parent "+one+"\n")
	three := raw("Nul <n@acme.example>", "feat: nul\n\nbefore\x00"+sha1Hash+"\x00after", "parent "+two+"\nparent "+one+"\n")

	four := raw("Jane <jane@acme.example>", "feat: four\n\nText.\n\nReviewed-by: No <no@acme.example>\nco-authored-by: Ann <ann@acme.example>\n", "parent "+three+"\n")
	prior, err := ParsePrior(git("", "log", "-z", "--format="+PriorFormat, four))
	authors := []Person{{Name: "Jane", Email: "jane@acme.example"}, {Name: "Ann", Email: "ann@acme.example"}, {Name: "Nul", Email: "n@acme.example"}, {Name: "J\ufffd", Email: "j@acme.example"}}
	if err != nil || !slices.Equal(prior, authors) {
		t.Errorf("got %+v, %v\nwant %+v", prior, err, authors)
	}

	got, err := ParseLog(git("", "log", "-z", "--format="+GitLogFormat, three))
	when := time.Unix(1700000000, 0).UTC()
	want := []Commit{
		{three, []string{two, one}, Person{Name: "Nul", Email: "n@acme.example"}, when, "feat: nul", "before"},
		{two, []string{one}, Person{Name: "J\ufffd", Email: "j@acme.example"}, when, "", ""},
		{one, []string{}, Person{Name: "Jane", Email: "jane@acme.example"}, when, "commit " + sha1Hash, "%H%x00\n\n" + sha1Hash},
	}
	if err != nil || !slices.EqualFunc(got, want, func(x, y Commit) bool { return reflect.DeepEqual(x, y) }) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}
