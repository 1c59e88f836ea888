package stages

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	_ "dagger/slipway/stages/enginetest"
	"dagger/slipway/stages/server"
)

func TestParseImages(t *testing.T) {
	for setting, want := range map[string][]Image{
		"": nil,
		"backend=backend, frontend=frontend, arq-worker=backend:Dockerfile.worker": {
			{Name: "backend", Context: "backend", Dockerfile: "Dockerfile"},
			{Name: "frontend", Context: "frontend", Dockerfile: "Dockerfile"},
			{Name: "arq-worker", Context: "backend", Dockerfile: "Dockerfile.worker"},
		},
		"team/api=.:docker/api.Dockerfile#runtime": {{Name: "team/api", Context: ".", Dockerfile: "docker/api.Dockerfile", Target: "runtime"}},
		"fullstack-backend=backend":                {{Name: "fullstack-backend", Context: "backend", Dockerfile: "Dockerfile"}},
		"ui=keep-ui:../docker/ui":                  {{Name: "ui", Context: "keep-ui", Dockerfile: "../docker/ui"}},
		"ui=a/b:../../docker/ui":                   {{Name: "ui", Context: "a/b", Dockerfile: "../../docker/ui"}},
		"ui=a/b:../b/docker/../ui":                 {{Name: "ui", Context: "a/b", Dockerfile: "ui"}},
		"ui=keep-ui:../keep-ui-2/file":             {{Name: "ui", Context: "keep-ui", Dockerfile: "../keep-ui-2/file"}},
		"a=x#y,":                                   {{Name: "a", Context: "x", Dockerfile: "Dockerfile", Target: "y"}},
	} {
		t.Run(setting, func(t *testing.T) {
			got, err := ParseImages(setting)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("got %+v, %v; want %+v", got, err, want)
			}
		})
	}
}

func TestParseImagesRefuses(t *testing.T) {
	for setting, reason := range map[string]string{
		"backend":               `found "backend": it has no =`,
		"Backend=backend":       `found "Backend" in "Backend=backend"`,
		"a=x, a=y":              `the image "a" stands twice`,
		"a=":                    `expected a folder after the = in "a="`,
		"a=x:":                  `expected a Dockerfile after the : in "a=x:"`,
		"a=x#":                  `expected a build stage after the # in "a=x#"`,
		"a=x#$(id)":             `found "$(id)"`,
		"a=../x":                `expected a path inside the repository, found "../x"`,
		"a=x:/etc/passwd":       `expected a Dockerfile inside the repository, found "/etc/passwd"`,
		"a=.:../Dockerfile":     `found "../Dockerfile"`,
		"a=x:../y/../../z":      `found "../y/../../z"`,
		"good=x, b ad=y":        `found "b ad" in "b ad=y"`,
		"a=x, -rf=y":            `found "-rf"`,
		"a=x\nb=y":              `expected a path inside the repository`,
		"a=backend:../../x":     `found "../../x"`,
		"image..two=backend":    `found "image..two"`,
		"a=x:Dockerfile#one#tw": `found "one#tw"`,
	} {
		t.Run(setting, func(t *testing.T) {
			if got, err := ParseImages(setting); err == nil || !strings.Contains(err.Error(), reason) {
				t.Errorf("got %+v, %v; want an error with %q", got, err, reason)
			}
		})
	}
}

func FuzzParseImages(f *testing.F) {
	f.Add("backend=backend, worker=backend:Dockerfile.worker#run")
	f.Fuzz(func(t *testing.T, setting string) {
		images, err := ParseImages(setting)
		if err != nil {
			return
		}
		for _, i := range images {
			if i.Name == "" || strings.HasPrefix(i.Name, "-") || i.Name != strings.ToLower(i.Name) || strings.ContainsAny(i.Name, " :@\n") {
				t.Errorf("accepted the name %q", i.Name)
			}
			for _, p := range []string{i.Context, i.path()} {
				if p == "" || strings.HasPrefix(p, "/") || slices.Contains(strings.Split(p, "/"), "..") || strings.ContainsAny(p, "\n\x00") {
					t.Errorf("accepted the path %q", p)
				}
			}
		}
	})
}

func TestParsePairs(t *testing.T) {
	got, err := parsePairs(" postgres=postgres:17 ,redis = redis:8@sha256:ab=", "x=y")
	want := []pair{{"postgres", "postgres:17"}, {"redis", "redis:8@sha256:ab="}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	for setting, reason := range map[string]string{
		"postgres":     `expected name=value such as x=y, found "postgres"`,
		"=postgres:17": `found "" in "=postgres:17"`,
		"a=b, a=c":     `the name "a" stands twice`,
		"a b=c":        `found "a b"`,
	} {
		if _, err := parsePairs(setting, "x=y"); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%q: got %v, want an error with %q", setting, err, reason)
		}
	}
}

