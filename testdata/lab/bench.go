package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// benchRounds are the pairs that a table is made of; fewer are for trying something out, and change no file.
const benchRounds = 5

// bench measures Slipway beside its peers. Every measure has one value a round, in seconds, so that ratios are of things
// that were measured minutes apart.
type bench struct {
	lab     *lab
	dir     string
	log     io.Writer
	samples samples
	stamp   string // makes names in the registry that no other run has
}

// benchCommand is bench as a command.
func (l *lab) benchCommand(ctx context.Context, args []string) error {
	rounds := benchRounds
	if len(args) > 0 {
		n, err := strconv.Atoi(args[0])
		if err != nil || n < 1 || len(args) > 1 {
			return fmt.Errorf("bench takes the number of rounds, found %q: leave it out for the table of .github/docs/speed.md", strings.Join(args, " "))
		}
		rounds = n
	}
	if err := l.up(ctx); err != nil {
		return err
	}
	if _, known := l.running(engineService.name); !known {
		return errors.New("bench needs the engine that up starts, to tell its work from the rest: found another one that answers")
	}
	if err := l.quiet(); err != nil {
		return err
	}
	if err := l.sweep(ctx, benchSites); err != nil {
		return err
	}
	b, err := l.newBench()
	if err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if err := b.run(ctx, rounds); err != nil {
		return fmt.Errorf("%w; the end of the log:\n%s", err, tail(l.path("logs", "bench.log"), 30))
	}
	if err := l.sweep(ctx, benchSites); err != nil {
		return err
	}
	fmt.Print("\n" + b.samples.table(english))
	if rounds < benchRounds {
		return nil
	}
	return l.writeTables(b.samples)
}

const (
	benchDiskGiB = 25
	benchLoad    = 0.5 // of a core
)

// quiet refuses to measure on a machine that is short of disk or busy with something else.
func (l *lab) quiet() error {
	var fs unix.Statfs_t
	if err := unix.Statfs(l.dir, &fs); err != nil {
		return err
	}
	if free := fs.Bavail * uint64(fs.Bsize) >> 30; free < benchDiskGiB {
		return fmt.Errorf("bench needs %d GiB free in %s, found %d: free some, or set SLIPWAY_LAB_DIR to another disk", benchDiskGiB, l.dir, free)
	}
	// What up has just started settles first; the load that the kernel tells is of the last minute, so it is not asked.
	const tries = 12
	busy := 0.0
	for range tries {
		before := cpuSeconds()
		time.Sleep(5 * time.Second)
		if busy = (cpuSeconds() - before) / 5; busy < benchLoad {
			return nil
		}
	}
	return fmt.Errorf("bench needs a quiet machine, found %.1f cores busy for a minute: end what runs beside it", busy)
}

// cpuSeconds is what all cores together have worked since the machine was started.
func cpuSeconds() float64 {
	data, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(data), "\n")
	total := 0.0
	for n, field := range strings.Fields(line) {
		const user, system, irq, softirq = 1, 3, 6, 7
		if ticks, err := strconv.ParseFloat(field, 64); err == nil && (n >= user && n <= system || n == irq || n == softirq) {
			total += ticks
		}
	}
	return total / ticksPerSecond
}

const ticksPerSecond = 100

// engineSeconds is what the engine's own process has worked, without what it has started in containers.
func (l *lab) engineSeconds() float64 {
	engine, _ := l.running("engine")
	total := 0.0
	if fields := statFields(engine.PID); fields != nil {
		for _, field := range fields[11:13] { // user and system
			ticks, _ := strconv.ParseFloat(field, 64)
			total += ticks
		}
	}
	return total / ticksPerSecond
}

func (l *lab) newBench() (*bench, error) {
	log, err := os.Create(l.path("logs", "bench.log"))
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(l.dir, "bench-") // not in /tmp, which may be memory
	if err != nil {
		return nil, err
	}
	return &bench{lab: l, dir: dir, log: log, samples: samples{}, stamp: time.Now().UTC().Format("20060102-150405")}, nil
}

func (b *bench) run(ctx context.Context, rounds int) error {
	if err := b.prepare(ctx); err != nil {
		return err
	}
	// What takes long and compares Slipway with itself is measured in the first rounds only.
	parts := []struct {
		name   string
		rounds int
		run    func(context.Context, int) error
	}{
		{"first load of an empty module", 3, b.firstLoadOfNothing},
		{"first load", rounds, b.firstLoad},
		{"Slipway", rounds, b.slipwayChain},
		{"the script", rounds, func(ctx context.Context, n int) error { return b.peerChain(ctx, n, script) }},
		{"make -j2", rounds, func(ctx context.Context, n int) error { return b.peerChain(ctx, n, makeJ2) }},
		{"floor and validate", rounds, b.floor},
		{"10 and 30 images", 2, b.manyImages},
		{"changelogs", rounds, b.changelogs},
		{"deployments", 3, b.deployments},
	}
	for n := range rounds {
		for _, p := range parts {
			if n >= p.rounds {
				continue
			}
			start := time.Now()
			if err := p.run(ctx, n); err != nil {
				return fmt.Errorf("round %d, %s: %w", n+1, p.name, err)
			}
			progressf("round %d of %d: %s, %.0f s", n+1, rounds, p.name, time.Since(start).Seconds())
		}
	}
	return nil
}

