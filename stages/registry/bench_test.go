package registry

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"dagger/slipway/stages/labtest"
	"dagger/slipway/stages/retry"
)

const (
	manifestUnknown = `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}`
	denied          = `{"errors":[{"code":"DENIED","message":"requested access is denied"}]}`
	revisionLabel   = "org.opencontainers.image.revision"
	versionLabel    = "org.opencontainers.image.version"
)

// bench is a registry, a fault-making proxy in front of it, and a client that goes through the proxy.
type bench struct {
	*labtest.Proxy
	client *Client
	direct string // the prefix without the proxy
	waits  []time.Duration
}

// eachRegistry runs a test against a registry in the test's own process and against the lab's.
func eachRegistry(t *testing.T, test func(*testing.T, *bench)) {
	t.Run("in process", func(t *testing.T) { test(t, inProcess(t)) })
	t.Run("lab", func(t *testing.T) { test(t, newBench(t, labtest.Registry(t))) })
}

func inProcess(t *testing.T) *bench {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	return newBench(t, server.Listener.Addr().String())
}

// newBench works below a prefix of its own, so that tests do not meet in a lasting registry.
func newBench(t *testing.T, target string) *bench {
	t.Helper()
	path := "/test-" + strings.ToLower(rand.Text())
	b := &bench{Proxy: labtest.NewProxy(t, target), direct: target + path}
	b.client = b.connect(t, b.Addr()+path, Auth{})
	return b
}

func (b *bench) connect(t *testing.T, prefix string, auth Auth) *Client {
	t.Helper()
	// net/http itself repeats a request on a kept connection once, which would blur the counts.
	base := remote.DefaultTransport.(*http.Transport).Clone()
	base.DisableKeepAlives = true
	c, err := connect(prefix, auth, &retry.Transport{
		Base: base, RepeatWrites: true, TryTimeout: 5 * time.Second,
		Clock: b,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Now implements retry.Clock.
func (b *bench) Now() time.Time { return time.Now() }

// Sleep implements retry.Clock. It only writes down what was asked for.
func (b *bench) Sleep(ctx context.Context, d time.Duration) error {
	b.waits = append(b.waits, d)
	return ctx.Err()
}

// newImage makes an image with that revision; every call makes another one.
func newImage(t *testing.T, revision string) v1.Image {
	t.Helper()
	made, err := random.Image(16, 1)
	if err != nil {
		t.Fatal(err)
	}
	made, err = mutate.Config(made, v1.Config{Labels: map[string]string{revisionLabel: revision, versionLabel: "9.8.7"}})
	if err != nil {
		t.Fatal(err)
	}
	file, err := made.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	file.OS, file.Architecture = "linux", "amd64"
	if made, err = mutate.ConfigFile(made, file); err != nil {
		t.Fatal(err)
	}
	return made
}

// push puts a new image under the tags, past the proxy, and returns its digest.
func (b *bench) push(t *testing.T, image, revision string, tags ...string) string {
	t.Helper()
	made := newImage(t, revision)
	digest, err := made.Digest()
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range append([]string{"@" + digest.String()}, prefixed(":", tags)...) {
		if err := remote.Write(b.ref(t, image+ref), made); err != nil {
			t.Fatal(err)
		}
	}
	return digest.String()
}

func prefixed(prefix string, all []string) []string {
	var out []string
	for _, s := range all {
		out = append(out, prefix+s)
	}
	return out
}

func (b *bench) ref(t *testing.T, ref string) name.Reference {
	t.Helper()
	parsed, err := name.ParseReference(b.direct + "/" + ref)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// at returns what a tag points to, "" if it does not exist, past the proxy.
func (b *bench) at(t *testing.T, image, tag string) string {
	t.Helper()
	ref := b.ref(t, image+":"+tag)
	found, err := remote.Get(ref)
	if absent(err, ref.Context()) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return found.Digest.String()
}

// writes lists the writing requests as method, image and tag.
func (b *bench) writes() string {
	var all []string
	for _, r := range b.Writes() {
		m := regexp.MustCompile(`^/v2/[^/]+/([^/]+)/[^/]+/(.*)$`).FindStringSubmatch(r.Path)
		all = append(all, fmt.Sprintf("%s %s:%s", r.Method, m[1], m[2]))
	}
	return strings.Join(all, ", ")
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error lacks %q: %v", part, err)
		}
	}
}

func wantEqual[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}
