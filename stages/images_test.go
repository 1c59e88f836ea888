package stages

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/registry"
	"dagger/slipway/stages/release"
)

func TestParseBuildArgs(t *testing.T) {
	images := []Image{{Name: "frontend"}, {Name: "team/api"}}
	got, err := parseBuildArgs("frontend:API=https://api.example.com:8443/v1?a=b, team/api:COMMIT=, frontend:MODE={\"a\":{}}", images)
	want := map[string][]pair{"frontend": {{"API", "https://api.example.com:8443/v1?a=b"}, {"MODE", `{"a":{}}`}}, "team/api": {{"COMMIT", ""}}}
	if err != nil || !maps.EqualFunc(got, want, slices.Equal[[]pair]) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	for setting, reason := range map[string]string{
		"API=https://x":              `expected image:NAME=value such as frontend:NEXT_PUBLIC_API_URL=https://api.example.com, found "API=https://x"`,
		"frontend:API":               `found "frontend:API"`,
		"frontend:=x":                `found "" in "frontend:=x"`,
		"frontend:A-B=x":             `expected a name of letters, digits and _ before the =, found "A-B" in "frontend:A-B=x"`,
		"ui:API=x":                   `no image is called "ui", found it in "ui:API=x": the setting images has frontend, team/api`,
		"frontend:VERSION=1":         `every image is given VERSION by Slipway, found it in "frontend:VERSION=1"`,
		"frontend:A=1, frontend:A=2": `"frontend:A" stands twice`,
	} {
		if got, err := parseBuildArgs(setting, images); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%q: got %v, %v; want an error with %q", setting, got, err, reason)
		}
	}
}

// TestBuildArgsOfTheRelease: values that name the version or the commit follow them, in the build and in what is said of it.
func TestBuildArgsOfTheRelease(t *testing.T) {
	const commit = "0123456789abcdef0123456789abcdef01234567"
	images := []Image{{Name: "api"}, {Name: "ui"}}
	args, err := parseBuildArgs("api:RELEASE_VERSION=v{version}, api:ID={version}+{commit}, api:MODE=production", images)
	if err != nil {
		t.Fatal(err)
	}
	for v, want := range map[string]string{
		"1.3.0-rc.1": "VERSION=1.3.0-rc.1 RELEASE_VERSION=v1.3.0-rc.1 ID=1.3.0-rc.1+" + commit + " MODE=production",
		"":           "VERSION=sha-0123456 RELEASE_VERSION=vsha-0123456 ID=sha-0123456+" + commit + " MODE=production", // outside of a release
	} {
		r := &Run{Version: mustVersion(t, v), source: source{commit: commit}, config: config{buildArgs: args}}
		var given, said []string
		for _, a := range r.arguments(images[0]) {
			given = append(given, a.name+"="+a.value)
		}
		for _, a := range r.asked(images[0], "").Arguments {
			said = append(said, a.Name+"="+a.Value)
		}
		if got := strings.Join(given, " "); got != want {
			t.Errorf("given: %s, want %s", got, want)
		}
		if got := strings.Join(said, " "); got != want {
			t.Errorf("said: %s, want %s", got, want)
		}
		if got := r.arguments(images[1]); len(got) != 1 || got[0].name != "VERSION" {
			t.Errorf("another image gets %v", got)
		}
	}
}

// TestMissingBuildArgs: the advice gives no value that would still be there in the next release.
func TestMissingBuildArgs(t *testing.T) {
	for arg, want := range map[string]string{
		"API":             "(ui:A=value; an empty value counts too)",
		"RELEASE_VERSION": "(ui:RELEASE_VERSION=value, or {version} for the version that is released; an empty value counts too)",
		"COMMIT":          "(ui:COMMIT=value, or {commit} for the commit that is released; an empty value counts too)",
		"git_sha":         "(ui:git_sha=value, or {commit} for the commit that is released; an empty value counts too)",
		"VCS_REVISION":    "(ui:VCS_REVISION=value, or {commit} for the commit that is released; an empty value counts too)",
	} {
		r := &Run{source: source{files: map[string][]byte{"Dockerfile": []byte("FROM node\nARG A\nARG " + arg + "\nRUN build $A $" + arg + "\n")}}}
		r.config.images = []Image{{Name: "ui", Context: ".", Dockerfile: "Dockerfile"}}
		err := r.checkBuildArgs(t.Context())
		if err == nil || !strings.Contains(explain(err).next, want) {
			t.Errorf("%s: %v, %q, want %s", arg, err, explain(err).next, want)
		}
	}
}

