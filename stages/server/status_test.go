package server

import (
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
