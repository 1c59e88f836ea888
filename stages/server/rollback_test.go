package server

import "testing"

// TestSameRollback: the same line again, by whomever, is the same rollback; it is told by its reason.
func TestSameRollback(t *testing.T) {
	rolled := Entry{Kind: RolledBack, Ending: Healthy, Version: "1.1.0", By: "ann", Reason: "orders are lost"}
	deployed := rolled
	deployed.Kind = Deployed
	for _, c := range []struct {
		name   string
		before Entry
		back   Back
		want   bool
	}{
		{"same line", rolled, Back{By: "ann", Reason: "orders are lost"}, true},
		{"same line of a colleague", rolled, Back{By: "bob", Reason: "orders are lost"}, true},
		{"named what it went to", rolled, Back{To: "1.1.0", Reason: "orders are lost"}, true},
		{"another version", rolled, Back{To: "1.0.0", Reason: "orders are lost"}, false},
		{"another reason", rolled, Back{Reason: "orders are lost again"}, false},
		{"deployed since", deployed, Back{Reason: "orders are lost"}, false},
		{"nothing yet", Entry{}, Back{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.before.did(c.back); got != c.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

func TestGoal(t *testing.T) {
	d := &rollback{deployment: &deployment{before: Entry{Version: "1.2.0"}}, target: Entry{Version: "1.0.0"}}
	if got, want := d.goal(), "1.0.0, the healthy version that ran before 1.2.0"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	d.back.To = "1.0.0"
	if got := d.goal(); got != "1.0.0" {
		t.Errorf("a version that was named is called %q", got)
	}
}
