package stages

import (
	"slices"
	"testing"

	"dagger/slipway/stages/release"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/server"
)

// TestTheSameRollbackAgain: it says that nothing was changed, and tells nobody but those who were not told.
func TestTheSameRollbackAgain(t *testing.T) {
	b := &rollback{RollbackOptions: RollbackOptions{Environment: "production"}, done: server.RolledResult{Result: server.Result{Version: "1.2.0"}, Left: "1.4.0"}}
	for want, change := range map[string]func(){
		"1.2.0 is healthy, 1.4.0 was left":                                                      func() {},
		"1.2.0 is healthy, 1.4.0 was left by an earlier run":                                    func() { b.done.Already = true },
		"NOTHING WAS CHANGED on production: 1.2.0 is healthy, 1.4.0 was left by an earlier run": func() { b.done.Already, b.done.Unchanged = true, true },
		"1.2.0 is healthy, its database was restored":                                           func() { b.done.Left = "1.2.0" },
	} {
		b.done.Already, b.done.Unchanged, b.done.Left = false, false, "1.4.0"
		if change(); b.word() != want {
			t.Errorf("got %q, want %q", b.word(), want)
		}
	}
	last := func(title, version string, outcome report.Outcome, figures ...string) report.Report {
		return report.Report{Title: title, Version: version, Outcome: outcome, Stages: []report.Stage{{Name: notifyTeam, Ending: report.Passed, Figures: figures}}}
	}
	for _, c := range []struct {
		name string
		last report.Report
		want bool
	}{
		{"told", last("Roll back production", "1.2.0", report.RolledBack, teamTold+" (Slack)"), false},
		{"not told", last("Roll back production", "1.2.0", report.RolledBack, teamNotTold+"no connection to Slack"), true},
		{"a part of the team was told", last("Roll back production", "1.2.0", report.RolledBack, teamTold+" (Slack)", teamNotTold+"Discord answered 404"), false},
		{"told that it failed", last("Roll back production", "1.2.0", report.RollbackFailed, teamTold), true},
		{"another server", last("Roll back staging", "1.2.0", report.RollbackFailed, teamTold), false},
		{"another version", last("Roll back production", "1.1.0", report.RollbackFailed, teamTold), false},
		{"nothing is kept", report.Report{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := b.untold(c.last); got != c.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

// TestTagsThatStay: a rollback that cannot move each tag says which stay where, and what to do.
func TestTagsThatStay(t *testing.T) {
	old := mustVersion(t, "1.2.0")
	r := prefixed(t, "v", "1.2.0")
	r.found.back = &release.Back{
		Plan: release.BackPlan{Tags: []release.Floating{{Tag: "latest", Version: old}}, Stay: []string{"1.3"}},
		Kept: []release.Kept{{Image: "worker", At: "the withdrawn 1.3.0", Floating: release.Floating{Tag: "latest", Version: old}}},
	}
	got, err := new(rollback).tags(r, t.Context())
	want := []string{
		"latest is 1.2.0", "1.3 stays: no version is left for it",
		"warning: worker:latest stays at the withdrawn 1.3.0: there is no worker:1.2.0 for it to go back to; remove that tag, or leave it to the next release",
	}
	if err != nil || got.Ending != report.Passed || !slices.Equal(got.Figures, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}
