package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"
)

// up makes and starts whatever is missing; a second one finds nothing to do.
func (l *lab) up(ctx context.Context) error {
	unlock, err := l.ready(ctx, l.steps)
	if err != nil {
		return err
	}
	defer unlock()
	if err := ensureAddress(); err != nil {
		return err
	}
	if err := l.start(ctx, registryService); err != nil {
		return err
	}
	if err := l.pushImages(ctx); err != nil {
		return err
	}
	if err := l.pushTrivyDB(ctx); err != nil {
		return err
	}
	if err := l.start(ctx, giteaService); err != nil {
		return err
	}
	if err := l.setUpGitea(ctx); err != nil {
		return fmt.Errorf("set up gitea: %w", err)
	}
	return l.startRest(ctx)
}

// ready makes what is missing, and keeps the lab for its caller until that unlocks it.
func (l *lab) ready(ctx context.Context, of func() ([]step, error)) (unlock func(), err error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	if unlock, err = l.lock(); err != nil {
		return nil, err
	}
	steps, err := of()
	if err == nil {
		err = l.runSteps(ctx, steps)
	}
	if err != nil {
		unlock()
		return nil, err
	}
	return unlock, nil
}

// startRest starts beside each other what only needs the registry.
func (l *lab) startRest(ctx context.Context) error {
	rest := []service{stagingService, productionService}
	if l.ownsEngine() {
		rest = append(rest, engineService)
	} else {
		progressf("using the engine at %s", os.Getenv(runnerHostVariable))
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, s := range rest {
		group.Go(func() error { return l.start(ctx, s) })
	}
	return group.Wait()
}

// engineSteps are only for the lab's own engine: who has configured another needs none of them.
var engineSteps = []string{"download dagger", "compile dagger", "layer go", "engine content"}

func (l *lab) steps() ([]step, error) {
	steps, err := l.programSteps(programs...)
	if err != nil {
		return nil, err
	}
	histories, err := l.historiesStep()
	if err != nil {
		return nil, err
	}
	steps = append(steps, histories)
	steps = append(steps, l.imageSteps()...)
	steps = append(steps, l.serverSteps()...)
	steps = append(steps,
		step{name: "engine content", from: string(engineToml()), needs: []string{"layer base", "layer git", "layer go"}, make: l.writeSDK},
		// Made anew every day: Slipway refuses to judge by a database older than 72 hours.
		step{name: "trivy database", from: time.Now().UTC().Format(time.DateOnly), needs: []string{"compile trivy"}, make: l.makeTrivyDB},
	)
	if !l.ownsEngine() {
		steps = slices.DeleteFunc(steps, func(s step) bool { return slices.Contains(engineSteps, s.name) })
	}
	return steps, nil
}

const trivyDBRepository = "trivy-db"

func (l *lab) makeTrivyDB(ctx context.Context) error {
	return l.runJob(ctx, job{log: "trivydb", args: []string{l.path("bin", "trivydb"), l.path("trivy-db.tar.gz")}})
}

// pushTrivyDB serves the database as the artifact that Trivy expects.
func (l *lab) pushTrivyDB(ctx context.Context) error {
	data, err := os.ReadFile(l.path("trivy-db.tar.gz"))
	if err != nil {
		return err
	}
	artifact, err := mutate.Append(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), "application/vnd.aquasec.trivy.config.v1+json"), mutate.Addendum{
		Layer:       static.NewLayer(data, "application/vnd.aquasec.trivy.db.layer.v1.tar+gzip"),
		Annotations: map[string]string{"org.opencontainers.image.title": "db.tar.gz"},
	})
	if err != nil {
		return err
	}
	return push(ctx, trivyDBRepository+":2", artifact)
}

// exitCode is how a program ended that has itself said what is wrong.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// inRepo runs a command in Slipway's checkout, its output as it comes.
func (l *lab) inRepo(ctx context.Context, name string, args ...string) error {
	return l.inFolder(ctx, l.repo, name, args...)
}

func (l *lab) inFolder(ctx context.Context, dir, name string, args ...string) error {
	progressf("%s %s", name, strings.Join(args, " "))
	if own := l.path("bin", name); l.ownsEngine() && isFile(own) {
		name = own
	}
	return runShown(ctx, dir, l.environ(), name, args...)
}

// runShown runs a command, its output as it comes.
func runShown(ctx context.Context, dir string, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, env
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err := cmd.Run()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return exitCode(exit.ExitCode())
	}
	return err
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