func TestParseBuildSecrets(t *testing.T) {
	got, err := parseBuildSecrets("# for npm\n\nNPM_TOKEN=npm_pa$word==\r\nexport pip.conf=\"[global]\\nindex = \\\"x\\\"\"\n key-1 = 'two words \\n'\nLAST=\"unclosed")
	want := []buildSecret{{"NPM_TOKEN", "npm_pa$word=="}, {"pip.conf", "[global]\nindex = \"x\""}, {"key-1", `two words \n`}, {"LAST", `"unclosed`}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	const canary = "canary-of-a-secret"
	for text, reason := range map[string]string{
		"A=" + canary + "\n\n" + canary + "\n": "has no = in line 3",
		canary + "/1=x":                        "has no id before the = in line 1",
		"=" + canary:                           "has no id before the = in line 1",
		"# one\nA=canary":                      "has a value of 6 characters in line 2, expected at least 8",
		"A=" + canary + "\nA=" + canary + "\n": "has the id of line 2 twice",
		"A=":                                   "has a value of 0 characters in line 1",
	} {
		if _, err := parseBuildSecrets(text); err == nil || !strings.Contains(err.Error(), reason) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: got %v; want an error with %q that does not quote it", text, err, reason)
		}
	}
}

// TestHideInParallel: several stages learn secrets at once, and none of them is lost.
func TestHideInParallel(t *testing.T) {
	const stages, secrets = 8, 2000
	r := &Run{}
	var group sync.WaitGroup
	for range stages {
		group.Go(func() {
			for range secrets {
				r.hide("", "a secret of many")
			}
		})
	}
	group.Wait()
	if hidden := len(r.concealed.hidden); hidden != stages*secrets {
		t.Errorf("%d of %d are hidden", hidden, stages*secrets)
	}
}

func TestParseLogins(t *testing.T) {
	got, err := parseLogins(`{"credsStore": "desktop", "auths": {"https://index.docker.io/v1/": {"auth": "YWNtZTpwYTpzcw=="}, "ghcr.io": {"username": "bot", "password": "s3cret"}}}`)
	want := []login{{"ghcr.io", "bot", "s3cret"}, {"https://index.docker.io/v1/", "acme", "pa:ss"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	if got, err := parseLogins(""); got != nil || err != nil {
		t.Errorf("of nothing: got %v, %v", got, err)
	}
	for text, reason := range map[string]string{
		"canary": "is not in the form of Docker's config.json",
		`{}`:     "is not in the form",
		`{"auths": {"x.io": {"auth": "canary"}}}`: "is not in the form",
		`{"auths": {"x.io": {}}}`:                 "has no user and password for x.io: where a credential helper keeps them",
	} {
		if got, err := parseLogins(text); err == nil || !strings.Contains(err.Error(), reason) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: got %v, %v; want an error with %q that does not quote it", text, got, err, reason)
		}
	}
}

func TestParsePlatforms(t *testing.T) {
	for setting, want := range map[string][]dagger.Platform{
		"": {"linux/amd64"}, "linux/arm64": {"linux/arm64"}, " linux/arm/v7, ": {"linux/arm/v7"}, "linux/arm64,linux/amd64": {"linux/arm64", "linux/amd64"},
	} {
		if got, err := parsePlatforms(setting); !slices.Equal(got, want) || err != nil {
			t.Errorf("%q: got %s, %v", setting, got, err)
		}
	}
	for setting, reason := range map[string]string{
		"amd64":                    `no platform is called "amd64": expected one of linux/amd64, linux/arm64`,
		"linux/amd64, windows/arm": `no platform is called "windows/arm"`,
		"linux/amd64, linux/amd64": `the platform "linux/amd64" stands twice`,
	} {
		if got, err := parsePlatforms(setting); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%q: got %s, %v; want an error with %q", setting, got, err, reason)
		}
	}
}

func TestDockerfileFromOutside(t *testing.T) {
	i := Image{Name: "ui", Context: "keep-ui", Dockerfile: "../docker/Dockerfile.ui"}
	for name, c := range map[string]struct {
		files map[string][]byte
		want  string
	}{
		"nothing to ignore": {nil, ""},
		"the context's own": {map[string][]byte{"keep-ui/.dockerignore": []byte("node_modules")}, "node_modules"},
		"the Dockerfile's":  {map[string][]byte{"keep-ui/.dockerignore": []byte("node_modules"), "docker/Dockerfile.ui.dockerignore": []byte("*\n!src")}, "*\n!src"},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string][]byte{i.path(): []byte("FROM scratch\n")}
			maps.Copy(files, c.files)
			dockerfile, ignore := i.bring(files)
			folder, file, _ := strings.Cut(dockerfile.name, "/")
			if file != "Dockerfile.ui" || dockerfile.text != "FROM scratch\n" || ignore.name != dockerfile.name+".dockerignore" {
				t.Errorf("brings %q and %q", dockerfile, ignore)
			}
			if want := c.want + "\n" + folder + "\n"; ignore.text != want {
				t.Errorf("ignores %q, want %q", ignore.text, want)
			}
		})
	}
	one, _ := i.bring(map[string][]byte{i.path(): []byte("FROM a")})
	two, _ := i.bring(map[string][]byte{i.path(): []byte("FROM b")})
	if one.name == two.name {
		t.Error("two Dockerfiles have one name")
	}
}

