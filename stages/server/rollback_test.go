package server

import (
	"context"
	"slices"
	"strings"
	"testing"
)

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
			if got := (Ledger{c.before}).did(c.back); got != c.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

// TestSameRollbackWithADatabase: the same line is another one where it asks for a database that was not restored.
func TestSameRollbackWithADatabase(t *testing.T) {
	for _, c := range []struct {
		name, last, asked string
		want              bool
	}{
		{"it stayed", "rollback 1.1.0", Recorded, false},
		{"it stayed, and a file is named", "rollback 1.1.0", "b", false},
		{"the recorded one", "rollback 1.1.0 safe b", Recorded, true},
		{"the recorded one, by its name", "rollback 1.1.0 safe b", "b", true},
		{"another file", "rollback 1.1.0 safe b", "c", false},
		{"another file before", "rollback 1.1.0 safe c", Recorded, false},
		{"it is not asked for any more", "rollback 1.1.0 safe b", "", true},
		{"an older ledger, which does not say which", "rollback 1.1.0 safe", Recorded, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := story(t, "deploy 1.0.0", "deploy 1.1.0 a", "deploy 1.2.0 b", c.last, "failed deploy 1.2.1 d")
			if got := l.did(Back{Database: c.asked}); got != c.want {
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

// TestRollbackGoesTheWayItCame: what was rolled away from is not gone back to, and the run says where it goes and why.
func TestRollbackGoesTheWayItCame(t *testing.T) {
	t.Parallel()
	s := deployed(t, "1.0.0", "1.1.0")
	if rolled, err := Rollback(t.Context(), s.environment(), s.back("")); err != nil || rolled.Version != "1.0.0" {
		t.Fatalf("got %+v, %v", rolled, err)
	}
	s.image("backend", "1.2.0", behaviour{})
	if _, err := Deploy(t.Context(), s.environment(), s.release("1.2.0", oneService)); err != nil {
		t.Fatal(err)
	}
	var steps []string
	env := s.environment()
	begin := env.Step
	env.Step = func(ctx context.Context, name string) (context.Context, func(error)) {
		steps = append(steps, name)
		return begin(ctx, name)
	}
	rolled, err := Rollback(t.Context(), env, s.back(""))
	if err != nil || rolled.Version != "1.0.0" || rolled.Left != "1.2.0" {
		t.Fatalf("got %+v, %v", rolled, err)
	}
	if want := "went to 1.0.0, the healthy version that ran before 1.2.0"; !slices.Contains(rolled.Figures, want) {
		t.Errorf("figures: got %q, want %q", rolled.Figures, want)
	}
	if want := "start the containers of 1.0.0, the healthy version that ran before 1.2.0 on staging"; !slices.Contains(steps, want) {
		t.Errorf("steps: got %q, want %q", steps, want)
	}
	wantRunning(t, s, map[string]string{"backend": "backend:1.0.0"})
}

// TestSameRollbackOnAServerThatWasEmptied: nothing is left that the ledger tells of.
func TestSameRollbackOnAServerThatWasEmptied(t *testing.T) {
	t.Parallel()
	s := deployed(t, "1.0.0", "1.1.0")
	if _, err := Rollback(t.Context(), s.environment(), s.back("")); err != nil {
		t.Fatal(err)
	}
	s.sh("docker stop $(docker ps --quiet) && docker rm $(docker ps --all --quiet) && rm -r .slipway/releases")
	if _, err := Rollback(t.Context(), s.environment(), s.back("")); err == nil || !strings.Contains(err.Error(), "there is nothing to go back to; nothing was changed on the server") {
		t.Errorf("got %v", err)
	}
}

// TestRollbackTellsItsWarnings: what is found only while it is written down is told as well.
func TestRollbackTellsItsWarnings(t *testing.T) {
	t.Parallel()
	s := upgradedBy(t, migration("one"), plainBackup)
	env := s.environment()
	begin := env.Step
	env.Step = func(ctx context.Context, name string) (context.Context, func(error)) {
		if strings.HasPrefix(name, "wait for health") {
			s.on("exec db pg_dump", fail(1, "the disk is full"))
		}
		return begin(ctx, name)
	}
	back := s.back("")
	back.SchemaAhead, back.Scripts = true, s.scripted("1.1.0", shopCompose, plainBackup).Scripts
	rolled, err := Rollback(t.Context(), env, back)
	if err != nil || rolled.Version != "1.0.0" || rolled.Left != "1.1.0" {
		t.Fatalf("got %+v, %v", rolled, err)
	}
	if !slices.ContainsFunc(rolled.Figures, func(f string) bool { return strings.HasPrefix(f, "warning: the schema is not known: ") }) {
		t.Errorf("figures: got %q, want a warning that the schema is not known", rolled.Figures)
	}
}

// TestRollbackRefuses what cannot be gone to, before it changes anything.
func TestRollbackRefuses(t *testing.T) {
	t.Parallel()
	s := upgradedBy(t, migration("one"), plainBackup)
	s.sh("f=$(ls backup/* | head -n 1) && cp $f backup/old.sql && touch -d 2001-01-01 backup/old.sql && : > backup/empty.sql && echo SELECT > backup/cut.sql")
	running, ledger := s.running(), s.ledger()
	gone := s.back("")
	gone.Exists = func(_ context.Context, ref string) (bool, error) { return !strings.Contains(ref, "backend"), nil }
	restore := func(file string) Back {
		b := s.back("")
		b.Database = file
		return b
	}
	for _, c := range []struct {
		back Back
		says string
	}{
		{s.back("1.1.0"), "1.1.0 is what runs here already: name a lower version, or with --restore-db a backup to bring its database back"},
		{s.back("0.9.0"), "0.9.0 was never healthy here; healthy here were: 1.0.0, 1.1.0"},
		{s.back("1.2.0"), "1.2.0 was never healthy here"},
		{gone, " of 1.0.0 is gone from the registry"},
		{restore("backup/nothing.sql"), "the backup backup/nothing.sql is missing or empty"},
		{restore("backup/empty.sql"), "the backup backup/empty.sql is missing or empty"},
		{restore("backup/cut.sql"), "is incomplete"},
		{restore("backup/old.sql"), "is too old: it is from 2001-01-01"},
	} {
		_, err := Rollback(t.Context(), s.environment(), c.back)
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "nothing was changed on the server") {
			t.Errorf("want %q, got %v", c.says, err)
		}
	}
	wantRunning(t, s, running)
	if s.ledger() != ledger {
		t.Error("a rollback that was refused stands in the ledger")
	}
}

// TestRollbackHasAnEnd: behind the first version there is none, and what was rolled back is a deployment again.
func TestRollbackHasAnEnd(t *testing.T) {
	t.Parallel()
	s := deployed(t, "1.0.0", "1.1.0")
	if _, err := Rollback(t.Context(), s.environment(), s.back("")); err != nil {
		t.Fatal(err)
	}
	again := s.back("")
	again.Reason = "another one"
	up := s.back("1.1.0")
	up.Reason = "another one"
	for says, back := range map[string]Back{"no version before 1.0.0 was healthy here": again, "that is a deployment, not a rollback": up} {
		if _, err := Rollback(t.Context(), s.environment(), back); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q, got %v", says, err)
		}
	}
}
