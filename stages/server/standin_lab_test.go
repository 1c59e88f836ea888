package server

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path"
	"reflect"
	"regexp"
	"sort"
	"strings"
	"testing"
	"time"
)

// likenessCompose has what the lines of the test below are about.
const likenessCompose = `
services:
  web:
    image: IMAGE
    restart: unless-stopped
    stop_grace_period: 1m
    depends_on: [cache]
    environment: ["A=b", "C"]
    labels: {own: "1", word: "${WORD:-none}"}
    volumes: ["data:/data", "./x:/y:ro"]
    healthcheck: {test: "true", interval: 1s, start_interval: 1s}
  cache:
    image: IMAGE
    deploy: {replicas: 1}
    ports: ["127.0.0.1:18081:6379"]
  once:
    image: IMAGE
    profiles: [tools]
    command: sh -c "echo done; exit 3"
volumes:
  data:
`

// likeness are lines that our code, the scripts of repositories and the tests say, in the order in which they are run.
var likeness = []string{
	"docker inspect --type container nonesuch",
	"docker image inspect nonesuch",
	"docker ps --nonesuch",
	"docker nonesuch",
	"docker stop nonesuch",
	"docker start nonesuch",
	"docker rm nonesuch",
	"docker rm --force --volumes nonesuch",
	"docker exec nonesuch true",
	"docker network inspect --format '{{.Name}}' nonesuch",
	"docker volume inspect --format '{{.Name}}' nonesuch",
	"docker image rm nonesuch",
	"docker tag nonesuch a:b",
	"docker ps --filter nonesuch=1",
	"docker compose nonesuch >/dev/null",
	"docker compose up --nonesuch",
	"docker compose up --detach nonesuch",
	"docker compose stop nonesuch",
	"docker compose exec -T web true",
	"docker compose --file missing.yml config --services",
	"docker compose --file no-image.yml config --services",
	"docker compose --file no-service.yml config --services",
	"docker compose --file no-yaml.yml config --services",
	"docker compose config --services | sort",
	"docker compose --profile '*' config --services | sort",
	"docker compose --profile '*' config --format json",
	"docker compose --file compose.yml --file next.yml config --format json",
	"docker compose --env-file other.env config --format json",
	"docker compose --env-file missing.env config --services",
	"docker compose --project-directory sub --file compose.yml config --format json",
	"f=$PWD/compose.yml; cd / && docker compose --file $f --project-name other config --format json",
	"docker compose --env-file other.env up --detach --remove-orphans --no-build --quiet-pull",
	"LIST",
	"docker inspect --type container PROJECT-web-1 PROJECT-cache-1",
	"docker volume ls --quiet --filter label=com.docker.compose.project=PROJECT",
	"docker volume inspect --format '{{.Name}}' PROJECT_data",
	"docker image ls --digests --no-trunc --format '{{.Repository}}' --filter reference=REPOSITORY",
	"docker exec PROJECT-web-1 sh -c 'echo $A; exit 7'",
	"docker compose exec -T web sh -c 'echo in; exit 5'",
	"docker compose up --detach --no-deps --no-recreate --no-build --quiet-pull --scale web=2 web",
	"LIST",
	"docker compose up --detach --no-deps --no-recreate --no-build --quiet-pull --scale cache=2 cache 2>&1 | sed '/Bind for/!d; s/[0-9a-f]\\{64\\}/ID/'",
	"docker rm --force PROJECT-cache-2",
	"docker rm PROJECT-web-1",
	"docker stop PROJECT-web-1",
	"docker kill PROJECT-web-1 2>&1 | sed 's/[0-9a-f]\\{64\\}/ID/'",
	"docker inspect --type container PROJECT-web-1",
	"docker inspect --format '{{.State.Status}} {{.State.Health.Status}} {{.HostConfig.RestartPolicy.Name}}' PROJECT-web-1",
	"docker rm --volumes PROJECT-web-1",
	"docker compose up --detach --no-build --quiet-pull",
	"LIST",
	"docker compose --file compose.yml --file next.yml up --detach --no-build --quiet-pull",
	"LIST",
	"docker kill --signal HUP PROJECT-cache-1",
	"docker compose run --rm -T --quiet-pull once 2>/dev/null",
	"docker compose run --detach --no-deps --name PROJECT-trial --label own=2 --label more=3 --env A= web >/dev/null 2>&1",
	"docker inspect --format '{{index .Config.Labels \"own\"}} {{index .Config.Labels \"more\"}}' PROJECT-trial",
	"docker exec PROJECT-trial sh -c 'echo \"A is $A\"'",
	"docker rm --force PROJECT-trial",
	"docker compose stop web",
	"docker compose ps --all --format '{{.Name}} {{.State}}' | sort",
	"docker compose --file only-web.yml up --detach --remove-orphans --no-build --quiet-pull",
	"LIST",
}

