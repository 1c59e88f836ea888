package server

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"
)

// minCompose is the first docker compose with `pull --policy`.
const minCompose = "2.22.0"

// spareDisk stays free besides what is pulled; an unpacked image is about three times what is pulled.
const (
	spareDisk = 256 << 20
	unpacked  = 3
)

// check finds out whether the server can do what is going to be asked of it. It changes nothing.
func (c *Conn) check(ctx context.Context, r Release) error {
	if err := c.checkFolder(ctx); err != nil {
		return err
	}
	root, err := c.checkDocker(ctx)
	if err != nil {
		return err
	}
	if err := c.checkCompose(ctx); err != nil {
		return err
	}
	return c.checkDisk(ctx, root, r)
}

func (c *Conn) checkFolder(ctx context.Context) error {
	_, err := c.run(ctx, command{plain: true, args: []string{"sh", "-c", `test -d "$1" && test -w "$1"`, "sh", c.target.Dir}})
	if exit := new(exitError); errors.As(err, &exit) {
		return fmt.Errorf("%s on %s is no folder that %s may write to: make it with mkdir and chown", c.target.Dir, c.target.Host, c.target.User)
	}
	return err
}

// checkDocker returns where Docker keeps its images.
func (c *Conn) checkDocker(ctx context.Context) (string, error) {
	text, err := c.run(ctx, command{args: []string{"docker", "info", "--format", "{{.DockerRootDir}}"}})
	if exit := new(exitError); errors.As(err, &exit) {
		return "", c.dockerError(exit.output)
	}
	return strings.TrimSpace(text), err
}

func (c *Conn) dockerError(output string) error {
	if isPodman(output) {
		return c.podmanError()
	}
	return fmt.Errorf("docker does not work for %s on %s (is the user in the group docker?): %s", c.target.User, c.target.Host, output)
}

func isPodman(output string) bool { return strings.Contains(strings.ToLower(output), "podman") }

func (c *Conn) podmanError() error {
	return fmt.Errorf("docker on %s is Podman in Docker's place: expected Docker's own engine with its plugin docker compose, %s or newer", c.target.Host, minCompose)
}

func (c *Conn) checkCompose(ctx context.Context) error {
	text, err := c.run(ctx, command{args: []string{"docker", "compose", "version", "--short"}})
	if exit := new(exitError); errors.As(err, &exit) {
		return fmt.Errorf("docker compose does not work on %s: install its plugin, %s or newer", c.target.Host, minCompose)
	}
	if err != nil {
		return err
	}
	return c.checkVersion(text)
}

func (c *Conn) checkVersion(text string) error {
	if isPodman(text) {
		return c.podmanError()
	}
	found, ok := versionIn(text)
	if !ok || found.LessThan(semver.MustParse(minCompose)) {
		return fmt.Errorf("expected docker compose %s or newer on %s, found %q", minCompose, c.target.Host, strings.TrimSpace(text))
	}
	return nil
}

// composePattern is a version at the beginning: what distributions add behind it is no SemVer.
var composePattern = regexp.MustCompile(`^(?:Docker Compose version )?v?(\d+\.\d+\.\d+)(?:[^.\d]|\z)`)

func versionIn(text string) (*semver.Version, bool) {
	match := composePattern.FindStringSubmatch(strings.TrimSpace(text))
	if match == nil {
		return nil, false
	}
	found, err := semver.StrictNewVersion(match[1])
	return found, err == nil
}

func (c *Conn) checkDisk(ctx context.Context, root string, r Release) error {
	need := int64(spareDisk)
	for _, i := range r.Images {
		need += unpacked * i.Size
	}
	text, err := c.run(ctx, command{args: []string{"df", "-Pk", root}})
	if err != nil {
		return err
	}
	fields := strings.Fields(lastLine(text))
	if len(fields) < 4 {
		return fmt.Errorf("df on the server has answered %q", text)
	}
	free, err := strconv.ParseInt(fields[3], 10, 64)
	if err != nil {
		return fmt.Errorf("df on the server has answered %q", text)
	}
	if free<<10 < need {
		return fmt.Errorf("expected %d MiB free in %s on %s, found %d MiB: remove old images there (docker image prune)", need>>20, root, c.target.Host, free>>10)
	}
	return nil
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// dockerConfig is what docker login would write, without the login.
func (r Registry) dockerConfig() ([]byte, error) {
	host := r.Host
	if host == "docker.io" || host == "index.docker.io" {
		host = "https://index.docker.io/v1/" // under no other name does docker look for Docker Hub
	}
	auth := base64.StdEncoding.EncodeToString([]byte(r.User + ":" + r.Token))
	return json.Marshal(map[string]any{"auths": map[string]any{host: map[string]string{"auth": auth}}})
}