func TestImageSees(t *testing.T) {
	paths := []string{"a.bin", "ui/b.bin", "ui/docs/c.bin", "ui-2/d.bin", "vendor"}
	files := map[string][]byte{"ui/.dockerignore": []byte("docs\n"), ".dockerignore": []byte("*.bin\n")}
	for _, c := range []struct {
		context string
		files   map[string][]byte
		want    []string
	}{
		{"ui", nil, []string{"ui/b.bin", "ui/docs/c.bin"}},
		{"ui", files, []string{"ui/b.bin"}},
		{"ui", map[string][]byte{"ui/.dockerignore": []byte("[")}, []string{"ui/b.bin", "ui/docs/c.bin"}},
		{".", files, []string{"ui/b.bin", "ui/docs/c.bin", "ui-2/d.bin", "vendor"}},
		{"vendor/theme", nil, []string{"vendor"}},
		{"vendor", nil, []string{"vendor"}},
		{"api", nil, nil},
	} {
		if got := (Image{Context: c.context, Dockerfile: "Dockerfile"}).sees(paths, c.files); !slices.Equal(got, c.want) {
			t.Errorf("from %s: got %q, want %q", c.context, got, c.want)
		}
	}
}

// TestBuildsAreComplete is about what a build would not notice: nothing where a value, a file or a folder belongs.
func TestBuildsAreComplete(t *testing.T) {
	r := &Run{source: source{
		files: map[string][]byte{
			"backend/Dockerfile":  []byte("FROM python\nARG VERSION\nLABEL v=$VERSION\n"),
			"frontend/Dockerfile": []byte("FROM node\nARG API\nARG MODE\nRUN build $API $MODE\n"),
		},
		pointers: []string{"backend/model.bin", "docs/photo.png"}, submodules: []string{"frontend/theme"},
	}}
	r.config.images = []Image{{Name: "api", Context: "backend", Dockerfile: "Dockerfile"}, {Name: "ui", Context: "frontend", Dockerfile: "Dockerfile"}}
	r.config.buildArgs = map[string][]pair{"ui": {{"MODE", "production"}}}
	for check, words := range map[string][]string{
		"arguments": {"image ui: frontend/Dockerfile uses build arguments that have no value: API", "buildArgs (ui:API=value"},
		"content": {"image api: the content of files in Git LFS was not fetched: backend/model.bin", "image ui: submodules were not fetched: frontend/theme",
			"git lfs pull", "git submodule update --init --recursive"},
	} {
		err := map[string]func(context.Context) error{"arguments": r.checkBuildArgs, "content": r.checkFetched}[check](context.Background())
		if err == nil {
			t.Fatalf("%s: nothing is refused", check)
		}
		said := err.Error() + explain(err).next
		for _, w := range words {
			if !strings.Contains(said, w) {
				t.Errorf("%s: %q does not hold %q", check, said, w)
			}
		}
	}
	r.config.buildArgs["ui"] = append(r.config.buildArgs["ui"], pair{"API", ""})
	if err := r.checkBuildArgs(context.Background()); err != nil {
		t.Errorf("an argument that is given: %v", err)
	}
}

func TestKeepsHealthcheck(t *testing.T) {
	for version, want := range map[string]bool{
		"v0.19.10": false, "v0.19.11": false, "v0.20.0": true, "v0.20.0-dev-1": true, "v0.21.8": true, "v1.0.0-beta.10": true, "": true,
	} {
		if got := keepsHealthcheck(version); got != want {
			t.Errorf("%q: %t", version, got)
		}
	}
}

// TestFoundImageIsReplaced: what stood under the commit's tag when it was judged is what is released, or nothing is.
func TestFoundImageIsReplaced(t *testing.T) {
	r := prefixed(t, "v", "1.2.3")
	r.found.images = map[string]*built{"api": {Image: Image{Name: "api"}, reused: true, digest: "sha256:judged"}}
	plan := func(digest string) release.Plan {
		return release.Plan{Reused: map[string]registry.Image{"api": {Digest: digest}}}
	}
	if err := r.reusePublished(plan("sha256:judged")); err != nil {
		t.Error(err)
	}
	if err := r.reusePublished(plan("sha256:other")); err == nil || !strings.HasPrefix(err.Error(), "api was in the registry when this run began, and is not there now as it was") {
		t.Errorf("got %v", err)
	}
}
