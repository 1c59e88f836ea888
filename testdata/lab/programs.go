package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

const (
	daggerVersion = "v0.19.10"
	trivyVersion  = "0.70.0"
	giteaVersion  = "1.26.0"
)

// programs are built from Go modules: one go.mod each under tools/, because their requirements clash.
var programs = []program{
	{module: "registry", packages: []string{"./registry"}},
	{
		module: "dagger",
		packages: []string{
			"github.com/dagger/dagger/cmd/dagger",
			"github.com/dagger/dagger/cmd/engine",
			"github.com/dagger/dagger/cmd/codegen",
			"github.com/dagger/dagger/cmd/init",
			"github.com/dagger/dagger/cmd/dnsname",
		},
		tags:    "dfexcludepatterns,dfparents",
		ldflags: "-X github.com/dagger/dagger/engine.Version=" + daggerVersion + " -X github.com/dagger/dagger/engine.Tag=" + daggerVersion,
		fast:    true,
	},
	{
		module:   "trivy",
		packages: []string{"github.com/aquasecurity/trivy/cmd/trivy", "./trivydb"},
		ldflags:  "-X github.com/aquasecurity/trivy/pkg/version/app.ver=" + trivyVersion,
	},
	{
		module:   "gitea",
		packages: []string{giteaModule},
		tags:     "sqlite,sqlite_unlock_notify",
		ldflags:  "-X main.Version=" + giteaVersion,
		cgo:      true,
	},
}

type program struct {
	module   string // folder under tools/
	packages []string
	tags     string
	ldflags  string
	cgo      bool // has parts in C: SQLite
	fast     bool // tests wait for what it does
}

// settings are the environment and the arguments for go build. They are the same for all programs that need not be fast, so
// that what these have in common, the standard library above all, is compiled once: without inlining and without the search for
// needless checks of bounds, which takes a fifth less time, and with the JSON that Trivy needs and Gitea's own build asks for.
func (p program) settings() (env, args []string) {
	// Collecting garbage that would fit into memory takes the compiler a quarter of its time.
	env = []string{"GOFLAGS=-mod=readonly", "GOGC=off", "GOMEMLIMIT=3GiB", "CGO_ENABLED=0"}
	args = []string{"build", "-v", "-ldflags", "-s -w " + p.ldflags}
	if p.fast {
		// With the flags it has by default, much of the standard library has been compiled for the lab itself.
		args = append(args, "-tags", p.tags, "-gcflags", "all=-dwarf=false", "-gcflags", "std=")
	} else {
		env = append(env, "GOEXPERIMENT=jsonv2")
		// The standard library is to be the same with C and without.
		args = append(args, "-tags", strings.TrimPrefix(p.tags+",netgo,osusergo", ","), "-gcflags", "all=-dwarf=false -l -d=ssa/prove/off")
	}
	if p.cgo {
		env = append(env, "CGO_ENABLED=1", "CGO_CFLAGS=-O0") // a fast SQLite would take a minute to compile
	}
	return env, args
}

// lane is the compiler's: two work beside each other, because the end of each build, the linker, keeps only one core busy.
// In one lane are those that have something in common.
func (p program) lane() string {
	if p.fast {
		return "compiler of what is fast"
	}
	return "compiler"
}

// programSteps download and compile. Downloads run ahead of the compilers, in their own lane.
func (l *lab) programSteps(programs ...program) ([]step, error) {
	var steps []step
	for _, p := range programs {
		from, err := p.inputs(l)
		if err != nil {
			return nil, err
		}
		download := "download " + p.module
		needs := []string{download}
		if p.cgo {
			needs = append(needs, forgeStep)
		}
		steps = append(steps,
			step{name: download, from: from, lane: "download", make: func(ctx context.Context) error { return l.download(ctx, p) }},
			step{name: "compile " + p.module, from: from, needs: needs, lane: p.lane(), make: func(ctx context.Context) error { return l.compile(ctx, p) }},
		)
	}
	return steps, nil
}

// inputs are what a program is made from: its folder, where go.sum pins its modules, and how it is compiled.
func (p program) inputs(l *lab) (string, error) {
	text := runtime.Version() + fmt.Sprint(p) + fmt.Sprint(p.settings())
	err := filepath.WalkDir(l.tool(p.module), func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		text += entry.Name() + string(data)
		return err
	})
	return text, err
}

func (l *lab) tool(module string) string {
	return filepath.Join(l.repo, "testdata", "lab", "tools", module)
}

// moduleDir is where the files of a module are that one of the tools requires.
func (l *lab) moduleDir(tool, module string) (string, error) {
	list := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module)
	list.Dir = l.tool(tool)
	dir, err := output(list)
	if err != nil {
		return "", fmt.Errorf("find the folder of %s: %w", module, err)
	}
	return strings.TrimSpace(dir), nil
}

// download is tried twice, because a proxy that is slow the first time answers the second. It prints each file that it asks for.
func (l *lab) download(ctx context.Context, p program) error {
	err := l.goCommand(ctx, p, "mod", "download", "-x")
	if err != nil && ctx.Err() == nil {
		err = l.goCommand(ctx, p, "mod", "download", "-x")
	}
	return err
}

func (l *lab) compile(ctx context.Context, p program) error {
	bin, err := l.mkdir("bin")
	if err != nil {
		return err
	}
	// Built beside and moved in, so that a running service keeps its file and an interrupt leaves none half written.
	staging, err := os.MkdirTemp(l.dir, "compile-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(staging)
	_, args := p.settings()
	if err := l.goCommand(ctx, p, append(append(args, "-o", staging+"/"), p.packages...)...); err != nil {
		return err
	}
	built, err := os.ReadDir(staging)
	if err != nil {
		return err
	}
	for _, f := range built {
		if err := os.Rename(filepath.Join(staging, f.Name()), filepath.Join(bin, f.Name())); err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) goCommand(ctx context.Context, p program, args ...string) error {
	env, _ := p.settings()
	return l.runJob(ctx, job{log: args[0] + "-" + p.module, dir: l.tool(p.module), env: env, args: append([]string{"go"}, args...)})
}
