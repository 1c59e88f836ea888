package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
	"time"
)

// Server is a folder of the test's own on one of the lab's servers.
type Server struct {
	Dir  string
	Port int // of the frontend; the backend's is the next one
	at   string
	via  string // how Slipway reaches it, if not directly
}

// NewServer makes the folder, with an .env that gives the application its own ports, and removes all of it in the end.
func NewServer(t testing.TB, variable string, port int) Server {
	t.Helper()
	needEngine(t)
	at := os.Getenv(variable)
	switch {
	case at == "" && os.Getenv("CI") == "true":
		t.Fatal(variable + " is not set: start the lab")
	case at == "":
		t.Skip(variable + " is not set: start the lab")
	}
	s := Server{at: at, Dir: "/opt/e2e-" + strings.ToLower(rand.Text()[:10]), Port: port}
	s.Run(t, fmt.Sprintf("mkdir %s && printf 'FRONTEND_PORT=%d\nBACKEND_PORT=%d\n' > %s/.env", s.Dir, port, port+1, s.Dir))
	t.Cleanup(func() {
		s.try(fmt.Sprintf("docker ps -aq --filter label=com.docker.compose.project=%[1]s | xargs -r docker rm -fv; docker volume ls -q --filter label=com.docker.compose.project=%[1]s | xargs -r docker volume rm; docker network rm %[1]s_default; rm -rf /opt/%[1]s", path.Base(s.Dir)))
	})
	return s
}

// Setting is the server in the form of the settings staging and production.
func (s Server) Setting() string {
	if s.via != "" {
		return s.via + s.Dir
	}
	return s.at + s.Dir
}

// Project is what compose calls the application.
func (s Server) Project() string { return path.Base(s.Dir) }

// Host is where the application answers.
func (s Server) Host() string {
	_, address, _ := strings.Cut(s.at, "@")
	host, _, _ := net.SplitHostPort(address)
	return host
}

// Frontend and Backend are the addresses of the application.
func (s Server) Frontend() string { return fmt.Sprintf("http://%s:%d", s.Host(), s.Port) }

// Backend is the address of the API.
func (s Server) Backend() string { return fmt.Sprintf("http://%s:%d", s.Host(), s.Port+1) }

func (s Server) try(script string) (string, error) {
	user, address, _ := strings.Cut(s.at, "@")
	host, port, _ := net.SplitHostPort(address)
	cmd := exec.Command("ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "UserKnownHostsFile="+os.Getenv("SLIPWAY_LAB_KNOWN_HOSTS"),
		"-i", os.Getenv("SLIPWAY_LAB_SSH_KEY"), "-p", port, user+"@"+host, script)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, stderr.String())
	}
	return strings.TrimSpace(string(out)), err
}

// Run runs a shell script on the server, past Slipway.
func (s Server) Run(t testing.TB, script string) string {
	t.Helper()
	out, err := s.try(script)
	if err != nil {
		t.Fatalf("on the server: %s: %v", script, err)
	}
	return out
}

// WantNoCredentials fails if the server keeps any: those of tests beside this one go within minutes, forgotten ones stay.
func (s Server) WantNoCredentials(t testing.TB) {
	t.Helper()
	if config := s.Run(t, "cat ~/.docker/config.json 2>/dev/null || true"); config != "" {
		t.Errorf("credentials are kept on the server: %s", config)
	}
	folders := strings.Fields(s.Run(t, "ls -A /dev/shm"))
	Eventually(t, "none of these is left in the server's /dev/shm: "+strings.Join(folders, " "), func() bool {
		time.Sleep(2 * time.Second) // a login each time
		now, err := s.try("ls -A /dev/shm")
		return err == nil && !slices.ContainsFunc(strings.Fields(now), func(name string) bool { return slices.Contains(folders, name) })
	})
}

// Running are the digests of the containers that run, by service, as the server's Docker tells them.
func (s Server) Running(t testing.TB) map[string]string {
	t.Helper()
	running := map[string]string{}
	out := s.Run(t, "for c in $(docker ps -q --filter label=com.docker.compose.project="+path.Base(s.Dir)+`); do echo "$(docker inspect -f '{{index .Config.Labels "com.docker.compose.service"}} {{.Image}}' $c)"; done`)
	for line := range strings.Lines(out) {
		service, image, _ := strings.Cut(strings.TrimSpace(line), " ")
		digests := s.Run(t, "docker image inspect -f '{{join .RepoDigests \" \"}}' "+image)
		_, running[service], _ = strings.Cut(strings.Fields(digests + " @none")[0], "@")
		for _, one := range strings.Fields(digests) {
			if strings.Contains(one, "/test-") {
				_, running[service], _ = strings.Cut(one, "@")
			}
		}
	}
	return running
}

// Entry is a line of the ledger.
type Entry struct{ Kind, Result, Version, State, Backup, Reason string }

// Ledger is what the server has written down.
func (s Server) Ledger(t testing.TB) (all []Entry) {
	t.Helper()
	for line := range strings.Lines(s.Run(t, "cat "+s.Dir+"/.slipway/ledger.jsonl 2>/dev/null || true")) {
		var e Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, e)
	}
	return all
}
