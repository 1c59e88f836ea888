package server

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// story makes a ledger of lines such as "deploy 1", "deploy 2 backup-a", "failed deploy 3" and "rollback 1 backup-b restored".
func story(t testing.TB, lines ...string) Ledger {
	t.Helper()
	kinds := map[string]Kind{"deploy": Deployed, "rollback": RolledBack, "withdraw": Withdrawn}
	var l Ledger
	for n, line := range lines {
		e := Entry{Ending: Healthy, Time: time.Date(2026, 1, 1, 0, n, 0, 0, time.UTC)}
		rest, failed := strings.CutPrefix(line, "failed ")
		words := strings.Fields(rest + " - -")
		if failed {
			e.Ending = Failed
		}
		if e.Kind, e.Version = kinds[words[0]], words[1]; e.Kind == Withdrawn {
			e.Ending = ""
		}
		e.Backup, e.Restored = strings.Trim(words[2], "-"), strings.Trim(words[3], "-")
		l = append(l, e)
	}
	return l
}

func TestParseLedger(t *testing.T) {
	one := `{"time":"2026-01-02T03:04:05Z","kind":"deploy","result":"healthy","version":"1.2.3","commit":"abc","images":{"backend":"r/b@sha256:1"},"by":"ann","backup":"backup/1.sql","checksum":"c1","restored":"backup/0.sql","schema":"s1"}`
	two := `{"time":"2026-01-02T03:05:05Z","kind":"rollback","result":"failed","version":"1.2.2","by":"bob","reason":"slow","state":"kept","error":"no"}`
	first := Entry{Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Kind: Deployed, Ending: Healthy, Version: "1.2.3", Commit: "abc",
		Images: map[string]string{"backend": "r/b@sha256:1"}, By: "ann", Backup: "backup/1.sql", Checksum: "c1", Restored: "backup/0.sql", Schema: "s1"}
	second := Entry{Time: time.Date(2026, 1, 2, 3, 5, 5, 0, time.UTC), Kind: RolledBack, Ending: Failed, Version: "1.2.2", By: "bob", Reason: "slow", State: Kept, Error: "no"}
	for _, c := range []struct {
		name, text string
		want       Ledger
		err        string
	}{
		{"no file", "", nil, ""},
		{"blank lines", "\n \n", nil, ""},
		{"one", one + "\n", Ledger{first}, ""},
		{"two", one + "\n" + two + "\n", Ledger{first, second}, ""},
		{"no line feed at the end", one + "\n" + two, Ledger{first, second}, ""},
		{"blank line in the middle", one + "\n\n" + two + "\n", Ledger{first, second}, ""},
		{"line feeds of Windows", one + "\r\n" + two + "\r\n", Ledger{first, second}, ""},
		{"last line cut off", one + "\n" + two[:20], Ledger{first}, ""},
		{"last line cut off, with blank lines after it", one + "\n" + two[:20] + "\n\n", Ledger{first}, ""},
		{"only line cut off", one[:20], nil, ""},
		{"unknown field", `{"version":"1","new":1}` + "\n", Ledger{{Version: "1"}}, ""},
		{"broken first line", one[:20] + "\n" + two + "\n", nil, "line 1 of .slipway/ledger.jsonl on the server is not readable: mend or remove it"},
		{"broken middle", one + "\nnonsense\n" + two + "\n", nil, "line 2 of .slipway/ledger.jsonl on the server is not readable: mend or remove it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parseLedger(c.text)
			if message(err) != c.err || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, %q, want %+v, %q", got, message(err), c.want, c.err)
			}
		})
	}
}

// message is the text of an error, empty without one.
func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func FuzzParseLedger(f *testing.F) {
	for _, seed := range []string{"", "{}", "{}\n{", "{\n{}", `{"version":"1.2.3","kind":"deploy","result":"healthy","images":{"a":"b"}}` + "\n\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ledger, err := parseLedger(text)
		if err != nil {
			return
		}
		var again strings.Builder
		for _, e := range ledger {
			line, err := json.Marshal(e)
			if err != nil {
				t.Skip("a time that cannot be written")
			}
			fmt.Fprintf(&again, "%s\n", line)
		}
		same, err := parseLedger(again.String() + `{"version":`)
		if err != nil || len(same) != len(ledger) {
			t.Errorf("%q: %d entries, written and read again %d, %v", text, len(ledger), len(same), err)
		}
		ledger.Before()
		ledger.backupsOf("1.2.3")
		ledger.left()
	})
}