// refusedCalls are measures of calls that Slipway is meant to refuse.
var refusedCalls = []string{firstLoad, refused}

// timed runs a command and notes how long it took and how much the machine worked.
func (b *bench) timed(ctx context.Context, name, dir string, args ...string) error {
	cpu, engine, start := cpuSeconds(), b.lab.engineSeconds(), time.Now()
	_, err := b.command(ctx, dir, args...)
	if slices.Contains(refusedCalls, name) != (err != nil) {
		return fmt.Errorf("%s: %w", name, err)
	}
	b.samples.add(name, time.Since(start).Seconds())
	b.samples.add(name+cpuSuffix, cpuSeconds()-cpu)
	b.samples.add(name+engineSuffix, b.lab.engineSeconds()-engine)
	return nil
}

// command runs a program of the lab or of the machine and returns what it prints on stdout.
func (b *bench) command(ctx context.Context, dir string, args ...string) (string, error) {
	fmt.Fprintf(b.log, "\n$ %s\n", strings.Join(args, " "))
	if own := b.lab.path("bin", args[0]); isFile(own) {
		args = append([]string{own}, args[1:]...)
	}
	var out strings.Builder
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.Env = dir, append(b.lab.environ(), "DAGGER_NO_NAG=1")
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&out, b.log), b.log
	err := cmd.Run()
	return out.String(), err
}

// slipway is a call of the module in this checkout for a repository.
func (b *bench) slipway(repository string, args ...string) []string {
	return b.call(append([]string{"--source=" + repository, "--registry=" + registryHost + "/bench"}, args...)...)
}

func (b *bench) call(args ...string) []string {
	return append([]string{"dagger", "--progress=plain"}, b.lab.call(args...)...)
}

func dryRun(n int) []string {
	return []string{"release", "--version=" + benchVersion(n), "--dry-run"}
}

// benchVersion is higher than those of the sample application's history.
func benchVersion(n int) string { return fmt.Sprintf("2.%d.0", n) }

// prune empties the engine's cache, volumes included: as on a machine that has never run it.
func (b *bench) prune(ctx context.Context) error {
	_, err := b.command(ctx, b.dir, "dagger", "core", "engine", "local-cache", "prune")
	return err
}

// emptyModule is what any Go module costs, Slipway's own code aside.
var emptyModule = map[string]string{
	"dagger.json": `{"name": "empty", "engineVersion": "v0.19.10", "sdk": {"source": "go"}}`,
	"go.mod":      "module dagger/empty\n\ngo 1.25.0\n",
	"main.go": `package main

type Empty struct{}

// Nothing does nothing, and is run every time.
// +cache="never"
func (*Empty) Nothing() string { return "nothing" }
`,
}

func (b *bench) empty() string { return filepath.Join(b.dir, "empty") }

func (b *bench) emptyCall() []string {
	return []string{"dagger", "--progress=plain", "call", "-m", b.empty(), "nothing"}
}

// firstLoadOfNothing times what stands before the first call of any module, on an empty engine.
func (b *bench) firstLoadOfNothing(ctx context.Context, _ int) error {
	return b.coldCall(ctx, firstLoadEmpty, b.emptyCall())
}

// firstLoad is the same for Slipway. Settings are checked before anything is read, so that this call does nothing else.
func (b *bench) firstLoad(ctx context.Context, _ int) error {
	return b.coldCall(ctx, firstLoad, b.slipway(b.empty(), "validate", "--version=none"))
}

func (b *bench) coldCall(ctx context.Context, name string, call []string) error {
	if err := b.prune(ctx); err != nil {
		return err
	}
	return b.timed(ctx, name, b.dir, call...)
}

// slipwayChain is one repository's day: the first dry run, the same again, a change on one side, one on the other. The
// module has been loaded by firstLoad, which has emptied the engine's cache before.
func (b *bench) slipwayChain(ctx context.Context, n int) error {
	repository := filepath.Join(b.dir, "slipway")
	return b.chain(repository, n, func(scenario string) error {
		name := slipwayName + scenario
		if err := b.timed(ctx, name, repository, b.slipway(repository, dryRun(n)...)...); err != nil {
			return err
		}
		return b.noteBound(ctx, name, repository)
	})
}

