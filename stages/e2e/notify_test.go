package e2e

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"testing"

	"dagger/slipway/stages/labtest"
)

// TestNotifyAndCoverage tells Slack and Codecov of a release, each by its own rules, and neither decides how it ends.
func TestNotifyAndCoverage(t *testing.T) {
	t.Parallel()
	s, prefix := withTinyImages(t), NewPrefix(t)
	s.Commit(t, "feat: an image of one file")
	const token = "canary-7f3a/upload+token"
	slack, codecov := labtest.SlackForContainers(t), labtest.CodecovForContainers(t, token)
	s.Setenv("SLACK_WEBHOOK_URL", slack.Webhook())
	s.Setenv("CODECOV_TOKEN", token)
	s.Setenv("RUN_URL", "https://ci.example/runs/7")
	var all strings.Builder
	release := func(version string, more ...string) Result {
		r := s.Call(t, append([]string{
			"--registry=" + prefix, services, tinyImages, "--version-files=backend/pyproject.toml", "--forge=github", "--repository=" + codecov.URL() + "/acme/shop", "--run-url=env://RUN_URL",
			"--slack-webhook-url=env://SLACK_WEBHOOK_URL", "--codecov-token=env://CODECOV_TOKEN", "--codecov-url=" + codecov.URL(),
			"release", "--version=" + version,
		}, more...)...)
		all.WriteString(r.Output())
		return r
	}
	messages := func(want int) []string {
		t.Helper()
		if got := slack.Messages(); len(got) != want || len(slack.Refused()) > 0 {
			t.Fatalf("Slack has %d messages, want %d; refused: %v", len(got), want, slack.Refused())
		}
		return slack.Messages()
	}

	t.Run("a dry run tells nobody", func(t *testing.T) {
		green(t, release("1.2.3", "--dry-run"), "would tell the team", "would upload backend coverage")
		messages(0)
		if len(codecov.Uploads()) > 0 {
			t.Error("a dry run has uploaded coverage")
		}
	})
	t.Run("a release", func(t *testing.T) {
		green(t, release("1.2.3"), "the team was told", "backend coverage uploaded", "frontend coverage uploaded", "Outcome: released")
		holds(t, messages(1)[0], "Released 1.2.3", "https://ci.example/runs/7")
		flags := map[string]bool{}
		for _, u := range codecov.Uploads() {
			flags[strings.Join(u.Flags, ",")] = true
			if u.Slug != "acme::::shop" || u.Commit != s.Git(t, "rev-parse", "HEAD") || u.Service != "github_enterprise" {
				t.Errorf("an upload for %s %s %s", u.Service, u.Slug, u.Commit)
			}
			for name, text := range u.Files {
				if !strings.HasSuffix(name, ".xml") || !strings.Contains(text, "<coverage") {
					t.Errorf("%s holds %.80q", name, text)
				}
			}
		}
		// The same address plays the forge, whose pull requests nobody has modelled here.
		refused := slices.DeleteFunc(codecov.Refused(), func(what string) bool { return strings.Contains(what, "/pulls") })
		if len(codecov.Uploads()) != 2 || !flags["backend"] || !flags["frontend"] || len(refused) > 0 {
			t.Errorf("uploads with the flags %v, refused: %v", flags, refused)
		}
	})
	t.Run("the same again is no news", func(t *testing.T) {
		green(t, release("1.2.3"), "there is nothing new to tell", "Outcome: already-released")
		messages(1)
	})
	t.Run("a refused input is nobody's business", func(t *testing.T) {
		red(t, release("1.2"), "Outcome: refused-input")
		messages(1)
	})
	t.Run("a failure is told", func(t *testing.T) {
		s.Commit(t, "feat: <!channel> *more*")
		red(t, release("1.2.3"), "Outcome: refused-state")
		holds(t, messages(2)[1], "Release 1.2.3 was refused", "Validate Release")
	})
	t.Run("services that fail are a warning", func(t *testing.T) {
		s.Replace(t, "backend/pyproject.toml", `"1.2.3"`, `"1.2.4"`) // alone, so that the frontend is as it was
		s.Commit(t, "chore: bump version to 1.2.4")
		slack.Fault(labtest.Fault{Status: 404, Body: "no_service"})
		codecov.Fault(labtest.Fault{Status: 401, Body: `{"detail":"Invalid token."}`})
		r := release("1.2.4")
		green(t, r, "warning: notification failed", "warning: backend coverage was not uploaded", "Outcome: released")
		messages(2)
	})
	page := s.Call(t, "report", "--format=html")
	green(t, page, "<!doctype html>", "Release 1.2.4", "Backend Tests", "Notify Team")
	all.WriteString(page.Output())
	all.WriteString(strings.Join(slack.Messages(), "\n"))
	last := lastReport(t, s)
	if text, err := last.JSON(); err == nil {
		all.WriteString(text)
	}
	if before := last.Before; before == nil || before.Coverage["backend"].Total == 0 {
		t.Errorf("there is nothing to compare with the release before: %+v", before)
	}
	for _, secret := range []string{token, slack.Webhook()} {
		for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), url.QueryEscape(secret), strings.ReplaceAll(secret, "/", `\/`)} {
			if strings.Contains(all.String(), form) {
				t.Errorf("a secret stands in the output, as %s", form)
			}
		}
	}
}
