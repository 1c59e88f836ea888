package stages

import (
	"slices"
	"strings"
	"testing"

	"dagger/slipway/stages/report"
	"dagger/slipway/stages/server"
)

// TestRolloutIsPlanned: which services start beside the old ones, and which do not, why, and what to change, is said by plan
// and by the eighth stage of a dry run.
func TestRolloutIsPlanned(t *testing.T) {
	beat := server.Single{Service: "beat", Why: "it looks like a scheduler (beat)", Change: "label it slipway.order: start-first"}
	for name, c := range map[string]struct {
		preview server.Preview
		want    []string
	}{
		"all run twice":   {server.Preview{Beside: []string{"api", "web"}}, []string{"these start beside their old containers, which stop when the new ones are healthy: api, web"}},
		"none runs twice": {server.Preview{Singles: []server.Single{beat}}, []string{"beat is stopped before its successor starts: it looks like a scheduler (beat); label it slipway.order: start-first"}},
		"both": {server.Preview{Beside: []string{"api"}, Singles: []server.Single{beat}},
			[]string{"these start beside their old containers, which stop when the new ones are healthy: api", beat.String()}},
		"a warning":     {server.Preview{Beside: []string{"api"}, Warnings: []string{"warning: no service uses cli"}}, []string{"these start beside their old containers, which stop when the new ones are healthy: api", "warning: no service uses cli"}},
		"not looked at": {},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Run{found: &found{preview: c.preview}}
			r.config.images = []Image{{Name: "api", Context: "api"}}
			r.config.environments = map[string]environment{staging: {name: staging}}
			var b strings.Builder
			r.planRollout(&b)
			for _, line := range c.want {
				if !strings.Contains(b.String(), "\nDeployment to staging\n") || !strings.Contains(b.String(), "  - "+line+"\n") {
					t.Errorf("expected %q in the plan, found %q", line, b.String())
				}
			}
			if len(c.want) == 0 && b.String() != "" {
				t.Errorf("expected nothing, found %q", b.String())
			}
			o, err := r.wouldDeploy(t.Context())
			if err != nil || o.Ending != report.DryRun || !slices.Equal(o.Figures, c.want) {
				t.Errorf("a dry run says %q, %v", o.Figures, err)
			}
		})
	}
}
