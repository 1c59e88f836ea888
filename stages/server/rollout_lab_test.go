package server

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"slices"
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
        bad = self.path == "/health" and os.environ.get("UNHEALTHY")
        self.send_response(503 if bad else 200)
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
  app:
    image: ${REGISTRY}/app:${VERSION}
    restart: unless-stopped
    init: true
    depends_on: {migrate: {condition: service_completed_successfully}}
    healthcheck:
      test: [CMD, python3, -c, "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health')"]
      interval: 2s
      retries: 1
      start_period: 3s
      start_interval: 300ms
  worker:
    image: ${REGISTRY}/app:${VERSION}
    restart: unless-stopped
    init: true
    container_name: %[1]s-worker
    command: [python3, -c, "import signal,time; signal.signal(signal.SIGTERM, lambda *_: exit(0)); time.sleep(1e6)"]
  migrate:
    image: ${REGISTRY}/app:${VERSION}
    command: [sh, -c, 'exit $${MIGRATION:-0}']
`

const proxyConf = `
events {}
http {
    access_log off;
    resolver 127.0.0.11 valid=1s;
    server {
        listen 8080;
        location / {
            set $app app;
            proxy_pass http://$app:8000;
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
	s.env.ComposeFile = "compose.yml"
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
	file, err := base.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config := file.Config
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
	file2 := fmt.Sprintf(proxied, s.project(), os.Getenv("SLIPWAY_LAB_REGISTRY"))
	return Release{
		Version: version, Commit: "c", By: "ann", Images: []Image{{Name: "app", Repository: s.registry + "/app", Digest: digest.String()}},
		Compose: []byte(file2), Tree: commit(map[string]string{"compose.yml": file2, "nginx.conf": proxyConf}),
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

// TestDeployWithoutAGap deploys twenty times under a client that asks all the time.
func TestDeployWithoutAGap(t *testing.T) {
	s := newServed(t)
	deploy := func(version string, env ...string) error {
		start := time.Now()
		_, err := Deploy(t.Context(), s.env, s.version(t, version, env...))
		t.Logf("%s %v: %v, %d bad: %v", version, env, time.Since(start).Round(100*time.Millisecond), s.bad.Load(), err)
		return err
	}
	if err := deploy("1.0.0"); err != nil {
		t.Fatal(err)
	}
	s.ask(t)
	for n := range 19 {
		version := fmt.Sprintf("1.0.%d", n+1)
		var err error
		want := ""
		switch n % 5 {
		case 1:
			err, want = deploy(version, "UNHEALTHY=1"), "oh no"
		case 2:
			err, want = deploy(version, "CRASH=4"), ""
		case 3:
			err, want = deploy(version, "MIGRATION=1"), ""
		case 4:
			_, err = Rollback(t.Context(), s.env, Back{Exists: func(context.Context, string) (bool, error) { return true, nil }, By: "ann", Reason: version})
			t.Logf("rollback: %d bad: %v", s.bad.Load(), err)
		default:
			err = deploy(version)
		}
		_ = want
	}
	if good, bad := s.good.Load(), s.bad.Load(); bad > 0 || good < 1000 {
		t.Errorf("20 deployments: %d answers, %d failed, the last: %v", good, bad, s.last.Load())
	}
}
