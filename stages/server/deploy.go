package server

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// deployment is one on its way: each field is filled by one of its steps, in this order, and read by later ones.
type deployment struct {
	env      Environment
	run      string // tells this run from every other
	release  Release
	conn     *Conn
	hold     *hold
	ledger   Ledger
	next     *project
	pins     map[string]string
	previous *project // nil at the first deployment
	ours     bool     // previous is a release of ours, and not what was found there
	before   Entry
	// files are what the release ships, filesBefore what the previous one did.
	files, filesBefore []File
	placed             bool // the release's files are those in the application's folder
	entry              Entry
	began              time.Time     // by the server's clock: nothing was changed before
	ahead              time.Duration // of that clock
	cutOffBefore       bool          // a run before this one was, while it changed the server
	ill                []ailing      // what of others was, before anything was changed
	woken              []string      // services that were started for the first backup
	started            time.Time
	figures            []string
	// reconnected says that the first connection was lost, and lost why the server could not be had again.
	reconnected bool
	lost        error
}

// Deploy brings a release to a server. On an error of type Failure, State says what is there now.
func Deploy(ctx context.Context, env Environment, release Release) (Result, error) {
	d, err := begin(ctx, env, release, Deployed)
	if err != nil {
		return Result{}, err
	}
	defer d.end()
	if err := d.read(ctx); err != nil {
		return Result{}, untouched(err)
	}
	// Whoever held the lock before may have brought up what is higher.
	if higher(d.before.Version, release.Version) {
		return Result{}, untouched(fmt.Errorf("%s runs %s, which is higher than %s", env.Name, d.before.Version, release.Version))
	}
	if err := d.findIll(ctx); err != nil {
		return Result{}, untouched(err)
	}
	if already, err := d.runsAlready(ctx); err != nil || already {
		return d.result(already), untouched(err)
	}
	if err := d.awaited(); err != nil {
		return Result{}, err
	}
	d.announce(ctx)
	// These leave what runs alone.
	if err := d.steps(ctx, []step{{"send the files", d.send}, {"pull the images", d.pull}}); err != nil {
		return Result{}, untouched(err)
	}
	r := &rollout{deployment: d, to: d.next, pins: d.pins}
	before := []step{{"back up the database", d.backUp}, {"place the files", d.place}}
	if d.previous == nil {
		slices.Reverse(before) // what is started for the backup reads the release's files
	}
	if err := d.steps(ctx, append(before, step{"migrate the database", d.migrate}, step{"start the new containers", r.start})); err != nil {
		return Result{}, r.givenUp(ctx, err)
	}
	if err := d.steps(ctx, append(r.finish(), step{"wait for health", d.wait})); err != nil {
		return Result{}, d.failed(ctx, d.putBack(ctx, err), nil)
	}
	if err := d.conclude(ctx); err != nil {
		return Result{}, err
	}
	if err := d.prune(ctx); err != nil {
		d.figures = append(d.figures, "warning: old images were not removed: "+firstLine(err.Error()))
	}
	return d.result(false), nil
}

func (d *deployment) announce(ctx context.Context) {
	if d.env.Announce != nil {
		d.env.Announce(ctx, d.release.Version, d.release.Commit)
	}
}

type step struct {
	name string
	work func(context.Context) error
}

// steps runs one after the other, each under its name.
func (d *deployment) steps(ctx context.Context, steps []step) error {
	for _, s := range steps {
		within, done := d.env.Step(ctx, s.name+" on "+d.env.Name)
		err := s.work(within)
		done(err)
		if err != nil {
			return err
		}
	}
	return nil
}

// begin connects, looks at what the server can do, and locks it.
func begin(ctx context.Context, env Environment, release Release, kind Kind) (*deployment, error) {
	conn, err := Connect(ctx, env.Target, env.Login)
	if err != nil {
		return nil, untouched(err)
	}
	d := newDeployment(env, conn, release, kind)
	if err := d.open(ctx); err != nil {
		d.end()
		return nil, untouched(err)
	}
	return d, nil
}

func newDeployment(env Environment, conn *Conn, release Release, kind Kind) *deployment {
	d := &deployment{env: env, release: release, conn: conn, run: rand.Text(), started: time.Now()}
	d.entry = Entry{Kind: kind, Version: release.Version, Commit: release.Commit, Compose: env.ComposeFile, By: release.By, Reason: release.Reason}
	return d
}

func (d *deployment) open(ctx context.Context) error {
	if err := d.conn.check(ctx, d.release); err != nil {
		return err
	}
	hold, err := d.conn.lock(ctx, d.holder())
	if err != nil {
		return err
	}
	d.hold = hold
	if d.ledger, err = d.conn.readLedger(ctx); err != nil {
		return err
	}
	if err := d.mendFiles(ctx); err != nil {
		return err
	}
	return d.findRelease(ctx)
}

func (d *deployment) holder() Holder {
	return Holder{Who: d.release.By, What: string(d.entry.Kind) + " of " + d.release.Version, Run: d.run, Since: d.started.UTC()}
}

func (d *deployment) end() {
	if d.hold != nil {
		d.hold.release()
	}
	d.conn.Close()
}

