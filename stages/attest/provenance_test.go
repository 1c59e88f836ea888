package attest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func made() Made {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678, time.FixedZone("", 3600))
	return Made{
		Asked: Asked{
			Version: "1.2.3", Image: "registry.example.com/acme/api", Context: "backend", Dockerfile: "Dockerfile", Platforms: []string{"linux/amd64"},
			Arguments: []Argument{{"VERSION", "1.2.3"}, {"PUBLIC_URL", "https://shop.example.com/api"}, {"EMPTY", ""}}, Secrets: []string{"npm"},
		},
		Unpinned:  []string{"python:3.13-slim"},
		Materials: []Material{{URI: "git+https://git.example.com/acme/shop", Digest: map[string]string{"gitCommit": "c0ffee"}}},
		Builder:   Laptop, Run: "7", Started: at, Finished: at.Add(time.Minute),
	}
}

func keep(text string) string { return text }

func TestProvenance(t *testing.T) {
	got, err := made().Predicate(keep)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"buildDefinition":{"buildType":"https://slipway.example/build/v1",
		"externalParameters":{"buildArguments":[{"name":"VERSION","value":"1.2.3"},{"name":"PUBLIC_URL","value":"https://shop.example.com/api"},{"name":"EMPTY"}],
			"buildSecrets":["npm"],"context":"backend","dockerfile":"Dockerfile","image":"registry.example.com/acme/api","platforms":["linux/amd64"],"version":"1.2.3"},
		"internalParameters":{"reused":false,"unpinned":["python:3.13-slim"]},
		"resolvedDependencies":[{"digest":{"gitCommit":"c0ffee"},"uri":"git+https://git.example.com/acme/shop"}]},
		"runDetails":{"builder":{"id":"https://slipway.example/laptop"},"metadata":{"finishedOn":"2026-01-02T02:05:05Z","invocationId":"7","startedOn":"2026-01-02T02:04:05Z"}}}`
	if flat := strings.NewReplacer("\n", "", "\t", "").Replace(want); string(got) != flat {
		t.Errorf("got  %s\nwant %s", got, flat)
	}
	built, err := ReadProvenance(got)
	if text := fmt.Sprintf("%+v", built); err != nil || text != "{Image:registry.example.com/acme/api Version:1.2.3 Commits:[c0ffee] Builder:https://slipway.example/laptop Reused:false}" {
		t.Errorf("it is read as %s, %v", text, err)
	}
	again := made()
	again.Reused = true
	if got, err = again.Predicate(keep); err != nil {
		t.Fatal(err)
	}
	if built, err = ReadProvenance(got); err != nil || !built.Reused {
		t.Errorf("one of an image that was found is read as %+v, %v", built, err)
	}
}

// TestProvenanceHasNoSecret: whatever people put where no secret belongs.
func TestProvenanceHasNoSecret(t *testing.T) {
	const secret = "hunter2hunter2"
	hide := func(text string) string { return strings.ReplaceAll(text, secret, "***") }
	spoil := func(change func(*Made)) Made {
		m := made()
		change(&m)
		return m
	}
	for name, m := range map[string]Made{
		"an argument":           spoil(func(m *Made) { m.Asked.Arguments[1].Value = secret }),
		"a part of an argument": spoil(func(m *Made) { m.Asked.Arguments[1].Value = "a " + secret + " b" }),
		"the folder":            spoil(func(m *Made) { m.Asked.Context = secret }),
		"a platform":            spoil(func(m *Made) { m.Asked.Platforms[0] = secret }),
		"the version":           spoil(func(m *Made) { m.Asked.Version = secret }),
		"the name of a secret":  spoil(func(m *Made) { m.Asked.Secrets[0] = secret }),
		"the repository":        spoil(func(m *Made) { m.Materials[0].URI = "git+https://u:" + secret + "@git.example.com" }),
		"the digest":            spoil(func(m *Made) { m.Materials[0].Digest["gitCommit"] = secret }),
		"the page of the run":   spoil(func(m *Made) { m.Run = "https://ci.example.com/?token=" + secret }),
		"the builder":           spoil(func(m *Made) { m.Builder = "https://ci.example.com/" + secret }),
		"the base of a file":    spoil(func(m *Made) { m.Unpinned[0] = "python:" + secret }),
		"a name of an argument": spoil(func(m *Made) { m.Asked.Arguments[1].Name = secret }),
	} {
		got, err := m.Predicate(hide)
		if err != nil || strings.Contains(string(got), secret) {
			t.Errorf("%s: %v, %s", name, err, got)
		}
	}
}

// TestArgumentsThatMayBeSecrets have no value.
func TestArgumentsThatMayBeSecrets(t *testing.T) {
	for _, c := range []struct {
		name, value string
		said        bool
	}{
		{"VERSION", "1.2.3", true},
		{"NEXT_PUBLIC_API_URL", "https://api.example.com/v1", true},
		{"MODE", "production", true},
		{"KEYBOARD", "de", true},
		{"MONKEY_COUNT", "3", true},
		{"COMPASS", "north", true},
		{"COMMIT", "0123456789abcdef0123456789abcdef01234567", false}, // as long and as random as a key
		{"NPM_TOKEN", "abc", false},
		{"npm_token", "abc", false},
		{"DB_PASSWORD", "abc", false},
		{"DB_PASS", "abc", false},
		{"API_KEY", "abc", false},
		{"KEY", "abc", false},
		{"GH_PAT", "abc", false},
		{"SENTRY_DSN", "abc", false},
		{"CLIENT_SECRET", "abc", false},
		{"BASIC_AUTH", "abc", false},
		{"INDEX", "https://user:pass@pypi.example.com/simple", false},
		{"INDEX", "https://token@pypi.example.com/simple", false},
		{"DATABASE", "postgres://shop:pass@db/shop", false},
		{"INDEX", "https://pypi.example.com/simple?sig=abc", false},
		{"A", "ghp_abcdefgh", false},
		{"A", "github_pat_abcdefgh", false},
		{"A", "glpat-abcdefgh", false},
		{"A", "AKIAABCDEFGH", false},
		{"A", "eyJhbGciOi", false},
		{"A", "-----BEGIN PRIVATE KEY-----", false},
		{"A", "dGhpcyBpcyBhIHNlY3JldCBvZiBzb21lIGxlbmd0aA==", false},
	} {
		m := made()
		m.Asked.Arguments = []Argument{{c.name, c.value}}
		text, err := m.Predicate(keep)
		if err != nil {
			t.Fatal(err)
		}
		var got provenance
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		a := got.Definition.External.Arguments[0]
		if a.Name != c.name || a.Value != "" != c.said || m.Asked.Arguments[0].Value != c.value {
			t.Errorf("%s=%s: %+v", c.name, c.value, a)
		}
	}
}

func TestBuilder(t *testing.T) {
	for _, c := range []struct{ identity, page, want string }{
		{"", "", Laptop},
		{"", "not an address", Laptop},
		{"", "/only/a/path", Laptop},
		{"https://github.com/acme/shop/.github/workflows/release.yml@refs/heads/main", "https://github.com/acme/shop/actions/runs/1", "https://github.com/acme/shop/.github/workflows/release.yml@refs/heads/main"},
		{"", "https://github.com/acme/shop/actions/runs/1234/attempts/2", "https://github.com/acme/shop/actions/runs"},
		{"", "https://gitlab.com/acme/group/shop/-/jobs/1234", "https://gitlab.com/acme/group/shop"},
		{"", "https://circleci.com/gh/acme/shop/1234", "https://circleci.com/gh/acme/shop"},
		{"", "https://app.circleci.com/pipelines/github/acme/shop/12/workflows/0a1b2c3d-0000-1111-2222-333344445555", "https://app.circleci.com/pipelines/github/acme/shop"},
		{"", "https://ci.example.com/job/shop/12/", "https://ci.example.com/job/shop"},
		{"", "https://user:pass@ci.example.com/job/shop/12/?token=abc#x", "https://ci.example.com/job/shop"},
		{"", "https://ci.example.com/12", "https://ci.example.com"},
	} {
		if got := Builder(c.identity, c.page); got != c.want {
			t.Errorf("%q, %q: %s, want %s", c.identity, c.page, got, c.want)
		}
	}
}
