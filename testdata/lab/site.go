package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
)

// site is a folder on a server. All of the lab's own have the same port: who needs it takes down what stands there.
type site struct {
	server
	dir string
}

const sitePort = 17080

func (s server) site(name string) site { return site{s, "/opt/" + name} }

func (s site) setting() string { return serverUser + "@" + s.server.address + s.dir }

func (s site) address() string { return fmt.Sprintf("http://%s:%d/", s.server.address, sitePort) }

// prepare makes the folder, and takes down what stands at the same port.
func (s site) prepare(ctx context.Context, l *lab) error {
	const script = `for project in $(docker ps -q --filter publish="$2" | xargs -r docker inspect -f '{{index .Config.Labels "com.docker.compose.project"}}'); do
	docker ps -aq --filter label=com.docker.compose.project="$project" | xargs -r docker rm -fv >/dev/null
	docker volume ls -q --filter label=com.docker.compose.project="$project" | xargs -r docker volume rm >/dev/null
done
mkdir -p "$1" && printf 'FRONTEND_PORT=%s\nBACKEND_PORT=%s\n' "$2" "$3" > "$1/.env"`
	return l.shell(ctx, s.server, script, s.dir, fmt.Sprint(sitePort), fmt.Sprint(sitePort+1))
}

// show asks the application on the server.
func (s site) show(ctx context.Context) error {
	for _, address := range []string{s.address(), fmt.Sprintf("http://%s:%d/version", s.server.address, sitePort+1)} {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(io.LimitReader(response.Body, 100))
		response.Body.Close()
		if err != nil {
			return err
		}
		fmt.Printf("\nOn the staging server now (%s): %s\n  %s\n", address, response.Status, strings.Join(strings.Fields(string(body)), " "))
	}
	return nil
}

// shell runs a script on a server. Its arguments are words without spaces.
func (l *lab) shell(ctx context.Context, s server, script string, words ...string) error {
	args := l.sshArgs(s, "sh -eus "+strings.Join(words, " "))
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(script), &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("on %s: %w: %s", s.name, err, out.String())
	}
	return nil
}

// sweep takes from the servers whatever is called so: tests and benches that are killed leave it behind, and what is left
// holds ports and slows down the next.
func (l *lab) sweep(ctx context.Context, prefix string) error {
	const script = `docker ps -aq --filter name="^(slipway-trial-)?$1" | xargs -r docker rm -fv >/dev/null
docker network ls -q --filter name="^$1" | xargs -r -n 1 sh -c 'docker ps -aq --filter network="$0"' | xargs -r docker rm -fv >/dev/null
docker volume ls -q --filter name="^$1" | xargs -r docker volume rm >/dev/null
docker network ls -q --filter name="^$1" | xargs -r docker network rm >/dev/null
rm -rf /opt/"$1"*`
	return errors.Join(l.shell(ctx, staging, script, prefix), l.shell(ctx, production, script, prefix))
}