// noteBound notes what the run could not have been faster than: its longest chain of stages, or its work on all cores.
func (b *bench) noteBound(ctx context.Context, name, repository string) error {
	text, err := b.command(ctx, repository, b.slipway(repository, "report", "--format=json")...)
	if err != nil {
		return err
	}
	var report struct {
		Seconds      float64
		CriticalPath []struct{ Seconds float64 }
	}
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		return err
	}
	path := 0.0
	for _, part := range report.CriticalPath {
		path += part.Seconds
	}
	if path == 0 {
		return errors.New("the report has no critical path")
	}
	b.samples.add(name+runSuffix, report.Seconds)
	b.samples.add(name+boundSuffix, max(path, b.samples.last(name+cpuSuffix)/float64(runtime.NumCPU())))
	return nil
}

// chain makes a fresh repository and the scenarios' changes in it.
func (b *bench) chain(repository string, n int, run func(scenario string) error) error {
	if err := os.RemoveAll(repository); err != nil {
		return err
	}
	if err := b.lab.newShop(repository); err != nil {
		return err
	}
	if err := setVersion(repository, benchVersion(n)); err != nil {
		return err
	}
	for _, s := range scenarios {
		if s.file != "" {
			if err := change(repository, s.file, s.text); err != nil {
				return err
			}
		}
		if err := run(s.name); err != nil {
			return err
		}
	}
	return nil
}

// scenarios are commits between two dry runs.
var scenarios = []struct{ name, file, text string }{
	{name: cold},
	{name: noChange},
	{frontendChange, "frontend/src/money.ts", "\n// One more line.\n"},
	{backendChange, "backend/shop/pricing.py", "\n# One more line.\n"},
}

func change(repository, file, text string) error {
	f, err := os.OpenFile(filepath.Join(repository, file), os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close(), commit(repository, "fix: change "+file))
}

func commit(repository, message string) error {
	return errors.Join(git(repository, benchIdentity, "add", "-A"), git(repository, benchIdentity, "commit", "-q", "--no-gpg-sign", "-m", message))
}

var benchIdentity = []string{
	"GIT_AUTHOR_NAME=Bench", "GIT_AUTHOR_EMAIL=bench@example.com", "GIT_COMMITTER_NAME=Bench", "GIT_COMMITTER_EMAIL=bench@example.com",
}

// setVersion makes the version files say the version that is released.
func setVersion(repository, version string) error {
	h, err := readHistory()
	if err != nil {
		return err
	}
	latest := ""
	for _, c := range h.Commits {
		if c.Version != "" {
			latest = c.Version
		}
	}
	for _, name := range versionFiles {
		path := filepath.Join(repository, name)
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), `"`+latest+`"`, `"`+version+`"`)), 0o644); err != nil {
			return err
		}
	}
	return commit(repository, "chore: release "+version)
}

// A peer does the same work without Dagger.
type peer struct {
	name string
	args []string // started in the repository
}

var (
	script = peer{"script", []string{"sh", "release.sh"}}
	makeJ2 = peer{"make", []string{"make", "-j2", "-s", "-f", "Makefile"}}
)

func (b *bench) peerChain(ctx context.Context, n int, p peer) error {
	place := filepath.Join(b.dir, p.name)
	if err := os.RemoveAll(place); err != nil {
		return err
	}
	if err := os.MkdirAll(place, 0o755); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	args := append([]string{
		"env", "LAB=" + self, "REGISTRY=" + registryHost, "TRIVY_VERSION=" + trivyVersion, "VERSION=" + benchVersion(n),
		"CACHE=" + filepath.Join(place, "cache"), "OUT=" + filepath.Join(place, "out"), "IMAGE_ENVIRONMENT=" + strings.Join(env, " "),
	}, p.args...)
	args[len(args)-1] = filepath.Join(b.lab.repo, "testdata", "lab", "bench", args[len(args)-1])
	repository := filepath.Join(place, "repository")
	return b.chain(repository, n, func(scenario string) error { return b.timed(ctx, p.name+" "+scenario, repository, args...) })
}

// floor times what no module can be faster than, and the calls of Slipway that have least to do.
func (b *bench) floor(ctx context.Context, n int) error {
	repository := filepath.Join(b.dir, "slipway")
	calls := []struct {
		name string
		args []string
	}{
		{coreVersion, []string{"dagger", "core", "version"}},
		{never, b.emptyCall()},
		{refused, b.slipway(repository, "validate", "--version=none")},
		{validate, b.slipway(repository, "validate", "--version="+benchVersion(n))},
		{dryRunAgain, b.slipway(repository, dryRun(n)...)},
	}
	for _, c := range calls {
		// The first call may load what the cache has lost; a user's second is what counts.
		b.command(ctx, b.dir, c.args...) //nolint:errcheck // the second tells
		if err := b.timed(ctx, c.name, b.dir, c.args...); err != nil {
			return err
		}
	}
	return nil
}