func TestLedgerCurrentAndBefore(t *testing.T) {
	for _, c := range []struct {
		name            string
		lines           []string
		current, before string
	}{
		{"empty", nil, "", ""},
		{"first deployment", []string{"deploy 1.0.0"}, "1.0.0", ""},
		{"two deployments", []string{"deploy 1.0.0", "deploy 1.1.0"}, "1.1.0", "1.0.0"},
		{"nothing but failures", []string{"failed deploy 1.0.0", "failed deploy 1.1.0"}, "", ""},
		{"rolled back once", []string{"deploy 1.0.0", "deploy 1.1.0", "deploy 1.2.0", "rollback 1.1.0"}, "1.1.0", "1.0.0"},
		{"rolled back twice", []string{"deploy 1.0.0", "deploy 1.1.0", "deploy 1.2.0", "rollback 1.1.0", "rollback 1.0.0"}, "1.0.0", ""},
		{"deployed again after a rollback", []string{"deploy 1.0.0", "deploy 1.1.0", "deploy 1.2.0", "rollback 1.1.0", "deploy 1.2.0"}, "1.2.0", "1.1.0"},
		{"deployed on after a rollback", []string{"deploy 1.0.0", "deploy 1.1.0", "deploy 1.2.0", "rollback 1.0.0", "deploy 1.1.0"}, "1.1.0", "1.0.0"},
		{"what was rolled away from is not gone back to", []string{"deploy 1.0.0", "deploy 1.1.0", "rollback 1.0.0", "deploy 1.2.0"}, "1.2.0", "1.0.0"},
		{"nor is anything in between", []string{"deploy 1.0.0", "deploy 1.1.0", "deploy 1.2.0", "rollback 1.0.0", "deploy 1.3.0"}, "1.3.0", "1.0.0"},
		{"nor after two rollbacks and their deployments", []string{"deploy 1.0.0", "deploy 1.1.0", "rollback 1.0.0", "deploy 1.2.0", "rollback 1.0.0", "deploy 1.3.0"}, "1.3.0", "1.0.0"},
		{"unless it was deployed again", []string{"deploy 1.0.0", "deploy 1.1.0", "rollback 1.0.0", "deploy 1.1.0", "deploy 1.2.0"}, "1.2.0", "1.1.0"},
		{"or named by somebody", []string{"deploy 1.0.0", "deploy 1.1.0", "rollback 1.0.0", "deploy 1.2.0", "rollback 1.1.0"}, "1.1.0", "1.0.0"},
		{"a failed rollback leaves nothing", []string{"deploy 1.0.0", "deploy 1.1.0", "failed rollback 1.0.0", "deploy 1.2.0"}, "1.2.0", "1.1.0"},
		{"prereleases", []string{"deploy 1.0.0", "deploy 1.1.0-rc.9", "deploy 1.1.0-rc.10", "rollback 1.1.0-rc.9", "deploy 1.1.0"}, "1.1.0", "1.1.0-rc.9"},
		{"failure in between", []string{"deploy 1.0.0", "failed deploy 1.1.0", "deploy 1.2.0"}, "1.2.0", "1.0.0"},
		{"failure last", []string{"deploy 1.0.0", "deploy 1.1.0", "failed deploy 1.2.0"}, "1.1.0", "1.0.0"},
		{"failure, then the same version", []string{"deploy 1.0.0", "failed deploy 1.1.0", "deploy 1.1.0"}, "1.1.0", "1.0.0"},
		{"failed rollback", []string{"deploy 1.0.0", "deploy 1.1.0", "failed rollback 1.0.0"}, "1.1.0", "1.0.0"},
		{"withdrawn is skipped", []string{"deploy 1.0.0", "deploy 1.1.0", "deploy 1.2.0", "rollback 1.1.0", "withdraw 1.2.0", "deploy 1.3.0"}, "1.3.0", "1.1.0"},
		{"several withdrawn are skipped", []string{"deploy 1.0.0", "deploy 1.1.0", "deploy 1.2.0", "rollback 1.0.0", "withdraw 1.1.0", "withdraw 1.2.0", "deploy 1.3.0"}, "1.3.0", "1.0.0"},
		{"all withdrawn", []string{"deploy 1.0.0", "withdraw 1.0.0", "deploy 1.1.0"}, "1.1.0", ""},
		{"withdrawing changes nothing that runs", []string{"deploy 1.0.0", "deploy 1.1.0", "rollback 1.0.0", "withdraw 1.1.0"}, "1.0.0", ""},
		{"deployed twice", []string{"deploy 1.0.0", "deploy 1.1.0", "deploy 1.1.0"}, "1.1.0", "1.0.0"},
		{"only ever one version", []string{"deploy 1.0.0", "deploy 1.0.0"}, "1.0.0", ""},
		{"older one deployed twice", []string{"deploy 1.0.0", "deploy 1.0.0", "deploy 1.1.0"}, "1.1.0", "1.0.0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := story(t, c.lines...)
			current, hasCurrent := l.Current()
			before, hasBefore := l.Before()
			if current.Version != c.current || hasCurrent != (c.current != "") {
				t.Errorf("current: got %q, %t, want %q", current.Version, hasCurrent, c.current)
			}
			if before.Version != c.before || hasBefore != (c.before != "") {
				t.Errorf("before: got %q, %t, want %q", before.Version, hasBefore, c.before)
			}
		})
	}
}

