package server

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
)

// behaviour is how the containers of an image behave. Without one they run for ever, and have no health check.
type behaviour struct {
	healthyAfter   time.Duration // it has a health check, which is good after so long
	unhealthyAfter time.Duration // it has a health check, which gives up after so long
	endsAfter      time.Duration // it ends by itself after so long
	endCode        int
	stopsAfter     time.Duration // what it takes to stop when asked to
	log            string
	exposes        []string // ports, such as 8000/tcp
	entrypoint     []string // of its image, as the next ones
	command        []string
	startPeriod    time.Duration                 // of its health check
	interval       time.Duration                 // likewise
	writes         bool                          // a row each 20 ms while it runs and a database does
	database       bool                          // it is the database, and has its programs
	work           func(*database) (string, int) // what it does before it ends: its output and its exit code
}

// never is a health check that is never good, and that never gives up either.
const never = time.Hour

// database is the one of the server, whichever container runs it.
type database struct {
	schema []string // statements
	rows   []string
	breaks error // half way through the next dump or restore
	torn   bool  // two of its containers have written to one volume
}

// fakeImage is an image, in the registry or on the server.
type fakeImage struct {
	id, repository, tag, digest string
	own                         string   // its name among the application's own; empty: it is somebody else's
	tags                        []string // on the server, as Docker calls them
	built                       bool     // on the server itself, so that it has no digest
	does                        behaviour
	as                          map[string]behaviour // by service
}

// service says how the image behaves as a service, where that differs.
func (i *fakeImage) service(name string, b behaviour) *fakeImage { i.as[name] = b; return i }

func (i *fakeImage) short() string { return path.Base(i.repository) + ":" + i.tag }

// dockerd plays Docker.
type dockerd struct {
	root, socket   string
	shop           string // where the application's own images are
	cutConnections func()
	versions       struct{ docker, compose string }

	mu         sync.Mutex
	registry   []*fakeImage
	offline    bool                  // the registry does not answer
	login      string                // user:password that the registry insists on
	images     map[string]*fakeImage // by id
	containers []*fakeContainer
	networks   map[string]map[string]string // their labels
	volumes    map[string]map[string]string
	db         database
	journal    []line
	faults     []*fault
	made       int // containers so far
}

func startDockerd(t testing.TB, root string) *dockerd {
	t.Helper()
	d := &dockerd{root: root, socket: root + "/docker.sock", shop: "registry.example.com/shop", images: map[string]*fakeImage{}, networks: map[string]map[string]string{}, volumes: map[string]map[string]string{}}
	d.versions.docker, d.versions.compose = "28.2.2", "2.36.2"
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: d.socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.AcceptUnix()
			if err != nil {
				return
			}
			go d.answer(conn)
		}
	}()
	return d
}

// answer takes a client's arguments and files, and tells it how to end.
func (d *dockerd) answer(conn *net.UnixConn) {
	defer conn.Close()
	rights := make([]byte, syscall.CmsgSpace(3*4))
	_, n, _, _, err := conn.ReadMsgUnix(make([]byte, 1), rights)
	if err != nil {
		return
	}
	messages, err := syscall.ParseSocketControlMessage(rights[:n])
	if err != nil || len(messages) != 1 {
		return
	}
	files, err := syscall.ParseUnixRights(&messages[0])
	if err != nil || len(files) != 3 {
		return
	}
	c := &call{stdin: os.NewFile(uintptr(files[0]), "stdin"), stdout: os.NewFile(uintptr(files[1]), "stdout"), stderr: os.NewFile(uintptr(files[2]), "stderr")}
	defer func() { c.stdin.Close(); c.stdout.Close(); c.stderr.Close() }()
	input := bufio.NewReader(conn)
	if err := json.NewDecoder(input).Decode(c); err != nil {
		return
	}
	var cancel context.CancelFunc
	c.ctx, cancel = context.WithCancel(context.Background())
	defer cancel()
	go func() { _, _ = io.Copy(io.Discard, conn); cancel() }()
	_ = json.NewEncoder(conn).Encode(d.run(c))
}

// run plays one command to its end.
func (d *dockerd) run(c *call) int {
	l := line{time.Now(), c.Args}
	d.mu.Lock()
	d.journal = append(d.journal, l)
	hook := d.fault(l)
	d.mu.Unlock()
	err := error(nil)
	if hook != nil {
		err = hook(d, c)
	}
	if err == nil {
		d.mu.Lock()
		d.settle()
		err = d.command(c)
		d.mu.Unlock()
	}
	if err == nil {
		return 0
	}
	if err.Error() != "" {
		c.tell("%s", err)
	}
	if e := new(ending); errors.As(err, &e) {
		return e.code
	}
	return 1
}

func (d *dockerd) command(c *call) error {
	switch c.Args[0] {
	case "docker":
		return d.docker(c, c.Args[1:])
	default:
		return d.program(c)
	}
}

// wait lets others go on for a moment; it fails when the client is gone.
func (d *dockerd) wait(c *call, moment time.Duration) error {
	d.mu.Unlock()
	select {
	case <-time.After(moment):
	case <-c.ctx.Done():
	}
	d.mu.Lock()
	d.settle()
	return c.ctx.Err()
}

func sum256(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }

