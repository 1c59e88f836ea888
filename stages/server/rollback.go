package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Recorded asks for the backup of what the version that is gone back to had left behind.
const Recorded = "recorded"

// Back is where a rollback goes, and what goes with it.
type Back struct {
	To          string   // a version; empty: the healthy one before
	Database    string   // a backup in the application's folder, or Recorded; empty: the database stays
	SchemaAhead bool     // the older version may run on the newer schema
	Scripts     []Script // of the checkout, which save and restore the database
	Registry    Registry
	By          string
	Reason      string
	// Exists asks the registry for an image by its digest; an error is a registry that does not answer.
	Exists func(ctx context.Context, ref string) (bool, error)
	// Known are the versions that this server need not know of. Those that are left are taken back, as production does; nil:
	// none are.
	Known func(ctx context.Context) []string
}

// RolledResult is a rollback that came about.
type RolledResult struct {
	Result
	Left       string   // the version that ran before
	LeftCommit string   // what it was built from
	Commit     string   // of the version that runs now
	Withdrawn  []string // versions that are taken back
	Above      []string // versions above the one that ran before, which stay
	Unchanged  bool     // nothing was written on the server: an earlier run had done it all
}

// rollback is a deployment of what ran before.
type rollback struct {
	*deployment
	back    Back
	target  Entry
	chose   string // the backup that was asked for
	backup  string // the one to restore: that, or a copy of it
	asFound string // what its file was when everything was found
	// databaseOnly says that what runs stays, and has its database brought back.
	databaseOnly bool
	// stopped is what could have written to the database; restoring says that its restore was begun.
	stopped   []container
	restoring bool
}

// Rollback brings an older version back, by the digests that ran then. It finds everything first, and changes nothing if
// anything is missing.
func Rollback(ctx context.Context, env Environment, back Back) (RolledResult, error) {
	begun, err := begin(ctx, env, Release{Version: back.To, Scripts: back.Scripts, Registry: back.Registry, By: back.By, Reason: back.Reason}, RolledBack)
	if err != nil {
		return RolledResult{}, err
	}
	d := &rollback{deployment: begun, back: back}
	defer d.end()
	if d.previous != nil && d.ledger.did(back) {
		return d.again(ctx)
	}
	found := []step{{"find the version", d.findTarget}, {"find its images", d.findImages}, {"check the schema", d.checkSchema}, {"find the backup", d.findBackup}}
	if err := d.steps(ctx, found); err != nil {
		return RolledResult{}, untouched(err)
	}
	if err := d.findIll(ctx); err != nil {
		return RolledResult{}, untouched(err)
	}
	if err := d.awaited(); err != nil {
		return RolledResult{}, err
	}
	d.announce(ctx)
	if back.Database != "" {
		if err := d.steps(ctx, []step{{"stop what writes", d.stopWriters}, {"save the present database", d.backUp}, {"restore the database", d.restoreDatabase}}); err != nil {
			return RolledResult{}, d.failed(ctx, d.databaseBack(ctx, err), nil)
		}
	}
	r := &rollout{deployment: d.deployment, to: d.next, pins: d.pins, untried: true}
	if err := d.steps(ctx, []step{{"place the files", d.place}, {"start the containers of " + d.goal(), r.start}}); err != nil {
		return RolledResult{}, d.failed(ctx, d.notBegun(ctx, r, err), r)
	}
	if err := d.steps(ctx, slices.Concat([]step{{"keep the files", d.keepFiles}}, r.finish(), []step{{"wait for health", d.wait}})); err != nil {
		return RolledResult{}, d.failed(ctx, d.stuck(ctx, err), nil)
	}
	if err := d.conclude(ctx); err != nil {
		return RolledResult{}, err
	}
	left := d.left()
	result := RolledResult{Result: d.result(false), Left: left.Version, LeftCommit: left.Commit, Commit: d.target.Commit}
	err = d.withdraw(ctx, &result)
	return result, err
}

// left is what is gone away from: where only a database is brought back, what an earlier run had left.
func (d *rollback) left() Entry {
	if d.target.Version == d.before.Version {
		return d.ledger.left()
	}
	return d.before
}

// goal is what is gone back to, and why if nobody has named it.
func (d *rollback) goal() string {
	if d.back.To != "" || d.target.Version == d.before.Version {
		return d.target.Version
	}
	return d.target.Version + ", " + whyBefore + " " + d.before.Version
}

// same knows the same line again by its reason, whoever gives it: it goes no further back.
func (e Entry) same(back Back) bool {
	return e.Kind == RolledBack && e.Reason == back.Reason && (back.To == "" || back.To == e.Version)
}

// did says that the same line has brought up what runs, with the database that it asks for: what came after is completed.
func (l Ledger) did(back Back) bool {
	e, _ := l.Current()
	switch {
	case !e.same(back):
		return false
	case back.Database == "", back.Database == e.Restored:
		return true
	case e.Restored == "": // older ledgers do not name it, and a rollback saves a database only to restore one
		return e.Backup != ""
	}
	before := l[:l.cameUp(e.Version)]
	return back.Database == Recorded && slices.ContainsFunc(before.backupsOf(e.Version), func(saved Entry) bool { return saved.Backup == e.Restored })
}

