package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// provePoints are enough for each kind of effect of a release, and for some of them twice.
const provePoints = 24

// prove kills real releases, and the engine under them, and runs the same line again. It takes forty minutes at most.
func (l *lab) prove(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("prove", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	seed := flags.Uint64("seed", rand.Uint64N(1_000_000), "")
	points := flags.Int("points", provePoints, "")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("prove takes --seed=N and --points=N: %w", err)
	}
	if flags.NArg() > 0 || *points < 1 {
		return fmt.Errorf("prove takes --seed=N and --points=N, at least 1, found %q", args)
	}
	if !l.ownsEngine() {
		return errors.New("prove kills the engine, and this one is not the lab's: unset " + runnerHostVariable)
	}
	if err := l.up(ctx); err != nil {
		return err
	}
	// Without a package's name the output comes as it is printed.
	return l.inFolder(ctx, filepath.Join(l.repo, "stages", "e2e"), "go", "test", "-count=1", "-run=^TestProve$", "-timeout=42m",
		"-args", fmt.Sprintf("-prove-seed=%d", *seed), fmt.Sprintf("-prove-points=%d", *points), "-prove-engine", "-prove-races")
}

// crash ends a service without a warning, and starts it again.
func (l *lab) crash(ctx context.Context, args []string) error {
	for _, s := range services {
		if len(args) != 1 || args[0] != s.name {
			continue
		}
		r, up := l.running(s.name)
		if !up {
			return fmt.Errorf("%s does not run: run up first", s.name)
		}
		if err := unix.Kill(r.PID, unix.SIGKILL); err != nil {
			return err
		}
		if !r.ended() {
			return fmt.Errorf("%s, process %d, is killed and does not end: see what it waits for", s.name, r.PID)
		}
		return l.start(ctx, s)
	}
	return errors.New("crash takes the name of one service, as status prints it")
}