// image puts a version of one of the application's own images into the registry.
func (d *dockerd) image(own, version string, does behaviour) *fakeImage {
	i := d.public(d.shop+"/"+own+":"+version, does)
	i.own = own
	return i
}

// public puts somebody else's image into the registry, such as postgres:17.
func (d *dockerd) public(ref string, does behaviour) *fakeImage {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := newImage(ref, does)
	d.registry = append(d.registry, i)
	return i
}

// built puts an image on the server that was built there, under a name such as app-backend:latest.
func (d *dockerd) built(ref string, does behaviour) *fakeImage {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := newImage(ref, does)
	i.id, i.built, i.tags = "sha256:"+sum256("built "+ref), true, []string{familiar(i.repository) + ":" + i.tag}
	d.images[i.id] = i
	return i
}

func newImage(ref string, does behaviour) *fakeImage {
	if does.database {
		does.exposes = append(does.exposes, "5432/tcp")
	}
	repository, tag := splitTag(ref)
	return &fakeImage{id: "sha256:" + sum256(ref), repository: repositoryOf(repository), tag: tag, digest: "sha256:" + sum256("manifest of "+ref), does: does, as: map[string]behaviour{}}
}

func splitTag(ref string) (repository, tag string) {
	if at := strings.LastIndex(ref, ":"); at > strings.LastIndex(ref, "/") {
		return ref[:at], ref[at+1:]
	}
	return ref, "latest"
}

// set changes what is said of Docker or its registry while it may be at work.
func (d *dockerd) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

// private makes the registry insist on a login.
func (d *dockerd) private(user, password string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.login = user + ":" + password
}

func (d *dockerd) imagesOf(version string) (all []Image) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, i := range d.registry {
		if i.own != "" && i.tag == version {
			all = append(all, Image{Name: i.own, Repository: d.shop + "/" + i.own, Digest: i.digest, Size: 1})
		}
	}
	return all
}

func (d *dockerd) hasDatabase() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.ContainsFunc(d.registry, func(i *fakeImage) bool { return i.does.database })
}

func (d *dockerd) inRegistry(ref string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.offered(ref) != nil
}

// gone takes an image out of the registry.
func (d *dockerd) gone(ref string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.registry = slices.DeleteFunc(d.registry, func(i *fakeImage) bool { return i == d.offered(ref) })
}

// offered is what the registry has under a reference.
func (d *dockerd) offered(ref string) *fakeImage {
	parsed, err := name.ParseReference(ref)
	if err != nil {
		return nil
	}
	for _, i := range slices.Backward(d.registry) {
		if i.repository == parsed.Context().Name() && (i.tag == parsed.Identifier() || i.digest == parsed.Identifier()) {
			return i
		}
	}
	return nil
}

// familiar is how Docker calls a repository: without the parts that Docker Hub adds.
func familiar(repository string) string {
	short := strings.TrimPrefix(repository, "index.docker.io/")
	return strings.TrimPrefix(short, "library/")
}

// local is an image that the server has: by a reference, or by its id or the start of that.
func (d *dockerd) local(ref string) *fakeImage {
	if i := d.images[ref]; i != nil {
		return i
	}
	if parsed, err := name.ParseReference(ref); err == nil {
		for _, i := range d.images {
			tag := familiar(parsed.Context().Name()) + ":" + parsed.Identifier()
			if slices.Contains(i.tags, tag) || !i.built && i.repository == parsed.Context().Name() && i.digest == parsed.Identifier() {
				return i
			}
		}
	}
	for id, i := range d.images {
		if len(ref) >= 12 && strings.HasPrefix(strings.TrimPrefix(id, "sha256:"), strings.TrimPrefix(ref, "sha256:")) {
			return i
		}
	}
	return nil
}

// pull gets an image from the registry, as the login in the folder of Docker's configuration lets it.
func (d *dockerd) pull(config, ref string) error {
	if d.offline {
		return ends(1, "Error response from daemon: Get \"https://%s/v2/\": dial tcp: connect: connection refused", strings.Split(d.shop, "/")[0])
	}
	if d.login != "" && strings.HasPrefix(repositoryOf(ref), d.shop+"/") && !d.loggedIn(config) {
		return ends(1, "Error response from daemon: Head \"https://%s/v2/\": no basic auth credentials", strings.Split(d.shop, "/")[0])
	}
	i := d.offered(ref)
	if i == nil {
		return ends(1, "Error response from daemon: manifest for %s not found: manifest unknown: manifest unknown", ref)
	}
	d.images[i.id] = i
	if tag := familiar(i.repository) + ":" + i.tag; !strings.Contains(ref, "@") && !slices.Contains(i.tags, tag) {
		d.untag(tag)
		i.tags = append(i.tags, tag)
	}
	return nil
}

func (d *dockerd) untag(tag string) {
	for _, i := range d.images {
		i.tags = slices.DeleteFunc(i.tags, func(one string) bool { return one == tag })
	}
}

func (d *dockerd) loggedIn(config string) bool {
	text, err := os.ReadFile(config + "/config.json")
	if err != nil {
		return false
	}
	var file struct {
		Auths map[string]struct{ Auth []byte }
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return false
	}
	return string(file.Auths[strings.Split(d.shop, "/")[0]].Auth) == d.login
}
