package simulation

import (
	"crypto/sha1" //nolint:gosec // git's name of a commit
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/release"
	"dagger/slipway/stages/version"
)

// Story is what is to happen in a history, but for its faults.
type Story struct {
	Seed      uint64
	Name      string
	Forge     string // its kind; empty: none
	Git       bool
	Staging   bool
	Immutable bool // the registry refuses to move tags of versions and commits
	Protected bool // the remote takes no tag from us
	Twins     bool // all commits begin with the same seven digits
	Untagged  bool // the release before is in the registry only
	Images    []string
	NewImage  bool   // the last image is younger than the versions before the story
	Standing  string // the version of the standing draft that is there; empty: none
	ByHand    bool   // people have written into it
	Signs     bool   // pull requests say in which release they are
	Labels    bool   // by a label
	Attests   string // how statements are attached to images; empty: none are
	Stranger  bool   // somebody else may write to the registry, and signs as well
	Cast      []role
}

// role is what one process does, and when it begins.
type role struct {
	What   string
	Line   Line
	At     time.Duration
	Absent bool // taken out, to make a failing history short
}

const (
	releases        = "release"
	dryRuns         = "dry run"
	deploysStaging  = "deploy to staging"
	deploysProd     = "deploy to production"
	rollsBackProd   = "roll production back"
	keepsDraft      = "keep the draft"
	plantsImages    = "plant an image"
	attemptsOfALine = 3
	forgesGitHub    = "GitHub"
	forgesImmutable = "GitHub, immutable releases"
	forgesGitea     = "Gitea"
	forgesGitLab    = "GitLab"
)

// Stories are the kinds of histories.
var Stories = []string{
	"one release", "the same version twice", "two versions", "three versions", "a candidate and its final version",
	"a backport beside a release", "a backport after a rollback", "a release and a deployment", "a release and a rollback", "a release and people",
	"a release and dry runs", "two versions, a rollback and people",
}

func newStory(seed uint64) Story {
	dice := rand.New(rand.NewPCG(seed, 0))
	one := func(of int) bool { return dice.IntN(of) == 0 }
	s := Story{
		Seed: seed, Git: !one(20), Staging: !one(8), Immutable: one(4), Twins: one(5), Untagged: one(8), Protected: one(30),
		Name:   Stories[dice.IntN(len(Stories))],
		Forge:  []string{forgesGitHub, forgesGitHub, forgesImmutable, forgesGitea, forgesGitea, forgesGitLab, ""}[dice.IntN(7)],
		Images: []string{"backend", "frontend", "worker"}[:1+dice.IntN(3)],
	}
	s.NewImage = len(s.Images) > 1 && seed%10 == 7
	s.cast(dice)
	if !s.Git { // there is no lock, and nobody could say that a version was withdrawn
		s.Name, s.Cast = Stories[0], s.Cast[len(s.Cast)-1:]
		return s
	}
	s.draft(rand.New(rand.NewPCG(seed, 1)))
	return s
}

// draft adds a standing draft, and whoever keeps it, comments on pull requests, and statements about images. The seeds that are kept are of others, and stay the stories they were.
func (s *Story) draft(dice *rand.Rand) {
	of := s.Seed % 8
	s.Signs, s.Labels = of == 3 || of == 4 || of == 6, s.Seed/8%2 == 0
	s.Attests = map[uint64]string{3: attestsSigned, 4: attestsBare, 6: attestsSigned}[of]
	s.Stranger = s.Attests == attestsSigned && s.Seed/16%2 == 1
	if of == 3 || of == 6 {
		s.Standing, s.ByHand = []string{"1.2.3", "1.2.9", "1.3.0"}[dice.IntN(3)], dice.IntN(2) == 0
	}
	if of == 4 || of == 6 {
		for range 1 + dice.IntN(2) {
			line := Line{Version: "next", Commit: s.commit(9 - dice.IntN(4)/3)} // one in four is overtaken by a later commit
			s.Cast = append(s.Cast, role{What: keepsDraft, Line: line, At: time.Duration(dice.IntN(800)) * time.Second})
		}
	}
	if s.Stranger {
		s.plant(rand.New(rand.NewPCG(s.Seed, 2)))
	}
}

