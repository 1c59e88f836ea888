package e2e

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// numbered is a version of a repository, and the commit that it is made of.
type numbered struct {
	major, minor, patch int
	commit              string
}

func (v numbered) String() string { return fmt.Sprintf("%d.%d.%d", v.major, v.minor, v.patch) }
func (v numbered) series() string { return fmt.Sprintf("%d.%d", v.major, v.minor) }
func (v numbered) sha() string    { return "sha-" + v.commit[:7] }

// floating are the tags that v moves, if it is the highest.
func (v numbered) floating() []string { return []string{v.series(), fmt.Sprint(v.major), "latest"} }

func (v numbered) bump(part string) numbered {
	switch part {
	case "major":
		return numbered{major: v.major + 1}
	case "minor":
		return numbered{major: v.major, minor: v.minor + 1}
	}
	return numbered{major: v.major, minor: v.minor, patch: v.patch + 1}
}

func (v numbered) compare(w numbered) int {
	return slices.Compare([]int{v.major, v.minor, v.patch}, []int{w.major, w.minor, w.patch})
}

// releaseLine is a repository whose releases go, one after the other, to a registry, a forge, a server and a team.
type releaseLine struct {
	forgeShop
	services   *provedServices
	prefix     string // in the registry
	server     Server // staging
	production Server
	settings   []string
	files      []string // of an undisturbed release, by which all others are measured
	statements int      // that hang below the images of one
	watcher    *watcher

	versions []numbered
}

// provedFiles are small, so that a release takes seconds, and every image is built anew for each version.
var provedFiles = map[string]string{
	"app/Dockerfile": "FROM python:3.13-slim\nCOPY version /\nUSER 10001\nCMD [\"sleep\", \"infinity\"]\n",
	"compose.yml": `x-service: &service
  restart: unless-stopped
  init: true
  stop_grace_period: 1s
  healthcheck:
    test: ["CMD", "bash", "-c", "test -s /version"]
    interval: 10s
    start_period: 10s
    start_interval: 1s
` + composeServices,
}

// newReleaseLine makes the repository and its first release, which nobody disturbs.
func newReleaseLine(t *testing.T, services *provedServices) *releaseLine {
	t.Helper()
	l := &releaseLine{forgeShop: inGitea(t, Shop{Dir: filepath.Join(t.TempDir(), "line")}), services: services, prefix: NewPrefix(t)}
	l.name = path.Base(l.prefix) // one name in all services, by which their requests are told apart
	l.repository = "http://" + services.Addr() + "/slipway/" + l.name
	for name, text := range provedFiles {
		l.Write(t, name, text)
	}
	l.Git(t, "init", "-q", "-b", "main")
	first := l.commitVersion(t, numbered{major: 1})
	l.PushToGitea(t, l.name)
	var d DeployShop
	d.addServers(t)
	l.server, l.production = d.Staging, d.Production
	l.Setenv("SLACK_WEBHOOK_URL", "http://"+services.Addr()+"/slack/"+l.name)
	l.settings = append(d.Arguments(), "--registry="+path.Join(services.Addr(), l.name),
		"--images=backend=app, frontend=app, arq-worker=app", "--backend=none", "--frontend=none", "--compose-file=compose.yml",
		"--forge=gitea", "--repository="+l.repository, "--forge-token=env://FORGE_TOKEN", "--slack-webhook-url=env://SLACK_WEBHOOK_URL")
	l.watcher = watch(t, l.prefix, func() time.Time { return services.lastWrite(l.name) })
	l.watcher.expect(first)
	green(t, l.release(t, first), "Outcome: released")
	found := l.observe(t)
	if len(found.releases) != 1 || len(found.releases[0].Assets) == 0 {
		t.Fatalf("the undisturbed release is %+v", found.releases)
	}
	l.files, l.statements = found.releases[0].files(), l.attached(t, found, first)
	if l.statements == 0 {
		t.Fatal("nothing is attached to the images of the undisturbed release")
	}
	l.check(t, found, first)
	return l
}

// commitVersion changes what every image holds, and records it as what the version is made of.
func (l *releaseLine) commitVersion(t *testing.T, v numbered) numbered {
	t.Helper()
	l.Write(t, "app/version", v.String()+"\n")
	v.commit = l.Commit(t, subject(v))
	l.versions = append(l.versions, v)
	return v
}

func subject(v numbered) string { return "feat: what " + v.String() + " is about" }

// next is a new version, on the forge's main branch and expected by the watcher.
func (l *releaseLine) next(t *testing.T, part string) numbered {
	t.Helper()
	v := l.commitVersion(t, l.versions[len(l.versions)-1].bump(part))
	l.push(t, "main")
	l.watcher.expect(v)
	return v
}

func (l *releaseLine) call(args ...string) []string { return append(slices.Clone(l.settings), args...) }

func (l *releaseLine) release(t *testing.T, v numbered) Result {
	t.Helper()
	return l.Call(t, l.call("release", "--version="+v.String())...)
}

// observed is everything that a release leaves, read past Slipway.
type observed struct {
	tags     map[string]map[string]string // image, tag, digest
	refs     map[string]string
	releases []giteaRelease
	running  map[string]string
}

