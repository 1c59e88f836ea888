package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	fewImages  = 10
	manyImages = 30

	fewCommits  = 1000
	manyCommits = 5000

	deployVersion = "1.2.3"
	composeFile   = "docker-compose.prod.ip.yml"
	proxyFile     = "proxy/nginx.conf"
)

// prepare makes the repositories and the release that all rounds use.
func (b *bench) prepare(ctx context.Context) error {
	if err := os.Mkdir(b.empty(), 0o755); err != nil {
		return err
	}
	for name, text := range emptyModule {
		if err := os.WriteFile(filepath.Join(b.empty(), name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	for _, commits := range []int{fewCommits, manyCommits} {
		if err := longHistory(b.history(commits), commits); err != nil {
			return err
		}
	}
	progressf("a release to deploy")
	released := filepath.Join(b.dir, "released")
	if err := b.lab.newShop(released); err != nil {
		return err
	}
	_, err := b.command(ctx, released, b.deployable("release", "--version="+deployVersion)...)
	return err
}

func (b *bench) history(commits int) string {
	return filepath.Join(b.dir, fmt.Sprintf("history-%d", commits))
}

// longHistory makes a repository whose commits are many, and small.
func longHistory(dir string, commits int) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if err := git(dir, nil, "init", "-q", "-b", "main"); err != nil {
		return err
	}
	kinds := []string{"feat: show the order's weight", "fix(cart): round once", "docs: say when it is shipped", "test: an empty cart", "chore: newer tools"}
	var stream bytes.Buffer
	for n := range commits {
		message := fmt.Sprintf("%s, part %d (#%d)", kinds[n%len(kinds)], n, n+1)
		fmt.Fprintf(&stream, "commit refs/heads/main\ncommitter Bench <bench@example.com> %d +0000\ndata %d\n%s\n", firstCommit.Unix()+int64(n), len(message), message)
		text := fmt.Sprintf("%d\n", n)
		fmt.Fprintf(&stream, "M 100644 inline README.md\ndata %d\n%s\n", len(text), text)
	}
	cmd := gitCommand(dir, "fast-import", "--quiet")
	cmd.Stdin = &stream
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git fast-import: %w: %s", err, out)
	}
	return git(dir, nil, "reset", "-q", "--hard")
}

func (b *bench) changelogs(ctx context.Context, _ int) error {
	for name, commits := range map[string]int{changelog1000: fewCommits, changelog5000: manyCommits} {
		dir := b.history(commits)
		if err := b.timed(ctx, name, dir, b.call("--source="+dir, "--images=", "changelog")...); err != nil {
			return err
		}
	}
	return nil
}

// manyImages times a dry run of a repository with many images. Its tests and locks are the sample application's, and from
// the cache, so that what is measured is the images.
func (b *bench) manyImages(ctx context.Context, n int) error {
	dir := filepath.Join(b.dir, "images")
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := b.lab.newShop(dir); err != nil {
		return err
	}
	for at, count := range []int{fewImages, manyImages} {
		setting, err := writeServices(dir, count, fmt.Sprintf("%s %d %d", b.stamp, n, count))
		if err != nil {
			return err
		}
		// Both start from an engine that knows everything but the images.
		if _, err := b.command(ctx, dir, b.slipway(dir, append([]string{"--images=backend=backend"}, dryRun(n)...)...)...); err != nil {
			return err
		}
		name := []string{images10, images30}[at]
		if err := b.timed(ctx, name, dir, b.slipway(dir, append([]string{"--images=" + setting}, dryRun(n)...)...)...); err != nil {
			return err
		}
	}
	return nil
}

// writeServices writes folders that are built into an image each, and names them in the form of the setting images.
func writeServices(dir string, count int, text string) (setting string, err error) {
	var all []string
	for n := range count {
		name := fmt.Sprintf("service-%d", n)
		folder := filepath.Join(dir, "services", name)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return "", err
		}
		files := map[string]string{
			"Dockerfile": "FROM python:3.13-slim\nCOPY main.py /app/main.py\nUSER 10001:10001\nCMD [\"python\", \"/app/main.py\"]\n",
			"main.py":    fmt.Sprintf("print(%q)\n", name+" "+text),
		}
		for file, text := range files {
			if err := os.WriteFile(filepath.Join(folder, file), []byte(text), 0o644); err != nil {
				return "", err
			}
		}
		all = append(all, name+"=services/"+name)
	}
	return strings.Join(all, ", "), commit(dir, "feat: services")
}

// deployable is a call with everything that a deployment needs to know.
func (b *bench) deployable(args ...string) []string {
	return b.call(append([]string{"--source=" + filepath.Join(b.dir, "released"), "--registry=" + b.images()}, args...)...)
}

func (b *bench) images() string { return registryHost + "/bench-" + b.stamp }

// benchSites is what the names of a bench's folders on the servers begin with.
const benchSites = "bench-"

// deployments times a first deployment, and the same by hand in another folder of the same server, which has pulled the
// images before either.
func (b *bench) deployments(ctx context.Context, n int) error {
	known, err := os.ReadFile(b.lab.path("ssh", "known_hosts"))
	if err != nil {
		return err
	}
	byHand := staging.site(fmt.Sprintf("%s%s-%d-by-hand", benchSites, b.stamp, n))
	if _, err := b.composeUp(ctx, byHand); err != nil {
		return err
	}
	seconds, err := b.composeUp(ctx, byHand)
	if err != nil {
		return err
	}
	b.samples.add(composeByHand, seconds)
	bySlipway := staging.site(fmt.Sprintf("%s%s-%d", benchSites, b.stamp, n))
	if err := bySlipway.prepare(ctx, b.lab); err != nil {
		return err
	}
	return b.timed(ctx, deployment, b.dir, b.deployable(
		"--staging="+bySlipway.setting(), "--ssh-key=file://"+b.lab.path("ssh", "deploy"), "--known-hosts="+string(known), "--health-url="+bySlipway.address(),
		"deploy", "--environment=staging", "--version="+deployVersion)...)
}

// composeUp starts the application anew, and returns the seconds that compose needs for it.
func (b *bench) composeUp(ctx context.Context, s site) (float64, error) {
	if err := s.prepare(ctx, b.lab); err != nil {
		return 0, err
	}
	for _, name := range []string{composeFile, proxyFile} {
		file, err := os.ReadFile(filepath.Join(b.dir, "released", name))
		if err != nil {
			return 0, err
		}
		write := fmt.Sprintf("mkdir -p \"$(dirname \"$1/$2\")\"; cat > \"$1/$2\" <<'END OF FILE'\n%s\nEND OF FILE\n", file)
		if err := b.lab.shell(ctx, s.server, write, s.dir, name); err != nil {
			return 0, err
		}
	}
	start := time.Now()
	const up = `cd "$1"; export REGISTRY="$3" VERSION="$4"; docker compose -f "$2" pull -q; docker compose -f "$2" up -d --wait`
	if err := b.lab.shell(ctx, s.server, up, s.dir, composeFile, b.images(), deployVersion); err != nil {
		return 0, err
	}
	return time.Since(start).Seconds(), nil
}