func TestLedgerFind(t *testing.T) {
	l := story(t, "deploy 1", "deploy 2", "deploy 3", "failed deploy 4", "rollback 2", "withdraw 3", "failed deploy 2")
	for _, c := range []struct {
		name, version string
		at            int
	}{
		{"deployed", "1", 0},
		{"the last time that it was healthy", "2", 4},
		{"withdrawn", "3", 2},
		{"never healthy", "4", -1},
		{"unknown", "5", -1},
		{"beginning of another", "", -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := l.Find(c.version)
			if at := slices.IndexFunc(l, func(e Entry) bool { return ok && reflect.DeepEqual(e, got) }); at != c.at {
				t.Errorf("got line %d (%+v, %t), want line %d", at, got, ok, c.at)
			}
		})
	}
}

func TestLedgerVersions(t *testing.T) {
	l := story(t, "deploy 1", "deploy 2", "failed deploy 3", "deploy 4", "rollback 1", "withdraw 4", "withdraw 2", "deploy 5")
	if got, want := l.WithdrawnVersions(), []string{"4", "2"}; !slices.Equal(got, want) {
		t.Errorf("withdrawn: got %v, want %v", got, want)
	}
	if got, want := l.healthy(), []string{"1", "2", "4", "5"}; !slices.Equal(got, want) {
		t.Errorf("healthy: got %v, want %v", got, want)
	}
}

func TestLedgerBackupsOf(t *testing.T) {
	for _, c := range []struct {
		name, target string
		lines        []string
		want         string
	}{
		{"empty", "1", nil, ""},
		{"nothing came after it", "1", []string{"deploy 1"}, ""},
		{"of the next version", "1", []string{"deploy 1", "deploy 2 b"}, "b"},
		{"of the next, not of the latest", "1", []string{"deploy 1", "deploy 2 b", "deploy 3 c"}, "b"},
		{"unknown version", "4", []string{"deploy 1", "deploy 2 b"}, ""},
		{"of the last time that it ran", "1", []string{"deploy 1", "deploy 2 b", "rollback 1", "deploy 3 d"}, "d"},
		{"what it ran on is not what it left", "2", []string{"deploy 1", "deploy 2 b", "deploy 2 c", "deploy 3 d"}, "d"},
		{"it ran on when the next version had failed", "1", []string{"deploy 1", "failed deploy 2 b", "failed deploy 2", "failed deploy 2 c", "deploy 2 d"}, "b c d"},
		{"it runs on", "1", []string{"deploy 1", "failed deploy 2 b"}, "b"},
		{"another version ran when the next had failed", "1", []string{"deploy 1", "deploy 2 b", "failed deploy 3 c", "deploy 4 d"}, "b"},
		{"what ran in between saved nothing", "1", []string{"deploy 1", "failed deploy 2 b", "deploy 3", "deploy 4 d"}, "b"},
		{"a rollback failed", "2", []string{"deploy 1", "deploy 2 b", "failed rollback 1 c", "deploy 3 d"}, "c d"},
		{"it runs again, without its database", "1", []string{"deploy 1", "deploy 2 b", "rollback 1", "withdraw 2"}, "b"},
		{"likewise, and an attempt has failed since", "1", []string{"deploy 1", "deploy 2 b", "rollback 1", "failed deploy 3 c"}, "b c"},
		{"it runs again, with its database", "1", []string{"deploy 1", "deploy 2 b", "rollback 1 c b"}, ""},
		{"next version without a backup", "1", []string{"deploy 1", "deploy 2", "deploy 3 c"}, "c"},
		{"withdrawing in between", "1", []string{"deploy 1", "deploy 2", "rollback 1", "withdraw 2", "deploy 3 c"}, "c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, e := range story(t, c.lines...).backupsOf(c.target) {
				got = append(got, e.Backup)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestLedgerLeft(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"rolled back", []string{"deploy 1", "deploy 2", "rollback 1"}, "2"},
		{"past one that failed", []string{"deploy 1", "deploy 2", "failed deploy 3", "rollback 1", "withdraw 2", "failed deploy 3"}, "2"},
		{"and its database brought back afterwards", []string{"deploy 1", "deploy 2 b", "rollback 1", "rollback 1 c b"}, "2"},
		{"only its database brought back", []string{"deploy 1", "deploy 2 b", "rollback 2 c x"}, "2"},
		{"rolled back twice", []string{"deploy 1", "deploy 2", "deploy 3", "rollback 2", "rollback 1"}, "2"},
		{"nothing is known", []string{"rollback 1"}, ""},
		{"empty", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := story(t, c.lines...).left().Version; got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestLedgerNeeded(t *testing.T) {
	var l Ledger
	for _, v := range []string{"1", "2", "3", "4", "5", "6", "7", "6"} {
		l = append(l, Entry{Kind: Deployed, Ending: Healthy, Version: v, Images: map[string]string{"backend": "r@" + v}})
	}
	l = append(l, Entry{Kind: Deployed, Ending: Failed, Version: "8", Images: map[string]string{"backend": "r@8"}}, Entry{Kind: Withdrawn, Version: "7"})
	got := l.needed()
	slices.Sort(got)
	if want := []string{"r@3", "r@4", "r@5", "r@6", "r@6", "r@7"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
