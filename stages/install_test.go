package stages

import (
	"fmt"
	"strings"
	"testing"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/project"
)

// TestInstallationThatFails: packages that need something of the system have their tests run in an image that has it.
func TestInstallationThatFails(t *testing.T) {
	const backend, frontend = "testImages=backend=", "testImages=frontend="
	npm := &project.Node{Manager: project.NPM, Root: "web", Lock: "web/package-lock.json"}
	for name, c := range map[string]struct {
		sides sides
		cmd   []string
		said  string
		next  string
	}{
		"uv":               {sides{backend: &project.Python{Manager: project.UV, Groups: []string{"dev"}}}, []string{"uv", "sync", "--quiet", "--locked", "--no-install-local", "--group", "dev"}, "pg_config not found", backend},
		"uv, the project":  {sides{backend: &project.Python{Manager: project.UV}}, []string{"uv", "sync", "--quiet", "--locked"}, "gcc not found", backend},
		"Poetry":           {sides{backend: &project.Python{Manager: project.Poetry}}, []string{"poetry", "install", "--no-root", "--compile", "--no-interaction", "--no-ansi"}, "", backend},
		"Pipenv":           {sides{backend: &project.Python{Manager: project.Pipenv}}, []string{"sh", "-c", pipenvInstall}, "", backend},
		"requirements":     {sides{backend: &project.Python{Manager: project.Requirements, Top: "b", Requirements: []string{"b/requirements.txt"}}}, []string{"sh", "-c", uvPipInstall, "sh", "-r", "/app/requirements.txt"}, "", backend},
		"setup.py":         {sides{backend: &project.Python{Manager: project.Requirements}}, editable, "", backend},
		"npm":              {sides{frontend: npm}, []string{"sh", "-c", makeFolders, "sh", "npm", "ci", "--no-audit", "--no-fund", "--prefer-offline"}, "node-gyp: not found: make", frontend},
		"a stale lock":     {sides{frontend: npm}, []string{"sh", "-c", makeFolders, "sh", "npm", "ci", "--no-audit", "--no-fund", "--prefer-offline"}, "npm ci can only install packages when your package.json and package-lock.json are in sync", "run npm install in web"},
		"another command":  {sides{backend: &project.Python{Manager: project.UV}, frontend: npm}, []string{"python", "-m", "pip", "install", "uv"}, "", ""},
		"nothing of Slip.": {sides{}, []string{"uv", "sync", "--quiet", "--locked"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Run{sides: c.sides}
			err := r.explainInstall(fmt.Errorf("it failed: %w", &dagger.ExecError{Cmd: c.cmd, ExitCode: 1, Stderr: c.said}))
			o := outcomeOf(Outcome{}, err)
			if (c.next == "") != (o.Next == "") || !strings.Contains(o.Next, c.next) || o.Output != c.said {
				t.Errorf("%q, the end of its output %q, next %q; want %q", o.Reason, o.Output, o.Next, c.next)
			}
		})
	}
}
