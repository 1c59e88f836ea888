package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// program is a web application that ends as good ones do: no new connections, and those that it has to their end.
const program = `
import http.server, os, signal, threading, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(0.03)
        self.send_response(503 if os.environ.get("UNHEALTHY") else 200)
        self.end_headers()
        self.wfile.write(os.environ["VERSION"].encode())
    def log_message(self, *args): pass
class Server(http.server.ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128
print("oh no, nothing works" if os.environ.get("UNHEALTHY") else "ready", flush=True)
server = Server(("", 8000), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
if "CRASH" in os.environ:
    threading.Timer(float(os.environ["CRASH"]), lambda: os._exit(3)).start()
server.serve_forever()
server.server_close()
`

// proxied is an application as most are: nobody but the proxy publishes a port, and nobody has labelled that.
const proxied = `
name: %[1]s
services:
  proxy:
    image: %[2]s/library/nginx:1.26
    restart: unless-stopped
    command: [nginx, -g, "daemon off;"]
    ports: ["8080"]
    stop_grace_period: 1s
    volumes: ["./nginx.conf:/etc/nginx/nginx.conf:ro"]
    depends_on: {app: {condition: service_healthy}}
  app:
    image: ${REGISTRY}/app:${VERSION}
    restart: unless-stopped
    init: true
    depends_on: {migrate: {condition: service_completed_successfully}}
    healthcheck:
      test: [CMD, python3, -c, "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health')"]
      interval: 1s
      retries: 1
      start_period: 2s
      start_interval: 300ms
  migrate:
    image: ${REGISTRY}/app:${VERSION}
    command: [sh, -c, 'exit $${MIGRATION:-0}']
`

const proxyConf = `
events {}
http {
    access_log off;
    upstream app { server app:8000; }
    server {
        listen 8080;
        location / {
            proxy_pass http://app;
            proxy_connect_timeout 1s;
        }
    }
}
`

// served is an application behind a proxy, which a client asks all the time.
type served struct {
	*application
	registry string
	clients  sync.WaitGroup
	good     atomic.Int64
	bad      atomic.Int64
	last     atomic.Value
	versions sync.Map
}

func newServed(t *testing.T) *served {
	t.Helper()
	s := &served{application: newApplication(t), registry: path.Join(os.Getenv("SLIPWAY_LAB_REGISTRY"), "test-rollout-"+strings.ToLower(rand.Text()[:8]))}
	s.env.ComposeFile, s.env.Pace.Steady = "compose.yml", 5*time.Second
	return s
}

// version makes the images of one, different from others by its environment.
func (s *served) version(t *testing.T, version string, env ...string) Release {
	t.Helper()
	ref, err := name.ParseReference(os.Getenv("SLIPWAY_LAB_REGISTRY") + "/library/python:3.13-slim")
	if err != nil {
		t.Fatal(err)
	}
	base, err := remote.Image(ref)
	if err != nil {
		t.Fatal(err)
	}
	about, err := base.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config := about.Config
	config.Env = slices.Concat(config.Env, []string{"VERSION=" + version}, env)
	config.Entrypoint, config.Cmd = nil, []string{"python3", "-c", program}
	made, err := mutate.Config(base, config)
	if err != nil {
		t.Fatal(err)
	}
	where, err := name.NewTag(s.registry + "/app:" + version)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(where, made); err != nil {
		t.Fatal(err)
	}
	digest, err := made.Digest()
	if err != nil {
		t.Fatal(err)
	}
	file := fmt.Sprintf(proxied, s.project(), os.Getenv("SLIPWAY_LAB_REGISTRY"))
	return Release{
		Version: version, Commit: "c", By: "ann", Images: []Image{{Name: "app", Repository: s.registry + "/app", Digest: digest.String()}},
		Compose: []byte(file), Tree: commit(map[string]string{"compose.yml": file, "nginx.conf": proxyConf}),
	}
}

// ask asks fifty times a second until the test ends.
func (s *served) ask(t *testing.T) {
	t.Helper()
	port := strings.TrimSpace(s.sh(t, `docker port "$1-proxy-1" 8080 | head -n 1 | sed 's/.*://'`, s.project()))
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	ctx, stop := context.WithCancel(t.Context())
	s.clients.Go(func() {
		for tick := time.NewTicker(20 * time.Millisecond); ctx.Err() == nil; <-tick.C {
			s.clients.Go(func() { s.once(client, "http://"+s.target.Host+":"+port+"/") })
		}
	})
	t.Cleanup(func() { stop(); s.clients.Wait() })
}

func (s *served) once(client *http.Client, address string) {
	response, err := client.Get(address)
	if err == nil {
		defer response.Body.Close()
		var text []byte
		if text, err = io.ReadAll(response.Body); err == nil && response.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s %s", response.Status, text)
		}
		s.versions.Store(string(text), true)
	}
	if err != nil {
		s.bad.Add(1)
		s.last.Store(time.Now().Format("15:04:05.000 ") + err.Error())
		return
	}
	s.good.Add(1)
}

// TestDeployWithoutAGap changes what runs twenty times under a client that asks all the time, for good and in vain.
func TestDeployWithoutAGap(t *testing.T) {
	t.Parallel()
	s := newServed(t)
	if _, err := Deploy(t.Context(), s.env, s.version(t, "1.0.0")); err != nil {
		t.Fatal(err)
	}
	s.ask(t)
	left := map[string]string{"UNHEALTHY=1": "app is unhealthy", "CRASH=1.5": "app ends again after each start", "MIGRATION=1": "the migration failed"}
	for n, how := range strings.Fields("good good UNHEALTHY=1 CRASH=1.5 back good MIGRATION=1 good CRASH=1.5 good back UNHEALTHY=1 good good good back CRASH=1.5 good good") {
		var err error
		switch how {
		case "back":
			_, err = Rollback(t.Context(), s.env, Back{By: "ann", Reason: strconv.Itoa(n), SchemaAhead: true, Exists: func(context.Context, string) (bool, error) { return true, nil }})
		default:
			_, err = Deploy(t.Context(), s.env, s.version(t, fmt.Sprintf("1.0.%d", n+1), how))
		}
		f := new(Failure)
		if why := left[how]; errors.As(err, &f) != (why != "") || !strings.Contains(message(err), why) || why != "" && !strings.Contains(f.Found, "was never stopped and still runs") {
			t.Errorf("%d, %s: %v", n+1, how, err)
		}
	}
	good, bad := s.good.Load(), s.bad.Load()
	t.Logf("20 deployments and rollbacks: %d answers, %d failed", good, bad)
	if bad > 0 || good < 2000 {
		t.Errorf("the last that failed: %v", s.last.Load())
	}
	if _, seen := s.versions.Load("1.0.19"); !seen {
		t.Error("the last version never answered")
	}
	if _, seen := s.versions.Load("1.0.3"); seen {
		t.Error("a version that never was healthy has answered")
	}
}
