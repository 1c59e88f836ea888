package server

import (
	"bufio"
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

	"context"

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
	writes         bool                          // a row each 20 ms while it runs and a database does
	database       bool                          // it is the database
	exposes        []string                      // ports such as 6379/tcp; a database's is there anyway
	work           func(*database) (string, int) // what it does before it ends: its output and its exit code
}

// never is a health check that is never good, and that never gives up either.
const never = time.Hour

// database is the one of the server, whichever container runs it.
type database struct {
	schema []string // statements
	rows   []string
	breaks error // half way through the next dump or restore
}

// pulled is an image, in the registry or on the server.
type pulled struct {
	id, repository, tag, digest string
	tags                        []string // on the server, as Docker calls them
	built                       bool     // on the server itself, so that it has no digest
	does                        behaviour
	as                          map[string]behaviour // by service
}

// as is how a service's containers of the image behave, where that differs.
func (i *pulled) service(name string, b behaviour) *pulled { i.as[name] = b; return i }

func (i *pulled) ref() string { return i.repository + "@" + i.digest }

func (i *pulled) short() string { return path.Base(i.repository) + ":" + i.tag }

// dockerd plays Docker.
type dockerd struct {
	root, socket   string
	shop           string // where the application's own images are
	cutConnections func()

	mu         sync.Mutex
	registry   []*pulled
	login      string             // user:password that the registry insists on
	images     map[string]*pulled // by id
	containers []*kept
	networks   map[string]map[string]string // their labels
	volumes    map[string]map[string]string
	db         database
	journal    []line
	faults     []*fault
	made       int // containers so far
}

func startDockerd(t testing.TB, root string) *dockerd {
	t.Helper()
	d := &dockerd{root: root, socket: root + "/docker.sock", shop: "registry.example.com/shop", images: map[string]*pulled{}, networks: map[string]map[string]string{}, volumes: map[string]map[string]string{}}
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

// image puts an image into the registry. One of the application's own has a plain name, others are called as in compose files.
func (d *dockerd) image(repository, tag string, does behaviour) *pulled {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !strings.Contains(repository, "/") && slices.Contains(ownNames, repository) {
		repository = d.shop + "/" + repository
	}
	repository = repositoryOf(repository)
	i := &pulled{id: "sha256:" + sum256(repository+tag), repository: repository, tag: tag, digest: "sha256:" + sum256("manifest "+repository+tag), does: does, as: map[string]behaviour{}}
	d.registry = append(d.registry, i)
	return i
}

// ownNames are what the application of the tests is made of.
var ownNames = []string{"backend", "frontend", "worker", "migrate"}

// built puts an image on the server that was built there.
func (d *dockerd) built(tag string, does behaviour) *pulled {
	d.mu.Lock()
	defer d.mu.Unlock()
	repository, tag := splitTag(tag)
	i := &pulled{id: "sha256:" + sum256("built "+repository+tag), repository: repositoryOf(repository), tag: tag, built: true, does: does, as: map[string]behaviour{}}
	i.tags = []string{familiar(i.repository) + ":" + tag}
	d.images[i.id] = i
	return i
}

func splitTag(ref string) (repository, tag string) {
	if at := strings.LastIndex(ref, ":"); at > strings.LastIndex(ref, "/") {
		return ref[:at], ref[at+1:]
	}
	return ref, "latest"
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
		if base, ok := strings.CutPrefix(i.repository, repositoryOf(d.shop + "/x")[:len(repositoryOf(d.shop+"/x"))-1]); ok && i.tag == version {
			all = append(all, Image{Name: base, Repository: d.shop + "/" + base, Digest: i.digest, Size: 1})
		}
	}
	return all
}

func (d *dockerd) hasDatabase() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.ContainsFunc(d.registry, func(i *pulled) bool { return i.does.database })
}

func (d *dockerd) inRegistry(ref string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.offered(ref) != nil
}

// withdraw takes an image out of the registry.
func (d *dockerd) gone(ref string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.registry = slices.DeleteFunc(d.registry, func(i *pulled) bool { return i == d.offered(ref) })
}

// offered is what the registry has under a reference.
func (d *dockerd) offered(ref string) *pulled {
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
func (d *dockerd) local(ref string) *pulled {
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
	if d.login != "" && strings.HasPrefix(repositoryOf(ref), d.shop) && !d.loggedIn(config) {
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
