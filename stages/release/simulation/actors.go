package simulation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/registry"
	"dagger/slipway/stages/release"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/version"
)

// Line is what somebody types: a version, and the commit that is checked out.
type Line struct {
	Version string
	Commit  string
	Wait    time.Duration // --lock-wait
	Red     bool          // a gate does not pass
}

// as is the world as a process reaches it.
func (w *World) as(p *process) release.World {
	r := release.World{Clock: p, Registry: registryClient{p}, Signatures: signatures{p}, Together: inOrder, Keep: p.keep}
	if w.story.Git {
		r.Git = gitClient{p}
	} else {
		r.NoGit, r.NoForge = "the repository has no remote", "the repository has no remote"
	}
	if w.story.Git && w.story.Forge != "" {
		r.Forge = forgeClient{p}
	}
	if w.story.Staging {
		r.Staging = hostClient{p, w.staging}
	}
	return r
}

func inOrder(work ...func()) {
	for _, do := range work {
		do()
	}
}

// files are what a finished release has.
var files = []string{"contents.json", "report.html"}

func (w *World) request(l Line) release.Request {
	v, err := version.Parse(l.Version)
	if err != nil {
		panic(err)
	}
	return release.Request{
		Version: v, Commit: l.Commit, Images: w.story.Images, Platforms: []string{"linux/amd64"}, Prefix: version.DefaultTagPrefix,
		Assets: append([]string{forge.ChecksumsFile, forge.SignatureFile}, files...),
	}
}

// toRelease is the request of a release; others sign nothing.
func (w *World) toRelease(l Line) release.Request {
	q := w.request(l)
	if q.Signed = w.story.Attests == attestsSigned; w.story.Attests != "" {
		q.Attest = kinds
	}
	return q
}

// attempt is one run of a line.
type attempt struct {
	p       *process
	line    Line
	outcome string
	err     error
	toldNow bool
}

// release does what the pipeline does.
func (a *attempt) release(p *process) {
	w, ctx := p.world, context.Background()
	q, world := w.toRelease(a.line), w.as(p)
	if _, err := release.Decide(release.Observe(ctx, world, q), q); err != nil {
		a.end("refused", err)
		return
	}
	p.pass(time.Duration(w.faults.dice(at{p.number, 0}, 6).IntN(300)) * time.Second) // the gates
	if a.line.Red {
		a.end("gate-fail", errors.New("a gate is red"))
		return
	}
	act, err := release.Begin(ctx, world, q, &maker{p, q}, gitremote.Holder{Run: p.run(), Who: p.name, Version: a.line.Version, Commit: a.line.Commit}, a.line.Wait)
	if err != nil {
		a.end(word(err), err)
		return
	}
	err = a.carryOut(ctx, p, act)
	w.checkPutBack(a, err)
	if e := act.End(ctx); e != nil {
		p.say("does not give the lock back: %v", e)
	}
	if err != nil {
		a.end(word(err), err)
		return
	}
	a.end(string(release.Outcome(act.Record)), nil)
}

func (a *attempt) carryOut(ctx context.Context, p *process, act *release.Act) error {
	for phase := release.PhaseImages; phase <= release.PhaseFinish; phase++ {
		if err := act.Do(ctx, phase); err != nil {
			return err
		}
	}
	if p.world.story.Signs {
		if _, err := act.Announce(ctx, places, p.world.story.signOf(a.line.Version)); err != nil {
			p.say("does not mark everything: %v", err)
		}
	}
	p.telling = a.line.Version
	defer func() { p.telling = "" }()
	var err error
	a.toldNow, err = act.Tell(ctx, func(ctx context.Context) error {
		return p.send(ctx, request{what: "team: " + a.line.Version + " is released", writes: true, renews: true}, func(Kind) error {
			p.world.tell(a.line.Version)
			return nil
		})
	})
	if errors.Is(err, gitremote.ErrLost) {
		p.world.untold[a.line.Version] = true // it may have taken away what says that somebody has to be told
	}
	if a.toldNow && err != nil {
		p.world.untold[a.line.Version] = true // a message that is lost is not sent twice (N3)
		return nil
	}
	return err
}

func (a *attempt) end(outcome string, err error) {
	a.outcome, a.err = outcome, err
	a.p.world.result.Outcomes[outcome]++
	a.p.world.result.Runs++
	a.p.world.outcomeSaid(a)
	if err != nil {
		a.p.say("ends: %s (%v)", outcome, err)
		return
	}
	a.p.say("ends: %s", outcome)
}

// lockLost is the word for a run whose lock was taken over.
const lockLost = "lock lost"

// word is the sort of an error.
func word(err error) string {
	var busy *gitremote.Busy
	var refused release.Refused
	switch {
	case errors.Is(err, gitremote.ErrLost):
		return lockLost
	case errors.As(err, &busy):
		return string(report.Locked)
	case errors.As(err, &refused):
		return "refused"
	}
	return "failed"
}

// maker makes what only the engine can. Images that are built twice have two digests.
type maker struct {
	p *process
	q release.Request
}

// Push implements release.Maker.
func (m *maker) Push(ctx context.Context, image, tag string) (digest string, err error) {
	defer m.p.hurry()()
	s := m.p.world.registry
	digest = s.add(image, m.q.Commit, m.q.Version.String(), m.p.number)
	m.p.world.pushed[digest] = true
	for range 2 {
		upload := request{what: "registry: upload layers of " + image}
		if err := m.p.repeated(ctx, upload, func(Kind) error { return nil }); err != nil {
			return "", err
		}
	}
	return digest, registryClient{m.p}.Put(ctx, image, tag, digest)
}

// Notes implements release.Maker.
func (m *maker) Notes(_ context.Context, after release.Tag) (string, error) {
	return "Notes of " + m.q.Version.String() + " after " + after.Name, nil
}

// Files implements release.Maker. The report of a second run is not the first one's.
func (m *maker) Files(_ context.Context, digests map[string]string) (all []forge.File, err error) {
	for _, name := range files {
		text := fmt.Sprint(digests)
		if name == "report.html" {
			text += m.p.name
		}
		all = append(all, forge.File{Name: name, ContentType: "text/plain", Data: []byte(text)})
	}
	return all, nil
}

// Sign implements release.Maker. Nothing signs twice the same way.
func (m *maker) Sign(_ context.Context, _ string, data []byte) ([]byte, error) {
	return []byte(signedBy(m.p.name) + string(data)), nil
}

func signedBy(name string) string { return "signed by " + name + ": " }

// had are the images that a version has: one may be younger than what was released before the story.
func (w *World) had(v string) []string {
	if w.story.NewImage && (v == "1.1.0" || v == "1.2.2") {
		return w.story.Images[:len(w.story.Images)-1]
	}
	return w.story.Images
}

// imagesOf are what stands under a version of every image that it has.
func (w *World) imagesOf(v string) (all []registry.Image, whole bool) {
	whole = true
	for _, image := range w.had(v) {
		at, ok := w.registry.imageOf(image, v)
		all, whole = append(all, at), whole && ok
	}
	return all, whole
}

func (w *World) ran(v version.Version) bool {
	_, ok := w.staging.was(v)
	return ok || slices.ContainsFunc(w.staging.ledger, func(e entry) bool { return e.Version.Compare(v) > 0 })
}