// findTarget reads from the ledger what to go back to, and from the release's folder how it ran.
func (d *rollback) findTarget(ctx context.Context) error {
	if d.before.Version == "" || d.previous == nil {
		return errors.New("nothing was ever deployed here by Slipway, so there is nothing to go back to")
	}
	to := d.back.To
	if d.before.same(d.back) {
		to = d.before.Version
	}
	target, ok := d.ledger.Find(to)
	if to == "" {
		target, ok = d.ledger.Before()
	}
	switch {
	case !ok && to == "":
		return fmt.Errorf("no version before %s was healthy here", d.before.Version)
	case !ok:
		return fmt.Errorf("%s was never healthy here; healthy here were: %s", to, strings.Join(d.ledger.healthy(), ", "))
	case target.Version == d.before.Version && d.back.Database == "":
		return fmt.Errorf("%s is what runs here already: name a lower version, or with --restore-db a backup to bring its database back", target.Version)
	case higher(target.Version, d.before.Version):
		return fmt.Errorf("%s is higher than %s, which runs here: that is a deployment, not a rollback", target.Version, d.before.Version)
	}
	d.target, d.databaseOnly = target, target.Version == d.before.Version
	if goal := d.goal(); goal != target.Version {
		d.figures = append(d.figures, "went to "+goal)
	}
	d.release.Version, d.release.Commit = target.Version, target.Commit
	d.entry.Version, d.entry.Commit, d.entry.Compose = target.Version, target.Commit, target.Compose
	d.next = d.conn.project(target.Version, target.Images, target.Compose)
	file, err := d.conn.read(ctx, d.next.files[0])
	if err == nil && file == "" {
		err = fmt.Errorf("%s on the server is gone: it is the compose file that %s ran with", d.next.files[0], target.Version)
	}
	if err != nil {
		return err
	}
	return d.findFiles(ctx, file)
}

// findFiles are those that the target was deployed with: an entry that names no compose file is from before they were kept.
func (d *rollback) findFiles(ctx context.Context, composeFile string) (err error) {
	if d.files, err = d.conn.filesOf(ctx, d.target); err != nil {
		return err
	}
	if d.target.Compose == "" {
		d.next.composeFile = d.env.ComposeFile
		d.files = []File{{Path: d.env.ComposeFile, Text: []byte(composeFile)}}
	}
	pins, err := d.conn.read(ctx, d.next.pinFile())
	d.next.view = &view{files: d.files, pins: []byte(pins)}
	return err
}

func (l Ledger) healthy() []string {
	var all []string
	for _, e := range l {
		if e.Ending == Healthy && e.Kind != Withdrawn && !slices.Contains(all, e.Version) {
			all = append(all, e.Version)
		}
	}
	return all
}

// findImages insists on every digest: in the registry, and on the server if the registry does not answer.
func (d *rollback) findImages(ctx context.Context) error {
	for _, name := range sortedNames(d.target.Images) {
		ref := d.target.Images[name]
		d.release.Images = append(d.release.Images, ImageOf(name, ref))
		found, err := d.back.Exists(ctx, ref)
		switch {
		case err == nil && !found:
			return fmt.Errorf("the image %s of %s is gone from the registry", ref, d.target.Version)
		case err != nil && !d.conn.has(ctx, ref):
			return fmt.Errorf("the registry does not answer, and the server does not hold %s: %w", ref, err)
		case err != nil:
			d.figures = append(d.figures, "the registry does not answer: the server's own copy of "+name+" is used")
		}
	}
	if err := d.next.load(ctx); err != nil {
		return err
	}
	var err error
	if d.pins, err = d.next.compose.pin(d.release.Images); err != nil {
		return err
	}
	return d.fetchMissing(ctx)
}

// fetchMissing pulls what a clean-up has removed from the server.
func (d *rollback) fetchMissing(ctx context.Context) error {
	for _, i := range d.release.Images {
		if !d.conn.has(ctx, i.Ref()) {
			return d.pull(ctx)
		}
	}
	return nil
}

// keepFiles leaves the target's files where they are even if it is not healthy, because it is what runs from here on.
func (d *rollback) keepFiles(ctx context.Context) error { return d.settle(ctx, d.target.Version) }

// notBegun is a rollback whose target does not come up beside what runs, which was never stopped but for its database. That
// goes back as well.
func (d *rollback) notBegun(ctx context.Context, r *rollout, err error) *Failure {
	switch {
	case r.removed:
		return d.stuck(ctx, err)
	case d.restoring:
		return d.databaseBack(ctx, err)
	}
	return d.kept(err)
}

// stuck is a rollback whose own target is not healthy: another attempt would only make it worse (B3).
func (d *rollback) stuck(ctx context.Context, cause error) *Failure {
	ctx = context.WithoutCancel(ctx)
	f := &Failure{Err: cause, State: NotRestored}
	if err := d.reconnect(ctx, cause); err != nil {
		return f.leftAlone(err)
	}
	f.Found = d.target.Version + " was brought up and is not healthy"
	f.Next = fmt.Sprintf("deploy %s again, or roll back further with --to", d.before.Version)
	f.Logs = d.logs(ctx)
	return f
}
