package stages

import "testing"

// TestEnvironmentThatIsNotNamed: a setting that names one server leaves the other at its default.
func TestEnvironmentThatIsNotNamed(t *testing.T) {
	for setting, want := range map[string][2]string{
		"":                 {defaultComposeFile, defaultComposeFile},
		"a.yml":            {"a.yml", "a.yml"},
		"staging=a.yml":    {"a.yml", defaultComposeFile},
		"production=b.yml": {defaultComposeFile, "b.yml"},
	} {
		c, err := Settings{Severity: "HIGH", Staging: "a@one", Production: "a@two", ComposeFile: setting}.read()
		if err != nil {
			t.Errorf("%s: %v", setting, err)
			continue
		}
		if got := [2]string{c.environments[staging].composeFile, c.environments[production].composeFile}; got != want {
			t.Errorf("%s: got %q, want %q", setting, got, want)
		}
		if c.composeFiles[staging] != want[0] || c.composeFiles[production] != want[1] {
			t.Errorf("%s: the files that are looked at are %q", setting, c.composeFiles)
		}
	}
}