// commit is the n-th commit of the branch main.
func (s Story) commit(n int) string {
	id := fmt.Sprintf("%x", sha1.Sum(fmt.Appendf(nil, "commit %d", n))) //nolint:gosec // see above
	if s.Twins {
		id = "0123456" + id[7:]
	}
	return id
}

// cast gives out the roles.
func (s *Story) cast(dice *rand.Rand) {
	add := func(what, v string, commit int) {
		line := Line{Version: v, Commit: s.commit(commit), Red: dice.IntN(40) == 0}
		if dice.IntN(2) == 0 {
			line.Wait = time.Duration(1+dice.IntN(30)) * time.Minute
		}
		s.Cast = append(s.Cast, role{What: what, Line: line, At: time.Duration(dice.IntN(400)) * time.Second})
	}
	people := func() {
		names := slices.Sorted(maps.Keys(hands))
		for range 1 + dice.IntN(2) {
			add(names[dice.IntN(len(names))], "1.2.3", 3)
			s.Cast[len(s.Cast)-1].At += time.Duration(dice.IntN(600)) * time.Second
		}
	}
	first := "1.2.3"
	switch s.Name {
	case "the same version twice":
		add(releases, "1.2.3", 3)
	case "two versions":
		add(releases, "1.2.4", 4)
	case "three versions":
		add(releases, "1.3.0", 5)
		add(releases, "2.0.0-rc.1", 6)
	case "a candidate and its final version":
		first = ""
		add(releases, "1.3.0-rc.1", 5)
		add(releases, "1.3.0", 5)
	case "a backport beside a release":
		add(releases, "1.1.1", 4)
	case "a backport after a rollback":
		first = ""
		add(rollsBackProd, "1.2.2", 2)
		add(releases, "1.1.1", 4)
		s.Cast[1].At += 3 * time.Minute
	case "a release and a deployment":
		add(deploysStaging, "1.2.3", 3)
		add(deploysProd, []string{"1.2.3", "1.2.2"}[dice.IntN(2)], 3)
	case "a release and a rollback":
		add(rollsBackProd, "1.2.2", 2)
	case "a release and people":
		people()
	case "a release and dry runs":
		add(dryRuns, "1.2.3", 3)
		add(dryRuns, "1.2.4", 4)
	case "two versions, a rollback and people":
		add(releases, "1.2.4", 4)
		add(rollsBackProd, "1.2.2", 2)
		people()
	}
	if first != "" {
		add(releases, first, 3)
	}
}

// lines are the versions that are released, each once.
func (s Story) lines() (lines []Line) {
	for _, r := range s.Cast {
		known := slices.ContainsFunc(lines, func(l Line) bool { return l.Version == r.Line.Version })
		if r.What == releases && !known {
			lines = append(lines, Line{Version: r.Line.Version, Commit: r.Line.Commit})
		}
	}
	return lines
}

// newWorld is the world as the story finds it: two versions are released, and run everywhere.
func newWorld(s Story, faults script) *World {
	w := &World{
		story: s, faults: faults, now: dawn, ended: make(chan struct{}),
		services: services{
			registry: newRegistry(s.Immutable, s.Images),
			git:      &gitServer{refs: map[string]string{"refs/heads/main": s.commit(9)}, texts: map[string]string{}},
			forge:    newForge(s.Forge),
			staging:  &host{name: "staging"}, production: &host{name: "production"},
		},
		books: books{
			told: map[string]int{}, toldAt: map[string]int{}, untold: map[string]bool{}, notStored: map[string]bool{}, done: map[string]bool{}, pushed: map[string]bool{},
			gone: map[string]time.Time{},
		},
		result: Result{Story: s, Faults: map[Kind]int{}, Outcomes: map[string]int{}},
	}
	w.done["1.1.0"], w.done["1.2.2"] = true, true
	w.released("1.1.0", 1, true)
	w.released("1.2.2", 2, !s.Untagged)
	if s.Standing != "" && w.forge.can.Drafts {
		w.drafted()
	}
	return w
}

