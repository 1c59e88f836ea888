// Command lab runs a real Dagger engine, an OCI registry, a Git forge, two servers to deploy to and the images that
// Slipway's tests need on one bare Linux machine: no Docker, no image registry, nothing but Go and Debian.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

const usage = `usage: go run -C testdata/lab . COMMAND

  up          build and start what is missing, then print the export lines
  env         print the export lines
  status      what runs, where, since when
  logs NAME   the log of a service or of a step of up
  shop DIR    write the sample application with its history into a new folder
  seed NAME DIR
              make a repository on the lab's Gitea with that history, issues and pull requests that
              Gitea merged, and clone it into a new folder
  down        stop exactly what up started
  demo        up, then release the sample application for real, onto the staging server
  look FILE DIR
              open an HTML file in Chromium and write four pictures of it: wide and narrow, light and dark
  bench       up, then measure Slipway beside a script and make -j2, and write the tables of .github/docs/speed.md
              (an hour; with a number, that many rounds of the five, and no table)
  prove       up, then kill real releases, and the engine, at their effects, let runs race, and see that the same
              line again mends everything (forty minutes at most; --seed=N repeats a run, --points=N is 24)
  cosign      make what only the tests of signatures need: cosign as a program and as an image, and an imitation of
              Sigstore (two minutes of compiling; needs up; test does it by itself)
  crash NAME  kill a service without a warning, and start it again
  simulate    let releases happen in a world in memory, kill, pause and race them, and print what that
              showed (--runs=100000 --seed=1; --mutations breaks the code on purpose; needs no up)
  plain       go vet of Slipway, and its tests that need no lab (three minutes, no root)
  test        plain, up, then the tests that were skipped without a lab; with a pattern, up and the tests of that
              name only

SLIPWAY_LAB_DIR is the folder everything is kept in (default: slipway-lab in the user's cache folder).
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:])
	if code := exitCode(0); errors.As(err, &code) {
		os.Exit(int(code))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	if args[0] == unpackCommand {
		return unpack(ctx, args[1:])
	}
	lab, err := open()
	if err != nil {
		return err
	}
	switch command, rest := args[0], args[1:]; command {
	case "up":
		if err := lab.up(ctx); err != nil {
			return err
		}
		return lab.printEnv()
	case "env":
		return lab.printEnv()
	case "status":
		return lab.status()
	case "logs":
		return lab.logs(rest)
	case "down":
		return lab.down()
	case "shop":
		return lab.shop(rest)
	case "seed":
		return lab.seedCommand(ctx, rest)
	case "look":
		return lab.look(ctx, rest)
	case "demo":
		return lab.demo(ctx)
	case "bench":
		return lab.benchCommand(ctx, rest)
	case "prove":
		return lab.prove(ctx, rest)
	case "cosign":
		return lab.cosign(ctx)
	case "crash":
		return lab.crash(ctx, rest)
	case "simulate":
		return lab.inRepo(ctx, "go", append([]string{"run", "./stages/release/simulation/simulate"}, rest...)...)
	case "plain":
		_, err := lab.testPlain(ctx)
		return err
	case "test":
		return lab.test(ctx, rest)
	case engineNamespace:
		return lab.runEngine()
	case serverNamespace:
		return lab.runServer(rest)
	case "help", "-h", "--help":
		fmt.Print(usage)
		return nil
	default:
		return fmt.Errorf("no command %q\n%s", command, usage)
	}
}
