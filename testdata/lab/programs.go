package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
)

const (
	daggerVersion = "v0.19.10"
	trivyVersion  = "0.70.0"
	giteaVersion  = "1.26.0"
)

// programs are built from Go modules: one go.mod each under tools/, because their requirements clash.
var programs = []program{
	{module: "registry", packages: []string{"./registry"}, gcflags: withoutInlining},
	{
		module: "dagger",
		packages: []string{
			"github.com/dagger/dagger/cmd/dagger",
			"github.com/dagger/dagger/cmd/engine",
			"github.com/dagger/dagger/cmd/codegen",
			"github.com/dagger/dagger/cmd/init",
			"github.com/dagger/dagger/cmd/dnsname",
			"github.com/dagger/dagger/cmd/dialstdio",
		},
		tags:    "dfexcludepatterns,dfparents",
		ldflags: "-X github.com/dagger/dagger/engine.Version=" + daggerVersion + " -X github.com/dagger/dagger/engine.Tag=" + daggerVersion,
	},
	{
		module:   "trivy",
		packages: []string{"github.com/aquasecurity/trivy/cmd/trivy", "./trivydb"},
		ldflags:  "-X github.com/aquasecurity/trivy/pkg/version/app.ver=" + trivyVersion,
		gcflags:  withoutInlining,
		env:      []string{"GOEXPERIMENT=jsonv2"},
	},
	{
		module:   "gitea",
		packages: []string{giteaModule},
		tags:     "sqlite,sqlite_unlock_notify",
		ldflags:  "-X main.Version=" + giteaVersion,
		gcflags:  withoutInlining,
		env:      []string{withCgo, "CGO_CFLAGS=-O0"}, // a fast SQLite would cost a minute of compiling
	},
}

const (
	withCgo = "CGO_ENABLED=1" // for SQLite, which is written in C
	// withoutInlining compiles in less time what need not be fast; the cloud clients in Trivy alone take a minute less.
	withoutInlining = "-l"
)

type program struct {
	module   string // folder under tools/
	packages []string
	tags     string
	ldflags  string
	gcflags  string
	env      []string
}

// compilers are two lanes, because the end of each build, the linker, keeps only one core busy.
var compilers = []string{"compiler one", "compiler two"}

// programSteps download and compile. Downloads run ahead of the compilers, in their own lane.
func (l *lab) programSteps(programs ...program) ([]step, error) {
	var steps []step
	for n, p := range programs {
		from, err := p.inputs(l)
		if err != nil {
			return nil, err
		}
		download := "download " + p.module
		needs := []string{download}
		if slices.Contains(p.env, withCgo) {
			needs = append(needs, forgeStep)
		}
		steps = append(steps,
			step{name: download, from: from, lane: "download", make: func(ctx context.Context) error { return l.download(ctx, p) }},
			step{name: "compile " + p.module, from: from, needs: needs, lane: compilers[n%len(compilers)], make: func(ctx context.Context) error { return l.compile(ctx, p) }},
		)
	}
	return steps, nil
}

// inputs are what a program is made from: its folder, where go.sum pins its modules.
func (p program) inputs(l *lab) (string, error) {
	text := runtime.Version() + fmt.Sprint(p)
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
	dir, err := list.Output()
	if err != nil {
		return "", fmt.Errorf("find the folder of %s: %w", module, err)
	}
	return string(bytes.TrimSpace(dir)), nil
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
	args := []string{"build", "-v", "-tags", p.tags, "-ldflags", "-s -w " + p.ldflags, "-gcflags", "all=-dwarf=false " + p.gcflags, "-o", staging + "/"}
	if err := l.goCommand(ctx, p, append(args, p.packages...)...); err != nil {
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
	return l.runJob(ctx, job{
		log: args[0] + "-" + p.module,
		dir: l.tool(p.module),
		// The compiler spends a quarter of its time collecting garbage that would fit into memory.
		env:  append([]string{"CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOGC=off", "GOMEMLIMIT=3GiB"}, p.env...),
		args: append([]string{"go"}, args...),
	})
}
