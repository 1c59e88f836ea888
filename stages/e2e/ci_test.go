package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// workflow is what the tests look at in a file of .github/workflows.
type workflow struct {
	Permissions map[string]string
	Jobs        map[string]struct {
		Permissions map[string]string
		Uses        string
		Steps       []step
	}
}

type step struct {
	Name, If, Uses, Run string
	With, Env           map[string]string
}

const workflows = ".github/workflows"

func readWorkflow(t *testing.T, name string) (w workflow) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(Module(), workflows, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &w); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return w
}

// releaseStep is a step of our own release by its name, or by what it uses.
func releaseStep(t *testing.T, name string) step {
	t.Helper()
	for _, s := range readWorkflow(t, "release.yml").Jobs["release"].Steps {
		action, _, _ := strings.Cut(s.Uses, "@")
		if s.Name == name || action == name {
			return s
		}
	}
	t.Fatalf("release.yml has no step %s", name)
	return step{}
}

var pinned = regexp.MustCompile(`^(\./.+|[^@]+@[0-9a-f]{40})$`)

// TestWorkflowsTakeNothingOnTrust: what somebody typed is never the text of a script, and no action can change under us.
func TestWorkflowsTakeNothingOnTrust(t *testing.T) {
	files, err := os.ReadDir(filepath.Join(Module(), workflows))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		for job, j := range readWorkflow(t, f.Name()).Jobs {
			for _, s := range append(j.Steps, step{Uses: j.Uses}) {
				if strings.Contains(s.Run, "${{") {
					t.Errorf("%s: job %s pastes an expression into a script:\n%s", f.Name(), job, s.Run)
				}
				if s.Uses != "" && !pinned.MatchString(s.Uses) {
					t.Errorf("%s: job %s uses %s, expected a commit", f.Name(), job, s.Uses)
				}
			}
		}
	}
}

func TestOurOwnRelease(t *testing.T) {
	t.Parallel()
	w := readWorkflow(t, "release.yml")
	if got := w.Jobs["release"].Permissions; len(w.Permissions) > 0 || len(got) != 1 || got["contents"] != "write" {
		t.Errorf("permissions %v, and %v of the release, expected no more than contents: write", w.Permissions, got)
	}
	if got := releaseStep(t, "actions/checkout").With["fetch-depth"]; got != "0" {
		t.Errorf("fetch-depth: %s, expected 0", got)
	}
	if got := releaseStep(t, "Report").If; got != "always()" {
		t.Errorf("the report has the condition %q, expected always()", got)
	}
	text, err := os.ReadFile(filepath.Join(Module(), "dagger.json"))
	if err != nil {
		t.Fatal(err)
	}
	var module struct{ EngineVersion string }
	if err := json.Unmarshal(text, &module); err != nil {
		t.Fatal(err)
	}
	if got := releaseStep(t, "dagger/dagger-for-github").With["version"]; got != module.EngineVersion {
		t.Errorf("it installs Dagger %s, expected the module's %s", got, module.EngineVersion)
	}
}

// bash runs the script of a CI's step in the shop, as a runner does.
func bash(t *testing.T, s Shop, script string) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), callTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-e", "-c", script)
	cmd.Dir = s.Dir
	cmd.Env = append(append(os.Environ(), "DAGGER_NO_NAG=1", "NO_COLOR=1"), s.env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return Result{Code: cmd.ProcessState.ExitCode(), Stdout: stdout.String(), Stderr: stderr.String()}
}

