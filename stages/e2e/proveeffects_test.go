package e2e

import (
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"

	"dagger/slipway/stages/labtest"
)

// effect is a moment of a release that can be seen from outside, at which a run is killed.
type effect struct {
	name   string
	method string
	path   string // regular expression; LINE is the repository, VERSION and SERIES the version and its MAJOR.MINOR
	sends  string // regular expression for the body
	skip   int    // this many requests of the kind pass first
	shell  string // instead of a request: a script that ends on the server when the moment has come; it has the new digest in $1

	late bool // held only when all others wait: the run does not wait long, or keeps the engine's few connections to a registry
}

const (
	manifests   = "^/v2/LINE/[^/]+/manifests/"
	receivePack = "^/slipway/LINE(.git)?/git-receive-pack$"
	releasesAPI = "^/api/v1/repos/slipway/LINE/releases"
	object      = "[0-9a-f]{40}"
	noObject    = "0{40}"
)

// killEffects are in the order of a release.
var killEffects = []effect{
	{name: "lock", method: http.MethodPost, path: receivePack, sends: "^....(" + noObject + ") " + object + " refs/slipway/lock"},
	{name: "first layer", method: http.MethodPut, path: "^/v2/LINE/[^/]+/blobs/uploads/", late: true},
	{name: "commit tag of the first image", method: http.MethodPut, path: manifests + "sha-", late: true},
	{name: "commit tag of the last image", method: http.MethodPut, path: manifests + "sha-", skip: 2, late: true},
	{name: "statement below an image", method: http.MethodPut, path: manifests + "sha256-", skip: 4},
	{name: "VERSION on the first image", method: http.MethodPut, path: manifests + "VERSION$"},
	{name: "VERSION on the last image", method: http.MethodPut, path: manifests + "VERSION$", skip: 2},
	{name: "git tag", method: http.MethodPost, path: receivePack, sends: " refs/tags/vVERSION"},
	{name: "draft", method: http.MethodPost, path: releasesAPI + "$"},
	{name: "first file of the release", method: http.MethodPost, path: releasesAPI + "/[0-9]+/assets$"},
	{name: "last file of the release", method: http.MethodPost, path: releasesAPI + "/[0-9]+/assets$", skip: 4},
	{name: "deployment begins", shell: `until [ -s .slipway/lock ]; do sleep 0.1; done`, late: true},
	{name: "new containers start", shell: `until docker ps --no-trunc --format '{{.Image}}' | grep -q "$1"; do sleep 0.1; done`, late: true},
	{name: "first floating tag", method: http.MethodPut, path: manifests + "SERIES$"},
	{name: "last floating tag", method: http.MethodPut, path: manifests + "latest$", skip: 2},
	{name: "publish", method: http.MethodPatch, path: releasesAPI + "/[0-9]+$", sends: `"draft": ?false`},
	{name: "notification", method: http.MethodPost, path: "^/slack/LINE$", late: true},
	{name: "unlock", method: http.MethodPost, path: receivePack, sends: object + " " + noObject + " refs/slipway/lock"},
}

// fault holds the run at the effect: before the service has it, or when the service has done it and nobody knows yet.
func (e effect) fault(line string, v numbered, after bool, met func()) labtest.Fault {
	fill := strings.NewReplacer("LINE", regexp.QuoteMeta(line), "VERSION", regexp.QuoteMeta(v.String()), "SERIES", regexp.QuoteMeta(v.series())).Replace
	return labtest.Fault{Method: e.method, Path: fill(e.path), Sends: fill(e.sends), Skip: e.skip, Hang: !after, Mute: after, Met: met}
}

// killer is who ends the run.
type killer string

// Interrupted, ended by a CI, gone; and the engine itself.
const (
	bySIGINT  killer = "INT"
	bySIGTERM killer = "TERM"
	bySIGKILL killer = "KILL"
	byEngine  killer = "engine"
)

// point is one kill.
type point struct {
	effect
	by    killer
	after bool   // the service has done it
	bump  string // part of the version that is raised
}

func (p point) String() string {
	if p.shell != "" {
		return p.name
	}
	return map[bool]string{false: "before: ", true: "after: "}[p.after] + p.name
}

// mayBeUntold says whether the run was killed while it told the team: what may have arrived is not sent again (N3).
func (p point) mayBeUntold() bool { return p.name == "notification" && !p.after }

// plan draws the points of a seed for some repositories, each of which has its last one killed with the engine, in the same
// moment as all others. Every effect comes once before one comes again.
func plan(seed uint64, points, repositories int, engine bool) [][]point {
	random := rand.New(rand.NewPCG(seed, 0))
	var drawn []effect
	for len(drawn) < points {
		for _, n := range random.Perm(len(killEffects)) {
			drawn = append(drawn, killEffects[n])
		}
	}
	drawn = drawn[:points]
	lines := make([][]point, min(points, repositories))
	bySignal := []killer{bySIGINT, bySIGTERM, bySIGKILL}
	for n, e := range drawn {
		p := point{effect: e, by: bySignal[n%len(bySignal)], after: random.IntN(2) == 1, bump: []string{"major", "minor", "patch"}[random.IntN(3)]}
		lines[n%len(lines)] = append(lines[n%len(lines)], p)
	}
	if engine {
		killEngine(lines)
	}
	return lines
}

// killEngine makes the last point of each repository one at which the engine is killed. Only one of them may be late: the
// others wait for it, before their effect, because a run whose effect was done finds that out after a minute and goes on.
func killEngine(lines [][]point) {
	late := false
	for _, points := range lines {
		last := &points[len(points)-1]
		if other := beforeTheLast(lines); last.late && late && other != nil {
			last.effect, other.effect = other.effect, last.effect
		}
		last.by, last.after = byEngine, false
		late = late || last.late
	}
}

// beforeTheLast is a point that is not the last of its repository and need not be late.
func beforeTheLast(lines [][]point) *point {
	for _, points := range lines {
		for n := range points[:len(points)-1] {
			if !points[n].late {
				return &points[n]
			}
		}
	}
	return nil
}
