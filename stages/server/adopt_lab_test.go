package server

import (
	"strings"
	"testing"
)

// TestAdoptBuilt: an image that was built on the server is put back from there, though its name means another one by now.
func TestAdoptBuilt(t *testing.T) {
	t.Parallel()
	a := newApplication(t)
	built := a.project() + "-app"
	build := func(label string) {
		a.sh(t, `printf 'FROM %s\nLABEL built=%s\n' "$1" "$2" | docker build --quiet --tag "$3" -`, a.image.Ref(), label, built)
	}
	a.sh(t, `printf 'services:\n  app: {build: ., image: "%s", pull_policy: build, restart: always}\n' "$1" > docker-compose.yml`, built)
	build("one")
	a.sh(t, `docker compose up --detach --no-build`)
	of := func(format string) string {
		return strings.TrimSpace(a.sh(t, `docker ps --quiet --filter label=com.docker.compose.project="$1" | xargs docker inspect --format "$2"`, a.project(), format))
	}
	image := of("{{.Image}}")
	build("two")
	broken := "services:\n  app: {image: \"" + a.image.Repository + ":${VERSION}\", restart: always, labels: {slipway.order: stop-first}, command: [sh, -c, exit 3]}\n"
	_, err := Deploy(t.Context(), a.env, a.release("1.0.0", map[string]string{"deploy/compose.yml": broken}))
	if f := failure(t, err); f.State != Restored || of("{{.Image}}") != image {
		t.Fatalf("got %s: %v, %s; there runs %s, and ran %s", f.State, err, f.Next, of("{{.Image}} {{.Config.Image}}"), image)
	}
	good := strings.Replace(broken, ", command: [sh, -c, exit 3]", "", 1)
	if _, err := Deploy(t.Context(), a.env, a.release("1.0.1", map[string]string{"deploy/compose.yml": good})); err != nil {
		t.Fatal(err)
	}
	if left := a.sh(t, `docker image ls --quiet "$1"`, foundImage+shortID(image)); left != "" {
		t.Errorf("still there: %s", left)
	}
	a.sh(t, `docker image rm "$1"`, built)
}