func (l *releaseLine) observe(t *testing.T) observed {
	t.Helper()
	o := observed{tags: map[string]map[string]string{}, refs: l.remoteRefs(t), releases: l.releases(t), running: l.server.Running(t)}
	for _, image := range Images {
		o.tags[image] = Tags(t, l.prefix, image)
	}
	return o
}

// attached counts what hangs below the images that have the tag of a version's commit.
func (l *releaseLine) attached(t *testing.T, o observed, v numbered) (n int) {
	t.Helper()
	for _, image := range Images {
		if digest := o.tags[image][v.sha()]; digest != "" {
			n += Statements(t, l.prefix, image, digest)
		}
	}
	return n
}

func (r giteaRelease) files() (names []string) {
	for _, a := range r.Assets {
		names = append(names, a.Name)
	}
	slices.Sort(names)
	return names
}

// left says in short how far the release of v has come.
func (o observed) left(v numbered) string {
	count := func(tags ...string) (n int) {
		for _, image := range Images {
			for _, tag := range tags {
				if digest := o.tags[image][tag]; digest != "" && (tag == v.sha() || digest == o.tags[image][v.String()]) {
					n++
				}
			}
		}
		return n
	}
	all := []string{fmt.Sprintf("commit tag %d/3, VERSION %d/3, floating %d/9", count(v.sha()), count(v.String()), count(v.floating()...))}
	if o.refs["refs/tags/v"+v.String()] != "" {
		all = append(all, "git tag")
	}
	for _, r := range o.releases {
		if r.TagName == "v"+v.String() {
			all = append(all, fmt.Sprintf("%s with %d files", map[bool]string{true: "draft", false: "release"}[r.Draft], len(r.Assets)))
		}
	}
	if o.runs(v) {
		all = append(all, "on staging")
	}
	return strings.Join(append(all, o.marks()...), ", ")
}

// versioned says whether any image has the version.
func (o observed) versioned(v numbered) bool {
	return slices.ContainsFunc(Images, func(image string) bool { return o.tags[image][v.String()] != "" })
}

// marks are the refs that say that a run is under way.
func (o observed) marks() (names []string) {
	for ref := range o.refs {
		if name, ok := strings.CutPrefix(ref, "refs/slipway/"); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (o observed) runs(v numbered) bool {
	return isVersion(o.running, o, v)
}

// isVersion says whether a server runs v's images, and nothing else.
func isVersion(running map[string]string, o observed, v numbered) bool {
	for _, image := range Images {
		if digest := o.tags[image][v.String()]; digest == "" || running[image] != digest {
			return false
		}
	}
	return true
}

// faults compare with what an undisturbed release of v leaves, when v is the highest version.
func (l *releaseLine) faults(t *testing.T, o observed, v numbered) []string {
	t.Helper()
	all := l.versionFaults(t, o, v)
	for _, image := range Images {
		for _, tag := range v.floating() {
			if got := o.tags[image][tag]; got != o.tags[image][v.String()] {
				all = append(all, fmt.Sprintf("%s:%s is %q, want what %s is", image, tag, got, v))
			}
		}
	}
	if !o.runs(v) {
		all = append(all, fmt.Sprintf("staging runs %v, want %s", o.running, v))
	}
	return all
}

// versionFaults compare with what the release of any version leaves.
func (l *releaseLine) versionFaults(t *testing.T, o observed, v numbered) (all []string) {
	t.Helper()
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	for _, image := range Images {
		digest := o.tags[image][v.String()]
		if digest == "" {
			say("%s has no tag %s", image, v)
			continue
		}
		if got := o.tags[image][v.sha()]; got != digest {
			say("%s:%s is %q, want what %s is", image, v.sha(), got, v)
		}
		if got := Label(t, l.prefix, image, v.String(), "org.opencontainers.image.revision"); got != v.commit {
			say("%s:%s was made of commit %q, want %s", image, v, got, v.commit)
		}
	}
	if got := l.attached(t, o, v); got != l.statements {
		say("%d statements are attached to %s, want %d", got, v, l.statements)
	}
	if got := o.refs["refs/tags/v"+v.String()]; got != v.commit {
		say("the git tag is at %q, want %s", got, v.commit)
	}
	if marks := o.marks(); len(marks) > 0 {
		say("left on the remote: %s", strings.Join(marks, ", "))
	}
	return append(all, l.releaseFaults(o, v)...)
}

func (l *releaseLine) releaseFaults(o observed, v numbered) (all []string) {
	var found []giteaRelease
	for _, r := range o.releases {
		if r.TagName == "v"+v.String() {
			found = append(found, r)
		}
	}
	if len(found) != 1 {
		return []string{fmt.Sprintf("the forge has %d releases of %s, want 1", len(found), v)}
	}
	one := found[0]
	if one.Draft {
		all = append(all, "the release on the forge is a draft")
	}
	if got := one.files(); !slices.Equal(got, l.files) {
		all = append(all, fmt.Sprintf("the release has the files %v, want %v", got, l.files))
	}
	if !strings.Contains(one.Body, "what "+v.String()+" is about") {
		all = append(all, "the notes do not say what the release is about")
	}
	return all
}

// check fails the test for each difference.
func (l *releaseLine) check(t *testing.T, o observed, v numbered) {
	t.Helper()
	for _, fault := range l.faults(t, o, v) {
		t.Errorf("%s, %s: %s", l.name, v, fault)
	}
}
