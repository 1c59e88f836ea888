package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"dagger/slipway/stages/labtest"
)

// section is the text of the README under a heading.
func section(t *testing.T, heading string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(Module(), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("the README has no section %q", heading)
	}
	rest, _, _ = strings.Cut(rest, "\n## ")
	return rest
}

// blocks are the indented lines of a section, block by block.
func blocks(section string) []string {
	var all []string
	for _, m := range regexp.MustCompile(`(?m)(?:^    .*\n)+`).FindAllString(section, -1) {
		all = append(all, strings.ReplaceAll(strings.TrimPrefix(m, "    "), "\n    ", "\n"))
	}
	return all
}

// bash runs lines of the README as they stand there.
func (s Shop) bash(t *testing.T, lines string) Result {
	t.Helper()
	cmd := exec.Command("bash", "-eu", "-c", lines)
	cmd.Dir = s.Dir
	cmd.Env = append(append(os.Environ(), "DAGGER_NO_NAG=1", "NO_COLOR=1"), s.env...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run() // the exit code is what the caller looks at
	return Result{Code: cmd.ProcessState.ExitCode(), Stdout: stdout.String(), Stderr: stderr.String()}
}

// TestReadmePath goes a newcomer's way: every line is taken from the README, only addresses are the lab's.
func TestReadmePath(t *testing.T) {
	t.Parallel()
	takePlace(t)
	f := newForgeShop(t)
	d := DeployShop{Shop: f.Shop, Prefix: NewPrefix(t)}
	d.addServers(t)
	d.Setenv("SLIPWAY", slipwayAddress(t))

	try := blocks(section(t, "Try it"))
	green(t, d.bash(t, try[0]), "dry run: nothing is written", "Outcome: dry-run-ok")

	adopt := blocks(section(t, "Adopt it"))
	if r := d.bash(t, adopt[0]); r.Code != 0 {
		t.Fatal(r.Stderr)
	}
	slack := labtest.SlackForContainers(t)
	values := map[string]string{
		"registry": d.Prefix, "staging": d.Staging.Setting(), "production": d.Production.Setting(),
		"knownHosts": "$'" + strings.ReplaceAll(strings.TrimSpace(d.KnownHosts), "\n", `\n`) + "'",
		"healthUrl":  `"staging=` + d.Staging.Backend() + `/health, production=` + d.Production.Backend() + `/health"`,
	}
	asTheyAre := []string{"registryUser", "registryToken", "forgeToken", "testServices", "coverageThreshold", "sshKey", "slackWebhookUrl", "runUrl", "actor"}
	d.Write(t, ".env", "forge=gitea\n"+settings(t, adopt[1], values, asTheyAre))
	// Dagger 1.0 writes such a lock beside its configuration, and hides it from what is uploaded.
	d.Write(t, "dagger.lock", "[]\n")
	d.Commit(t, "ci: release with Slipway")
	if err := os.Remove(filepath.Join(d.Dir, "dagger.lock")); err != nil {
		t.Fatal(err)
	}
	f.push(t, "main")
	key, err := os.ReadFile(os.Getenv("SLIPWAY_LAB_SSH_KEY"))
	if err != nil {
		t.Fatal(err)
	}
	d.Setenv("SSH_KEY", string(key))
	d.Setenv("SLACK_WEBHOOK_URL", slack.Webhook())
	d.Setenv("RUN_URL", "https://ci.example/runs/7")
	d.Setenv("ACTOR", "ann")
	line := regexp.MustCompile("Then a release is `(dagger call [^`]+)`").FindStringSubmatch(section(t, "Adopt it"))
	if line == nil {
		t.Fatal("the README does not say what a release is")
	}
	green(t, d.bash(t, line[1]), "1.2.3 is healthy, first deployment", "the team was told", "Outcome: released")
	WantTags(t, d.Prefix, "1.2.3", "sha-"+d.Git(t, "rev-parse", "HEAD")[:7], "1.2", "1", "latest")
	d.Staging.WantAnswer(t, "1.2.3")
	if releases := f.releases(t); len(releases) != 1 || releases[0].TagName != "v1.2.3" || releases[0].Draft {
		t.Errorf("releases on the forge: %+v", releases)
	}
	if told := slack.Messages(); len(told) != 1 || !strings.Contains(told[0], "https://ci.example/runs/7") || !strings.Contains(told[0], `"ann"`) {
		t.Errorf("Slack was told %q, expected one message with the run's address, by ann", told)
	}
	installed := regexp.MustCompile(`version="\$\((.+)\)"`).FindStringSubmatch(section(t, "One line in any CI"))
	if installed == nil {
		t.Fatal("the jobs do not say which Dagger they install")
	}
	if r := d.bash(t, installed[1]); strings.TrimSpace(r.Stdout) != engineVersion(t, d.Shop) {
		t.Errorf("the jobs install Dagger %q of the repository's dagger.json", r.Stdout)
	}
}

// settings are the README's, with the values that are the lab's. A line that is neither is one that nobody has tried.
func settings(t *testing.T, text string, values map[string]string, asTheyAre []string) string {
	t.Helper()
	known := map[string]bool{}
	for _, name := range asTheyAre {
		known[name] = true
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		name, _, _ := strings.Cut(line, "=")
		value, replaced := values[name]
		switch {
		case replaced:
			b.WriteString(name + "=" + value + "\n")
		case known[name]:
			b.WriteString(line)
		default:
			t.Errorf("the README's .env has a line that this test does not know: %s", line)
		}
	}
	return b.String()
}

// engineVersion is what the repository's dagger.json asks for.
func engineVersion(t *testing.T, s Shop) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.Dir, "dagger.json"))
	if err != nil {
		t.Fatal(err)
	}
	var module struct{ EngineVersion string }
	if err := json.Unmarshal(text, &module); err != nil || module.EngineVersion == "" {
		t.Fatalf("no engineVersion in %s: %v", text, err)
	}
	return module.EngineVersion
}