func TestSettingsReportAllThatIsWrong(t *testing.T) {
	_, err := Settings{Images: "x", TestServices: "y", ToolImages: "z=1", Severity: "HIGH", Platforms: "linux/x", CoverageThreshold: "101", Backend: "../b", VersionFiles: "/etc/passwd", Categories: "x"}.read()
	if err == nil {
		t.Fatal("everything is accepted")
	}
	for _, setting := range []string{"images", "testServices", "toolImages", "platforms", "coverageThreshold", "backend", "versionFiles", "categories"} {
		if !strings.Contains(err.Error(), "setting "+setting+": ") {
			t.Errorf("the error does not name %s: %v", setting, err)
		}
	}
}

// TestVersionFilesFollowTheFolders: with backend=api, api/pyproject.toml says the version.
func TestVersionFilesFollowTheFolders(t *testing.T) {
	for name, c := range map[string]struct{ backend, frontend, files, want string }{
		"the folders' defaults":  {"", "", "", "backend/pyproject.toml, frontend/package.json"},
		"other folders":          {"api", "web/app/", "", "api/pyproject.toml, web/app/package.json"},
		"the root":               {".", "web", "", "pyproject.toml, web/package.json"},
		"a side that is not":     {"none", "web", "", "web/package.json"},
		"neither side":           {"none", "none", "", ""},
		"files that are named":   {"api", "none", "pyproject.toml, ./a/package.json", "pyproject.toml, a/package.json"},
		"the tag alone":          {"api", "web", "none", ""},
		"nothing between commas": {"api", "none", " , ", "api/pyproject.toml"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Settings{Severity: "HIGH", Backend: c.backend, Frontend: c.frontend, VersionFiles: c.files}.read()
			if err != nil || strings.Join(got.versionFiles, ", ") != c.want {
				t.Errorf("got %v, %v, want %s", got.versionFiles, err, c.want)
			}
		})
	}
}

func TestForceReason(t *testing.T) {
	for _, c := range []struct {
		name   string
		force  bool
		reason string
		want   string
		err    string
	}{
		{"not forced", false, "", "", ""},
		{"a reason without force", false, "outage of the shop", "", "--reason is given without --force"},
		{"no reason", true, "", "", "--force needs --reason with at least 10 visible characters, found 0"},
		{"nine visible characters", true, "ab cd ef gh i", "", "at least 10 visible characters, found 9"},
		{"ten", true, "ab cd ef gh ij", "ab cd ef gh ij", ""},
		{"only spaces and controls", true, strings.Repeat(" \x00\u200b\n", 20), "", "at least 10 visible characters, found 0"},
		{"lines are joined", true, "the shop\nis down now", "the shop is down now", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := forceReason(c.force, c.reason)
			if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("got %q, %v, want %q, %q", got, err, c.want, c.err)
			}
		})
	}
}

// TestSettingsOfWorkspaces: Dagger 1.0 splits what `dagger settings` is given at its commas, and hands over a JSON array.
func TestSettingsOfWorkspaces(t *testing.T) {
	typed := Settings{
		Images: "backend=api, worker=api:Dockerfile.worker", TestServices: "postgres=postgres:17, redis=redis:8", Severity: "HIGH,CRITICAL",
		Categories: "New: feature, feat; Other:", ReleaseBranches: "release/*, [ab]", HealthURL: "staging=https://a.example/x, production=https://b.example/x",
	}
	split := Settings{
		Images: `["backend=api","worker=api:Dockerfile.worker"]`, TestServices: `["postgres=postgres:17","redis=redis:8"]`, Severity: `["HIGH","CRITICAL"]`,
		Categories: `["New: feature","feat; Other:"]`, ReleaseBranches: `["release/*","[ab]"]`, HealthURL: `["staging=https://a.example/x","production=https://b.example/x"]`,
	}
	want, err := typed.read()
	if err != nil {
		t.Fatal(err)
	}
	got, err := split.read()
	if err != nil {
		t.Fatal(err)
	}
	want.Settings, got.Settings = Settings{}, Settings{} // spaces after commas
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if _, err := (Settings{Images: `["backend"]`}).read(); err == nil || !strings.Contains(err.Error(), `found "backend": it has no =`) {
		t.Errorf("a wrong list says %v", err)
	}
}

// The image with pg_restore is one of the tools, so that a mirror serves it too.
func TestServersGetTheImageWithPgRestore(t *testing.T) {
	tools, _, err := parseTools("postgres=mirror.example/postgres:17")
	if err != nil {
		t.Fatal(err)
	}
	r := &Run{config: config{tools: tools}}
	if got := r.serverEnvironment(environment{}, server.Login{}).Postgres; got != "mirror.example/postgres:17" {
		t.Errorf("the server gets %q", got)
	}
}
