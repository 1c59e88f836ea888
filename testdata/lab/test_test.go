package main

import (
	"slices"
	"testing"
)

const someEvents = `{"Action":"skip","Package":"slipway/stages/e2e","Test":"TestRelease","Elapsed":0}
{"Action":"skip","Package":"slipway/stages/forge","Test":"TestForges/gitea","Elapsed":0}
{"Action":"pass","Package":"slipway/stages/forge","Test":"TestForges","Elapsed":21.2}
{"Action":"skip","Package":"slipway/stages/forge","Test":"TestForges/lab","Elapsed":0}
{"Action":"pass","Package":"slipway/stages/forge","Test":"TestTitles","Elapsed":21.4}
{"Action":"pass","Package":"slipway/stages/forge","Elapsed":25.3}
{"Action":"skip","Package":"slipway/stages/empty","Elapsed":0}
{"Action":"pass","Package":"slipway/stages/e2e","Elapsed":0.4}
`

func TestSkippedTests(t *testing.T) {
	events, err := readEvents([]byte(someEvents))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := skippedTests(events), []string{"TestForges", "TestRelease"}; !slices.Equal(got, want) {
		t.Errorf("skipped %v, want %v", got, want)
	}
	const want = "\nPackages of 5s and more:\n     25s  forge\n\nTests of 20s and more:\n     21s  TestTitles\n     21s  TestForges\n"
	if got := slowest(events); got != want {
		t.Errorf("the summary is %q, want %q", got, want)
	}
	if _, err := readEvents([]byte(`{"Action":"pa`)); err == nil {
		t.Error("half an event was read")
	}
}

func TestWithoutLab(t *testing.T) {
	env := []string{"CI=true", "HOME=/root", "SLIPWAY_LAB_REGISTRY=registry", "SLIPWAY_LAB_DIR=/lab", runnerHostVariable + "=unix:///engine"}
	if got, want := withoutLab(env), []string{"HOME=/root", "SLIPWAY_LAB_DIR=/lab"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