// noFile fails the test if a file of that name has come to be anywhere in the shop.
func noFile(t *testing.T, s Shop, name string) {
	t.Helper()
	err := filepath.WalkDir(s.Dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == name {
			t.Errorf("%s was made: an input was run", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// evilReason is everything that a shell, Dagger or the runner could take for more than text.
const evilReason = "it's \"down\"; touch pwned\n$(touch pwned) `touch pwned` ${IFS}\n::error::pwned\n--dry-run && touch pwned"

var command = regexp.MustCompile(`(?m)^\s*::error::pwned`)

// TestReleaseStepTakesInputsAsData runs the very scripts of release.yml, on the sample application that has adopted Slipway.
// No forge is set up, so there is nothing to release, which is never green, and is reported like everything else.
func TestReleaseStepTakesInputsAsData(t *testing.T) {
	t.Parallel()
	s := NewShop(t)
	adopt(t, s, ".", NewPrefix(t))
	summary := filepath.Join(t.TempDir(), "summary.md")
	s.Setenv("GITHUB_STEP_SUMMARY", summary)
	s.Setenv("FORGE_TOKEN", "")
	release := func(version, force, reason string) Result {
		t.Helper()
		of := s
		for name, value := range map[string]string{"VERSION": version, "FORCE": force, "REASON": reason} {
			of.Setenv(name, value)
		}
		r := bash(t, of, releaseStep(t, "Release").Run)
		noFile(t, s, "pwned")
		if command.MatchString(r.Output()) {
			t.Errorf("the runner would take a command from the reason:\n%s", r.Output())
		}
		return r
	}

	t.Run("a reason is words", func(t *testing.T) {
		const shown = `it's "down"; touch pwned $(touch pwned)`
		red(t, release("v1.2.3", "true", evilReason), "there is nothing to release", "Outcome: refused-state", shown)
		r := bash(t, s, releaseStep(t, "Report").Run)
		green(t, r, "::group::", "::error", "Release 1.2.3")
		noFile(t, s, "pwned")
		text, err := os.ReadFile(summary)
		if err != nil {
			t.Fatal(err)
		}
		holds(t, string(text), "1.2.3", "touch pwned")
		if command.MatchString(r.Output()) {
			t.Errorf("the runner would take a command from the report:\n%s", r.Stdout)
		}
	})
	t.Run("a version is no script", func(t *testing.T) {
		red(t, release("v1.2.3-$(touch${IFS}pwned) --help", "false", ""), "$(touch${IFS}pwned) --help", "Outcome: refused-input")
	})
	t.Run("an input is no further argument", func(t *testing.T) {
		red(t, release("v1.2.3", "false", `not forced" --force="true`), "--reason is given without --force", "Outcome: refused-input")
	})
}

// canary is the password that a CI has left in the checkout's remote.
const canary = "canary-41d8cd98f00b"

// ciSystem is one of those that run the README's line.
type ciSystem struct {
	name, workspace string
	env             []string
	version         string // the variable that holds the tag
	remote          string // as the checkout leaves it
	// checkout fetches the commit of the tag v1.2.3 from the origin, the way this system does.
	checkout func(git func(...string), commit string)
}

var ciSystems = []ciSystem{
	{
		name: "GitHub Actions", workspace: "shop", version: "GITHUB_REF_NAME", remote: "https://git.example/acme/shop",
		env: []string{"CI=true", "GITHUB_ACTIONS=true", "GITHUB_EVENT_NAME=push", "GITHUB_REF=refs/tags/v1.2.3", "GITHUB_REF_NAME=v1.2.3"},
		checkout: func(git func(...string), commit string) {
			git("fetch", "-q", "--no-tags", "--prune", "--depth=1", "origin", "+"+commit+":refs/tags/v1.2.3")
			git("checkout", "-q", "--force", "refs/tags/v1.2.3")
		},
	},
	{
		name: "GitLab CI", workspace: "shop", version: "CI_COMMIT_TAG", remote: "https://gitlab-ci-token:" + canary + "@git.example/acme/shop.git",
		env: []string{"CI=true", "GITLAB_CI=true", "CI_COMMIT_TAG=v1.2.3", "CI_COMMIT_REF_NAME=v1.2.3", "GIT_DEPTH=0"},
		checkout: func(git func(...string), commit string) {
			git("fetch", "-q", "--prune", "origin", "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*", "+"+commit+":refs/pipelines/7")
			git("checkout", "-q", "--force", commit)
		},
	},
	{
		name: "Jenkins", workspace: "shop release@2", version: "TAG_NAME", remote: "https://ci-bot:" + canary + "@git.example/acme/shop.git",
		env: []string{"CI=true", "JENKINS_URL=https://jenkins.example/", "BUILD_NUMBER=7", "TAG_NAME=v1.2.3"},
		checkout: func(git func(...string), commit string) {
			git("fetch", "-q", "--tags", "--force", "origin", "+refs/heads/*:refs/remotes/origin/*")
			git("checkout", "-q", "--force", commit)
			git("checkout", "-q", "-B", "main", commit)
		},
	},
	{
		// Its clones hold the files of past commits no longer, only those of the one that is checked out.
		name: "CircleCI", workspace: "project", version: "CIRCLE_TAG", remote: "git@git.example:acme/shop.git",
		env: []string{"CI=true", "CIRCLECI=true", "CIRCLE_TAG=v1.2.3"},
		checkout: func(git func(...string), commit string) {
			git("fetch", "-q", "--filter=blob:none", "--force", "--tags", "origin", "+refs/heads/*:refs/remotes/origin/*")
			git("checkout", "-q", "--force", "v1.2.3")
			git("reset", "-q", "--hard", commit)
		},
	},
}

// start makes the checkout; what it returns runs the job's line in it, with further words at its end.
func (c ciSystem) start(t *testing.T, from Shop, prefix string) (s Shop, release func(more string) Result) {
	t.Helper()
	s = Shop{Dir: filepath.Join(t.TempDir(), c.workspace), env: c.env}
	if err := os.Mkdir(s.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s.Git(t, "init", "-q", "-b", "none")
	s.Git(t, "remote", "add", "origin", "file://"+from.Dir)
	c.checkout(func(args ...string) { t.Helper(); s.Git(t, args...) }, from.Git(t, "rev-parse", "HEAD"))
	s.Setenv("SLIPWAY", Module())
	s.Setenv("REGISTRY", prefix)
	return s, func(more string) Result {
		t.Helper()
		s.Git(t, "remote", "set-url", "origin", c.remote)
		r := bash(t, s, `dagger call -m "$SLIPWAY" --source=. --registry="$REGISTRY" "`+services+`" "`+tinyImages+`" release --version="$`+c.version+`" `+more)
		if strings.Contains(r.Output(), canary) {
			t.Errorf("the output holds the password of the checkout's remote:\n%s", r.Output())
		}
		return r
	}
}

// TestCheckoutsOfCI runs one line in the checkouts that the systems make of a tag: detached, with their own variables.
func TestCheckoutsOfCI(t *testing.T) {
	t.Parallel()
	origin, prefix := withTinyImages(t), NewPrefix(t)
	origin.Commit(t, "feat: an image of one file")
	origin.Git(t, "tag", "-a", "-m", "v1.2.3", "v1.2.3")
	origin.Git(t, "config", "uploadpack.allowFilter", "true")
	ready := []string{"Release 1.2.3", "after 1.2.0", "31 passed, 91.6% coverage", "Outcome: dry-run-ok"}
	for _, c := range ciSystems {
		t.Run(c.name, func(t *testing.T) {
			s, release := c.start(t, origin, prefix)
			if s.Git(t, "rev-parse", "--is-shallow-repository") == "true" {
				red(t, release(""), "the clone is shallow", "git fetch --unshallow --tags --force", "fetch-depth: 0", "Outcome: refused-state")
				green(t, release("--dry-run"), "A real run would refuse", "the clone is shallow")
				s.Git(t, "remote", "set-url", "origin", "file://"+origin.Dir)
				// The checkout has put a tag without a message in the place of the origin's, which only --force replaces.
				s.Git(t, "fetch", "-q", "--unshallow", "--tags", "--force")
			}
			r := release("--dry-run")
			green(t, r, ready...)
			if strings.Contains(r.Stdout, "would refuse") {
				t.Errorf("a real run would be refused:\n%s", r.Stdout)
			}
		})
	}
}
