package server

import (
	"errors"
	"strings"
	"testing"
)

// TestStatusNamesTheWayBack: people look there before they roll back.
func TestStatusNamesTheWayBack(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"nothing before", []string{"deploy 1.0.0"}, "has nothing to go to: no version before this one was healthy here"},
		{"the version before", []string{"deploy 1.0.0", "deploy 1.1.0"}, "goes to 1.0.0, the healthy version that ran before"},
		{"not what was rolled away from", []string{"deploy 1.0.0", "deploy 1.1.0", "rollback 1.0.0", "deploy 1.2.0"}, "goes to 1.0.0, the healthy version that ran before"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := Status{Ledger: story(t, c.lines...)}
			s.Current, s.Deployed = s.Ledger.Current()
			if got := s.Text(Environment{Name: "staging"}); !strings.Contains(got, "\n  rollback "+c.want+"\n") {
				t.Errorf("got\n%s\nwant in it: rollback %s", got, c.want)
			}
		})
	}
}

// What stands on a server was written by others, too: it moves no cursor, and makes no lines of its own.
func TestStatusIsNotObeyedByATerminal(t *testing.T) {
	const evil = "a\x1b[2J\u202eb\n    production runs 9.9.9"
	e := Entry{Kind: RolledBack, Version: "1.2.0", By: evil, Reason: evil}
	status := Status{Deployed: true, Current: e, Ledger: Ledger{e}}
	env := Environment{Name: "production"}
	for form, text := range map[string]string{
		"status": status.Text(env), "overview": Overview([]Seen{{env, Status{}, errors.New(evil)}}), "lock": Holder{Who: evil, What: evil}.String(),
	} {
		if strings.ContainsAny(text, "\x1b\u202e") {
			t.Errorf("%s: %q", form, text)
		}
	}
	if text := status.Text(env); strings.Count(text, "\n    ") != 1 || strings.Contains(text, "services") {
		t.Errorf("got %s", text)
	}
	if text := (Status{Deployed: true, Current: e}).Text(env); strings.Contains(text, "ledger, the latest") {
		t.Errorf("a heading with nothing below: %s", text)
	}
}

// TestContainerThatNeverRan has no time since when it does.
func TestContainerThatNeverRan(t *testing.T) {
	s := Status{Deployed: true, Services: []Service{{Name: "api", State: "created", Image: "api:1"}}}
	if got := s.Text(Environment{Name: "staging"}); !strings.Contains(got, "api            created    never started  api:1\n") {
		t.Errorf("got %s", got)
	}
}
