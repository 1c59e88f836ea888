package stages

import (
	"maps"
	"strings"
	"testing"

	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/server"
)

// TestWithdrawnInGit: a version without a release on the forge does not count, and is refused, once a ref of ours says so.
func TestWithdrawnInGit(t *testing.T) {
	for _, c := range []struct{ name, prefix, ref, stable, refused string }{
		{"nothing is noted", "v", "", "1.2.0 1.3.0", ""},
		{"another version", "v", "refs/slipway/withdrawn/v1.3.0", "1.2.0", ""},
		{"this version", "v", "refs/slipway/withdrawn/v1.2.0", "1.3.0", "1.2.0 was withdrawn by a rollback"},
		{"without a prefix", "", "refs/slipway/withdrawn/1.3.0", "1.2.0", ""},
		{"another product's", "shop-v", "refs/slipway/withdrawn/web-v1.3.0", "1.2.0 1.3.0", ""},
		{"this product's", "shop-v", "refs/slipway/withdrawn/shop-v1.2.0", "1.3.0", "1.2.0 was withdrawn by a rollback"},
		{"a tag of such a name", "v", "refs/tags/withdrawn/v1.3.0", "1.2.0 1.3.0", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := prefixed(t, c.prefix, "1.2.0")
			r.state.known = versionsAmong([]string{"1.2.0", "1.3.0"})
			r.remote = parseRefs("blob\t" + c.ref + "\n")
			if got := strings.Join(texts(r.stable()), " "); got != c.stable {
				t.Errorf("counted: got %q, want %q", got, c.stable)
			}
			err := r.refuseWithdrawn()
			if (err == nil) != (c.refused == "") || err != nil && err.Error() != c.refused {
				t.Errorf("got %v, want %q", err, c.refused)
			}
		})
	}
}

// TestWithdrawnNotesArePushed runs our own push against a repository, and reads back what any later run will see.
func TestWithdrawnNotesArePushed(t *testing.T) {
	here, there := newClone(t), newClone(t)
	r := prefixed(t, "v", "1.2.0")
	r.remote.url = there.dir
	here.write("note", `{"why":"orders are lost"}`)
	blob := strings.TrimSpace(here.git("hash-object", "-w", "note"))
	want := withdrawnNotes("v", versionsAmong([]string{"1.3.0", "1.4.0-rc.1"}), blob)
	here.git(r.pushCommand(refspecs(want)...)[1:]...)
	r.remote = parseRefs(there.git("ls-remote", "--symref", "."))
	if !maps.Equal(r.remote.refs, want) {
		t.Errorf("got %v, want %v", r.remote.refs, want)
	}
	if got := there.git("cat-file", "blob", "refs/slipway/withdrawn/v1.3.0"); got != `{"why":"orders are lost"}` {
		t.Errorf("the note says %q", got)
	}
	for v, withdrawn := range map[string]bool{"1.3.0": true, "1.4.0-rc.1": true, "1.4.0": false} {
		if got := r.isWithdrawn(mustVersion(t, v)); got != withdrawn {
			t.Errorf("%s is withdrawn: %t", v, got)
		}
	}
}

// TestFloatingTagsAfterARollback: with 1.3.0 on staging only, a rollback from 1.4.0 to 1.2.0 gives latest to 1.2.0.
func TestFloatingTagsAfterARollback(t *testing.T) {
	r := prefixed(t, "v", "1.2.0")
	r.state.known = versionsAmong([]string{"1.2.0", "1.3.0", "1.4.0"})
	r.withdrawn = versionsAmong([]string{"1.3.0", "1.4.0"})
	releases := []forge.Release{{Tag: "v1.4.0", Latest: true}, {Tag: "v1.3.0"}, {Tag: "v1.2.0", Draft: true}, {Tag: "v1.2.0"}, {Tag: "latest"}}
	if got, ok := r.latestRelease(releases); !ok || got.Tag != "v1.2.0" || got.Draft {
		t.Errorf("the mark goes to %+v, %t", got, ok)
	}
	releases[3].Latest = true
	if got, ok := r.latestRelease(releases); ok {
		t.Errorf("the mark is there, and set again on %+v", got)
	}
	if got, ok := r.latestRelease(releases[:2]); ok {
		t.Errorf("1.2.0 has no release, and the mark goes to %+v", got)
	}
	r.withdrawn = r.state.known
	if got, ok := r.latestRelease(releases); ok {
		t.Errorf("no version is left, and the mark goes to %+v", got)
	}
}

// TestTheSameRollbackAgain: it says that nothing was changed, and tells nobody but those who were not told.
func TestTheSameRollbackAgain(t *testing.T) {
	b := &rollback{RollbackOptions: RollbackOptions{Environment: "production"}, done: server.RolledResult{Result: server.Result{Version: "1.2.0"}, Left: "1.4.0"}}
	for want, change := range map[string]func(){
		"1.2.0 is healthy, 1.4.0 was left":                                                      func() {},
		"1.2.0 is healthy, 1.4.0 was left by an earlier run":                                    func() { b.done.Already = true },
		"NOTHING WAS CHANGED on production: 1.2.0 is healthy, 1.4.0 was left by an earlier run": func() { b.done.Already, b.done.Unchanged = true, true },
	} {
		b.done.Already, b.done.Unchanged = false, false
		if change(); b.word() != want {
			t.Errorf("got %q, want %q", b.word(), want)
		}
	}
	last := func(title, version string, outcome report.Outcome, figure string) report.Report {
		return report.Report{Title: title, Version: version, Outcome: outcome, Stages: []report.Stage{{Name: notifyTeam, Ending: report.Passed, Figures: []string{figure}}}}
	}
	for _, c := range []struct {
		name string
		last report.Report
		want bool
	}{
		{"told", last("Roll back production", "1.2.0", report.RolledBack, teamTold), false},
		{"not told", last("Roll back production", "1.2.0", report.RolledBack, teamNotTold+"no connection to Slack"), true},
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