// drafted puts a standing draft into the world.
func (w *World) drafted() {
	r := forge.Release{Tag: "v" + w.story.Standing, Commit: w.story.commit(1), Title: "v" + w.story.Standing}
	if w.forge.can.Eager {
		r.Tag = "vnext"
	}
	if w.story.ByHand {
		r.Title, r.Body = byHand, ahead+"\n\n"
	}
	r.Body = forge.WithNotes(r.Body, "Notes so far")
	made := w.forge.add(forge.AsStanding(r))
	if w.story.ByHand {
		w.forge.ids++
		made.data[aheadFile], made.Assets = byHand, []forge.Asset{{ID: w.forge.ids, Name: aheadFile}}
	}
}

// released puts a version into the world that was released before the story begins.
func (w *World) released(text string, commit int, tagged bool) {
	v, _ := version.Parse(text)
	rollout := release.Rollout{Version: v, Commit: w.story.commit(commit), Digests: map[string]string{}}
	for _, image := range w.had(text) {
		digest := w.registry.add(image, rollout.Commit, text, 0)
		rollout.Digests[image], w.pushed[digest] = digest, true
		sha := "sha-" + rollout.Commit[:7]
		if w.registry.tags[image][sha] != "" {
			sha = "sha-" + rollout.Commit[:8]
		}
		for _, tag := range []string{text, sha, fmt.Sprintf("%d.%d", v.Major(), v.Minor()), fmt.Sprint(v.Major()), "latest"} {
			w.registry.tags[image][tag] = digest
		}
	}
	for _, h := range []*host{w.staging, w.production} {
		h.runs, h.ledger = text, append(h.ledger, entry{Rollout: rollout})
	}
	if !tagged {
		return
	}
	w.git.refs["refs/tags/v"+text] = rollout.Commit
	r := w.forge.add(forge.Release{Tag: "v" + text, Commit: rollout.Commit, Title: "v" + text, Body: forge.WithNotes("", "Notes"), Immutable: w.forge.immutable})
	if w.forge.can.Latest {
		w.forge.markLatest(r)
	}
}

// enter begins everything that the story has in it.
func (w *World) enter() {
	for n, r := range w.story.Cast {
		if !r.Absent {
			w.play(r, n, 0, r.At)
		}
	}
}

// play begins a process. A release that failed or was killed is begun again, as people do.
func (w *World) play(r role, n, attempts int, after time.Duration) {
	name := fmt.Sprintf("%s %s (%d)%s", r.What, r.Line.Version, n+1, strings.Repeat("'", attempts))
	p := newProcess(strings.TrimPrefix(name, "release "), n*attemptsOfALine+attempts+1)
	switch do, isHand := hands[r.What]; {
	case isHand:
		p.human = true
		w.start(after, p, func(p *process) { do(p, r.Line) })
	case r.What == dryRuns:
		p.reads = true
		w.start(after, p, dry(r.Line))
	case r.What == deploysStaging, r.What == deploysProd:
		p.unlocked = true
		w.start(after, p, deploy(r.Line, r.What == deploysProd))
	case r.What == plantsImages:
		p.human = true
		w.start(after, p, func(p *process) { w.plant(p, r.Line) })
	case r.What == keepsDraft:
		p.drafts = true
		w.start(after, p, keepDraft(r.Line))
	case r.What == rollsBackProd:
		p.rollsBack = true
		b := &back{p: p}
		w.start(after, p, b.run)
	default:
		p.line = r.Line.Version
		a := &attempt{p: p, line: r.Line}
		p.afterwards = func() {
			failed := a.outcome == "" || a.err != nil
			if failed && attempts+1 < attemptsOfALine {
				wait := time.Duration(30+w.faults.dice(at{p.number, 1}, 7).IntN(400)) * time.Second
				w.play(r, n, attempts+1, wait)
			}
		}
		w.start(after, p, a.release)
	}
}

func newProcess(name string, number int) *process {
	return &process{name: name, number: number, traces: traces{holds: map[string]bool{}, found: map[string]string{}, looked: map[string]time.Time{}}}
}