func sortedNames(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

func untouched(err error) error {
	if f := new(Failure); err == nil || errors.As(err, &f) {
		return err
	}
	return &Failure{Err: err, State: Untouched, Found: "nothing was changed on the server"}
}

// runsAlready says whether the very images run and are healthy. It asks the server, not the ledger alone.
func (d *deployment) runsAlready(ctx context.Context) (bool, error) {
	if d.previous == nil || d.before.Version != d.release.Version || !maps.Equal(d.before.Images, d.release.refs()) {
		return false, nil
	}
	pins, err := d.previous.compose.pin(d.release.Images)
	if err != nil {
		return false, err
	}
	w := d.watched(d.previous, d.release.Version, pins)
	v, err := d.conn.look(ctx, w)
	if v.good() {
		d.nameIll(w)
	}
	return v.good(), err
}

func (r Release) refs() map[string]string {
	refs := map[string]string{}
	for _, i := range r.Images {
		refs[i.Name] = i.Ref()
	}
	return refs
}

// read has docker compose read the release, and finds what runs on the server under its name.
func (d *deployment) read(ctx context.Context) error {
	next, err := d.conn.plan(ctx, d.env, d.release)
	if err != nil {
		return err
	}
	d.next, d.pins, d.files = next.project, next.pins, next.shipped
	d.figures = append(d.figures, next.compose.warnings(d.release.Images)...)
	if d.previous != nil {
		return d.previous.sameName(d.next)
	}
	if _, ours := d.ledger.Current(); !ours {
		if err := next.spareSettings(ctx); err != nil {
			return err
		}
	}
	there, err := d.conn.ownProject(ctx, d.next)
	if err != nil {
		return err
	}
	return d.adopt(ctx, there)
}

// send puts the release's files on the server, beside those that run, and pins its images by digest.
func (d *deployment) send(ctx context.Context) error {
	if err := d.sendScripts(ctx); err != nil {
		return err
	}
	files, err := json.Marshal(d.files)
	if err != nil {
		return err
	}
	if err := d.conn.write(ctx, filesFile(d.release.Version), files, "077"); err != nil {
		return err
	}
	return d.ship(ctx, d.next, d.release.Compose, d.next.view.pins)
}

// sendScripts puts the database's scripts where they are run.
func (d *deployment) sendScripts(ctx context.Context) error {
	for _, s := range d.release.Scripts {
		if err := d.conn.write(ctx, s.Path, s.Text, "077"); err != nil {
			return err
		}
		if _, err := d.conn.run(ctx, command{args: []string{"chmod", "700", s.Path}}); err != nil {
			return err
		}
	}
	return nil
}

// ship writes the two files of a project.
func (d *deployment) ship(ctx context.Context, p *project, file, pins []byte) error {
	if err := d.conn.write(ctx, p.files[0], file, "077"); err != nil {
		return err
	}
	return d.conn.write(ctx, p.pinFile(), pins, "077")
}

// up makes the services run as the project says. The migration is left out: it has had its turn, and does nothing good twice.
// The same services are named each time, because older versions of compose take a service for changed when others are.
func (p *project) up(ctx context.Context, e Environment, more ...string) error {
	return p.upOnly(ctx, slices.Sorted(maps.Keys(p.services(e))), more...)
}

func (p *project) upOnly(ctx context.Context, services []string, more ...string) error {
	_, err := p.change(ctx, slices.Concat([]string{"up", "--detach", "--no-deps", "--no-build", "--quiet-pull"}, more, services)...)
	return err
}

func (d *deployment) wait(ctx context.Context) error {
	w := d.watched(d.next, d.release.Version, d.pins)
	err := d.conn.gate(ctx, w)
	if err == nil {
		d.nameIll(w)
	}
	return err
}

// conclude writes the deployment down.
func (d *deployment) conclude(ctx context.Context) error {
	if err := d.noteSchema(ctx); err != nil {
		d.figures = append(d.figures, "warning: the schema is not known: "+firstLine(err.Error()))
	}
	ctx = context.WithoutCancel(ctx) // it runs, whatever the caller's time
	d.entry.Time, d.entry.Ending, d.entry.Images = d.ended(ctx), Healthy, d.release.refs()
	if err := d.writeDown(ctx); err != nil {
		return err
	}
	if err := d.settle(ctx, d.release.Version); err != nil {
		d.figures = append(d.figures, "warning: what the files replaced was not put away: "+firstLine(err.Error()))
	}
	return nil
}

// writeDown adds the entry to the ledger, over another connection if the first is lost. It may have been written before that.
func (d *deployment) writeDown(ctx context.Context) error {
	err := d.conn.record(ctx, d.entry)
	if errors.Is(err, errLost) {
		lost, overtaken := d.reconnect(ctx, err), new(overtakenError)
		switch {
		case lost == nil:
			err = d.conn.record(ctx, d.entry)
		case errors.As(lost, &overtaken) && overtaken.by.is(d.entry):
			return nil
		case errors.As(lost, &overtaken):
			return (&Failure{Err: err}).leftAlone(lost)
		}
	}
	if err != nil {
		return unrecorded(d.release.Version, "so", err)
	}
	return nil
}
