package stages

import (
	"errors"
	"strings"
	"testing"

	"dagger/slipway/stages/server"
)

func TestStatusOfAll(t *testing.T) {
	one, two := server.Environment{Name: "staging"}, server.Environment{Name: "production"}
	text, err := textOfAll([]server.Seen{{Env: one}, {Env: two}})
	if err != nil || !strings.Contains(text, "ready for production: nothing") {
		t.Errorf("got %q, %v", text, err)
	}
	text, err = textOfAll([]server.Seen{{Env: one}, {Env: two, Err: errors.New("no connection")}})
	if err == nil || text != "" || !strings.Contains(err.Error(), "staging     nothing was deployed here") || !strings.Contains(err.Error(), "no connection") {
		t.Errorf("got %q, %v: a server that was not read has to fail the call, and the other one to be shown", text, err)
	}
	if _, err := new(Run).statusOfAll(t.Context()); err == nil || !strings.Contains(err.Error(), "neither of the settings staging and production is set") {
		t.Errorf("got %v", err)
	}
}
