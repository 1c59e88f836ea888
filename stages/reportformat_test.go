package stages

import (
	"strings"
	"testing"

	_ "dagger/slipway/stages/enginetest"
)

// TestReportFormats: one that nobody knows is refused before anything is read.
func TestReportFormats(t *testing.T) {
	_, err := Pipeline{}.Report(t.Context(), "pdf")
	if err == nil || !strings.Contains(err.Error(), `expected one of the formats github, html, json, markdown, text, found "pdf"`) {
		t.Errorf("got %v", err)
	}
}