const listLine = `docker ps --all --no-trunc --filter label=com.docker.compose.project=PROJECT --format '{{.Names}} {{.State}} {{.Image}} {{.Label "com.docker.compose.container-number"}}' | sort`

// TestStandInIsLikeDocker says the same lines to a real server and to the stand-in, which have to answer the same.
func TestStandInIsLikeDocker(t *testing.T) {
	t.Parallel()
	real, _ := folder(t)
	registry := os.Getenv("SLIPWAY_LAB_REGISTRY")
	image, project := registry+"/library/redis:8", path.Base(real.target.Dir)
	s := standIn(t)
	s.target.Dir = path.Join(path.Dir(s.target.Dir), project)
	if err := os.Mkdir(s.target.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s.public(image, behaviour{exposes: []string{"6379/tcp"}}).service("once", behaviour{log: "done\n", endsAfter: time.Millisecond, endCode: 3})
	fake := connect(t, s.target, s.environment().Login)
	t.Cleanup(func() {
		_, _ = real.run(context.Background(), command{args: []string{"docker", "compose", "--profile", "*", "down", "--volumes", "--timeout", "0", "--remove-orphans"}})
	})
	web := regexp.MustCompile(`(?s)  cache:.*?  once:`).ReplaceAllString(strings.Replace(likenessCompose, "depends_on: [cache]", "", 1), "  once:")
	for name, text := range map[string]string{
		"compose.yml": likenessCompose, "only-web.yml": web, "next.yml": "services: {web: {labels: {own: \"2\"}, environment: [D=e]}}",
		"no-image.yml": "services: {a: {}}", "no-service.yml": "services: {a: {image: x, depends_on: [b]}}", "no-yaml.yml": "services: [a", "x": "",
		".env": "WORD=one", "other.env": "WORD=two", "sub/.env": "WORD=three",
	} {
		for _, c := range []*Conn{real, fake} {
			if err := c.write(t.Context(), name, []byte(strings.ReplaceAll(text, "IMAGE", image)), "022"); err != nil {
				t.Fatal(err)
			}
		}
	}
	fill := strings.NewReplacer("LIST", strings.ReplaceAll(listLine, "PROJECT", project), "PROJECT", project, "REPOSITORY", registry+"/library/redis")
	for _, l := range likeness {
		want, got := answerOf(t, real, fill.Replace(l)), answerOf(t, fake, fill.Replace(l))
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s\n got %+v\nwant %+v", l, got, want)
		}
	}
}

// answered is what our code and its users see of a line.
type answered struct {
	code       int
	out        string
	failure    string // the last line of the errors
	config     any
	containers []container
}

func answerOf(t *testing.T, c *Conn, line string) (a answered) {
	t.Helper()
	out, err := c.run(t.Context(), command{args: []string{"sh", "-c", line}})
	if exit := new(exitError); errors.As(err, &exit) {
		a.code, a.failure = exit.code, lastLine(exit.output)
	} else if err != nil {
		t.Fatal(err)
	}
	a.out = strings.ReplaceAll(out, c.target.Dir, "DIR")
	switch {
	case strings.Contains(line, "config --format json"):
		if err := json.Unmarshal([]byte(a.out), &a.config); err != nil {
			t.Fatal(err)
		}
		a.out = ""
	case strings.Contains(line, "inspect --type container") && err == nil:
		if err := json.Unmarshal([]byte(a.out), &a.containers); err != nil {
			t.Fatal(err)
		}
		a.out = ""
		for n := range a.containers {
			a.containers[n].settled()
		}
	}
	a.failure = strings.ReplaceAll(a.failure, c.target.Dir, "DIR")
	return a
}

// settled leaves out what is another each time.
func (c *container) settled() {
	c.ID, c.Image, c.Path, c.Args = "", "", "", nil
	sort.Slice(c.Mounts, func(a, b int) bool { return c.Mounts[a].Destination < c.Mounts[b].Destination })
	if !c.Created.IsZero() {
		c.Created = now
	}
	if _, err := time.Parse(time.RFC3339Nano, c.State.Started); err == nil {
		c.State.Started = "a time"
	}
	if c.State.Health != nil {
		c.State.Health.Status = ""
	}
	for name := range c.Config.Labels {
		switch name {
		case hashLabel, imageLabel:
			c.Config.Labels[name] = "a sum"
		case projectLabel, serviceLabel, oneOffLabel, numberLabel, "own", "word", projectLabel + ".working_dir", projectLabel + ".config_files", projectLabel + ".environment_file":
		default:
			delete(c.Config.Labels, name)
		}
	}
}
