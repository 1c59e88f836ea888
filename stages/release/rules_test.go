package release

import (
	"errors"
	"strings"
	"testing"
	"time"

	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/registry"
	"dagger/slipway/stages/version"
)

const here, other = "1111111111111111111111111111111111111111", "2222222222222222222222222222222222222222"

func parse(t *testing.T, text string) version.Version {
	t.Helper()
	v, err := version.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// asked is a request for a release of two images.
func asked(t *testing.T, prefix version.TagPrefix, v string) Request {
	return Request{Version: parse(t, v), Commit: here, Images: []string{"backend", "web"}, Prefix: prefix, Assets: []string{"checksums.txt"}}
}

// refs are tags and others, such as "v1.2.3=COMMIT refs/heads/main=COMMIT".
func refs(text string) gitremote.Refs {
	of := map[string]string{}
	for _, field := range strings.Fields(text) {
		name, at, _ := strings.Cut(field, "=")
		if !strings.HasPrefix(name, "refs/") {
			name = "refs/tags/" + name
		}
		of[name] = at
	}
	return gitremote.Refs{Default: "main", Of: of}
}

func tags(text string) []Tag { return TagsOf(refs(text)) }

func read[T any](is T) Part[T] { return Part[T]{Is: is, At: time.Unix(1, 0)} }

// onRemote is a remote whose main branch has the commit.
func onRemote(text string) Part[Remote] {
	return read(Remote{Refs: refs(text), From: []string{"main"}, Has: true})
}

// holding is a registry in which both images have these versions.
func holding(versions string) Part[Images] {
	known := VersionsAmong(strings.Fields(versions))
	return read(Images{Known: map[string][]version.Version{"backend": known, "web": known}, CommitTag: "sha-1111111"})
}

// wantRefused compares what stands in the way; nothing wanted means that nothing does.
func wantRefused(t *testing.T, err error, want string) {
	t.Helper()
	var refused Refused
	if err != nil && !errors.As(err, &refused) {
		t.Fatalf("not a refusal: %v", err)
	}
	if got := refused.Error(); got != want {
		t.Errorf("refused: %q, want %q", got, want)
	}
}

// TestTagIsTaken: a tag of the version on another commit is found under each name that it may have, and named once.
func TestTagIsTaken(t *testing.T) {
	for _, c := range []struct {
		name, tags, taken string
		prefix            version.TagPrefix
	}{
		{"free", "v1.2.2=" + other + " v1.2.3=" + here + " 1.2.3=" + here, "", "v"},
		{"with v", "v1.2.3=" + other, "v1.2.3", "v"},
		{"bare", "1.2.3=" + other, "1.2.3", "v"},
		{"bare, and with v on this commit", "v1.2.3=" + here + " 1.2.3=" + other, "1.2.3", "v"},
		{"no prefix", "v1.2.3=" + other + " 1.2.3=" + here, "", ""},
		{"no prefix, taken", "1.2.3=" + other, "1.2.3", ""},
		{"another product's", "web-v1.2.3=" + other + " v1.2.3=" + other, "", "shop-v"},
		{"this product's", "shop-v1.2.3=" + other, "shop-v1.2.3", "shop-v"},
		{"a branch of that name is none", "refs/heads/v1.2.3=" + other, "", "v"},
	} {
		t.Run(c.name, func(t *testing.T) {
			local, remote := "", ""
			if c.taken != "" {
				local = "the tag " + c.taken + " exists and names " + other + ", not commit " + here
				remote = "the tag " + c.taken + " exists on the remote and names " + other + ", not commit " + here
			}
			q := asked(t, c.prefix, "1.2.3")
			_, err := Decide(Observed{Remote: onRemote(c.tags)}, q)
			wantRefused(t, err, remote)
			q.Local = tags(c.tags)
			_, err = Decide(Observed{}, q)
			wantRefused(t, err, local)
			_, err = Decide(Observed{Remote: onRemote(c.tags)}, q)
			wantRefused(t, err, remote) // once, though it is here and there
		})
	}
	q := asked(t, "v", "1.2.3")
	q.Local = tags("v1.2.3=" + other)
	_, err := Decide(Observed{Remote: onRemote("")}, q)
	var refused Refused
	if !errors.As(err, &refused) || !strings.Contains(refused.Next(), "git tag -d v1.2.3") {
		t.Errorf("a tag that nobody else has: %v, next %q", err, refused.Next())
	}
}

// TestForgeNeedsTheTag: a release on the forge is one of the tag that Slipway gives, so a bare one is not enough for it.
func TestForgeNeedsTheTag(t *testing.T) {
	const bare = "the tag 1.2.3 stands for this version, and the release on the forge needs v1.2.3"
	for _, c := range []struct {
		name, tags, want string
		prefix           version.TagPrefix
	}{
		{"none", "", "", "v"},
		{"with v", "v1.2.3=" + here, "", "v"},
		{"both", "1.2.3=" + here + " v1.2.3=" + here, "", "v"},
		{"bare", "1.2.3=" + here, bare, "v"},
		{"bare, as it is set", "1.2.3=" + here, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Decide(Observed{Remote: onRemote(c.tags), Forge: read([]forge.Release{})}, asked(t, c.prefix, "1.2.3"))
			wantRefused(t, err, c.want)
			_, err = Decide(Observed{Remote: onRemote(c.tags)}, asked(t, c.prefix, "1.2.3"))
			wantRefused(t, err, "") // without a forge there is no release to make
		})
	}
}

// TestLatest: the forge's mark follows the tag latest, whichever of git and the registry knows of a higher version.
func TestLatest(t *testing.T) {
	for _, c := range []struct {
		name, version string
		o             Observed
		local         string
		want          bool
	}{
		{"the first", "1.2.3", Observed{}, "", true},
		{"a prerelease", "1.2.3-rc.1", Observed{}, "", false},
		{"a higher one here", "1.1.9", Observed{}, "v1.2.0=" + other, false},
		{"a higher one here, which the remote does not have", "1.1.9", Observed{Remote: onRemote("")}, "v1.2.0=" + other, true},
		{"a higher one on the remote", "1.1.9", Observed{Remote: onRemote("v1.2.0=" + other)}, "", false},
		{"a branch of such a name", "1.1.9", Observed{Remote: onRemote("refs/heads/v1.2.0=" + other)}, "", true},
		{"a higher one in the registry", "1.1.9", Observed{Registry: holding("1.2.0")}, "", false},
		{"a higher prerelease", "1.2.3", Observed{}, "v1.2.3=" + here + " v2.0.0-rc.1=" + other + " nightly=" + other, true},
		{"a higher one that was withdrawn", "1.1.9", Observed{Remote: onRemote("v1.2.0=" + other + " refs/slipway/withdrawn/v1.2.0=b")}, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := asked(t, "v", c.version)
			q.Local = tags(c.local)
			if plan, _ := Decide(c.o, q); plan.Latest() != c.want {
				t.Errorf("latest is %v, want %v", plan.Latest(), c.want)
			}
		})
	}
}

// TestStrayTagsAreNamed: what only this clone has does not count where the remote was read, and nobody wonders why.
func TestStrayTagsAreNamed(t *testing.T) {
	q := asked(t, "v", "1.2.3")
	q.Local = tags("v99.0.0=" + other + " v1.2.2=" + other)
	plan, _ := Decide(Observed{Remote: onRemote("v1.2.2=" + other)}, q)
	if got := strings.Join(plan.Notes, "\n"); got != "tags that are only in this clone and do not count: v99.0.0; push them, or remove them with git tag -d" || !plan.Latest() {
		t.Errorf("latest %t, noted %q", plan.Latest(), got)
	}
}

// TestHalfReleased: a higher version that its run has not finished counts, and is named (T8).
func TestHalfReleased(t *testing.T) {
	images := holding("1.2.0 1.3.0").Is
	images.Known["web"] = VersionsAmong([]string{"1.2.0"})
	plan, _ := Decide(Observed{Registry: read(images), Remote: onRemote("v1.2.0=" + other + " v1.3.0=" + other)}, asked(t, "v", "1.2.1"))
	if got := strings.Join(plan.Notes, "\n"); !strings.Contains(got, "only half released: 1.3.0;") || plan.Latest() {
		t.Errorf("latest %t, noted %q", plan.Latest(), got)
	}
}

// TestReleaseBranch: a branch of the remote that is released from has the commit (G2).
func TestReleaseBranch(t *testing.T) {
	for name, c := range map[string]struct {
		remote Remote
		want   string
	}{
		"it has":        {Remote{Refs: refs(""), From: []string{"main"}, Has: true}, ""},
		"it has not":    {Remote{Refs: refs(""), From: []string{"main", "release/1.1"}}, "no release branch of the remote contains commit 1111111; they are main, release/1.1"},
		"there is none": {Remote{Refs: refs("")}, "the remote names no default branch, and none of its branches fits releaseBranches (hotfix/*)"},
	} {
		t.Run(name, func(t *testing.T) {
			q := asked(t, "v", "1.2.3")
			q.Branches = []string{"hotfix/*"}
			_, err := Decide(Observed{Remote: read(c.remote)}, q)
			wantRefused(t, err, c.want)
		})
	}
}

// TestPrevious: a version that is only in the registry counts, and the notes start at one that git has a tag for, wherever
// the tag was pushed from (section 12).
func TestPrevious(t *testing.T) {
	died := "which commit 1.2.0 is from: it is in the registry and git has no tag for it, so these notes start "
	for name, c := range map[string]struct{ here, there, registry, withdrawn, previous, after, noted string }{
		"the first":                 {},
		"as it should be":           {here: "v1.1.0=a v1.2.0=b", there: "v1.1.0=a v1.2.0=b", registry: "1.1.0 1.2.0", previous: "1.2.0", after: "v1.2.0"},
		"its run died":              {here: "v1.1.0=a", there: "v1.1.0=a", registry: "1.1.0 1.2.0", previous: "1.2.0", after: "v1.1.0", noted: died + "after v1.1.0"},
		"the team never tagged":     {registry: "1.1.0 1.2.0", previous: "1.2.0", noted: died + "at the beginning"},
		"tags not fetched":          {here: "v1.1.0=a", there: "v1.1.0=a v1.2.0=b", previous: "1.2.0", after: "v1.2.0"},
		"the last one is withdrawn": {here: "v1.1.0=a v1.2.0=b", there: "v1.1.0=a v1.2.0=b", registry: "1.1.0 1.2.0", withdrawn: "v1.2.0", previous: "1.1.0", after: "v1.1.0"},
	} {
		t.Run(name, func(t *testing.T) {
			q := asked(t, "v", "1.2.3")
			q.Local = tags(c.here)
			o := Observed{Remote: onRemote(c.there), Registry: holding(c.registry)}
			if c.withdrawn != "" {
				o.Forge = read([]forge.Release{forge.Withdraw(forge.Release{Tag: c.withdrawn}, "slow")})
			}
			plan, err := Decide(o, q)
			wantRefused(t, err, "")
			if plan.Previous.String() != c.previous || plan.NotesAfter.Name != c.after {
				t.Errorf("previous %s, notes after %q, want %s and %q", plan.Previous, plan.NotesAfter.Name, c.previous, c.after)
			}
			if got := strings.Join(plan.Notes, "\n"); got != c.noted {
				t.Errorf("noted %q, want %q", got, c.noted)
			}
		})
	}
}

// TestWithdrawnInGit: a version without a release on the forge does not count, and is refused, once a ref of ours says so.
func TestWithdrawnInGit(t *testing.T) {
	for _, c := range []struct {
		name, ref, known, refused string
		prefix                    version.TagPrefix
	}{
		{"nothing is noted", "", "1.2.0 1.3.0", "", "v"},
		{"another version", "refs/slipway/withdrawn/v1.3.0", "1.2.0", "", "v"},
		{"this version", "refs/slipway/withdrawn/v1.2.0", "1.3.0", "1.2.0 was withdrawn by a rollback", "v"},
		{"without a prefix", "refs/slipway/withdrawn/1.3.0", "1.2.0", "", ""},
		{"another product's", "refs/slipway/withdrawn/web-v1.3.0", "1.2.0 1.3.0", "", "shop-v"},
		{"this product's", "refs/slipway/withdrawn/shop-v1.2.0", "1.3.0", "1.2.0 was withdrawn by a rollback", "shop-v"},
		{"a tag of such a name", "refs/tags/withdrawn/v1.3.0", "1.2.0 1.3.0", "", "v"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, q := Observed{Registry: holding("1.2.0 1.3.0"), Remote: onRemote(c.ref + "=b")}, asked(t, c.prefix, "1.2.0")
			var known []string
			for _, v := range distinct(o.Known(q)) {
				known = append(known, v.String())
			}
			if got := strings.Join(known, " "); got != c.known {
				t.Errorf("counted: got %q, want %q", got, c.known)
			}
			_, err := Decide(o, q)
			wantRefused(t, err, c.refused)
		})
	}
}

// TestPlatforms: what an earlier run has pushed is used again, and so has to be for what is set.
func TestPlatforms(t *testing.T) {
	for _, c := range []struct{ set, pushed, refused string }{
		{"linux/amd64", "linux/amd64", ""},
		{"linux/amd64 linux/arm64", "linux/amd64 linux/arm64", ""},
		{"linux/amd64", "linux/arm64", "backend@sha256:d1 was pushed for linux/arm64, and the setting platforms says linux/amd64"},
		{"linux/amd64 linux/arm64", "linux/amd64", "backend@sha256:d1 was pushed for linux/amd64, and the setting platforms says linux/amd64, linux/arm64"},
	} {
		q := asked(t, "v", "1.2.3")
		q.Platforms = strings.Fields(c.set)
		images := holding("").Is
		images.Commit = map[string]registry.Image{"backend": {Digest: "sha256:d1", Platforms: strings.Fields(c.pushed), Labels: labels(here, "1.2.3")}}
		_, err := Decide(Observed{Registry: read(images)}, q)
		wantRefused(t, err, c.refused)
	}
}

func labels(revision, v string) map[string]string {
	return map[string]string{"org.opencontainers.image.revision": revision, "org.opencontainers.image.version": v}
}

// TestVersionOfAnother: what stands under the version was built from this commit, as this version (T5, T6).
func TestVersionOfAnother(t *testing.T) {
	for name, c := range map[string]struct {
		labels map[string]string
		want   string
	}{
		"ours":                          {labels(here, "1.3.0"), ""},
		"another commit's":              {labels(other, "1.3.0"), "backend:1.3.0 exists and belongs to commit " + other + ", not to " + here},
		"nobody's":                      {nil, "backend:1.3.0 exists and does not say which commit it is from"},
		"a candidate that was retagged": {labels(here, "1.3.0-rc.1"), "backend:1.3.0 exists and was built as version 1.3.0-rc.1"},
		"one that does not say so":      {labels(here, ""), "backend:1.3.0 exists and was built as version none"},
	} {
		t.Run(name, func(t *testing.T) {
			images := holding("1.3.0").Is
			images.Version = map[string]registry.Image{"backend": {Digest: "sha256:d1", Labels: c.labels}}
			_, err := Decide(Observed{Registry: read(images)}, asked(t, "v", "1.3.0"))
			wantRefused(t, err, c.want)
		})
	}
}

// TestTagsAfterARollback: with 1.3.0 on staging only, a rollback from 1.4.0 to 1.2.0 gives latest to 1.2.0.
func TestTagsAfterARollback(t *testing.T) {
	q := BackRequest{Request: asked(t, "v", "1.2.0"), Withdrawn: VersionsAmong([]string{"1.3.0", "1.4.0"}), Reason: "slow"}
	releases := []forge.Release{{Tag: "v1.4.0", Latest: true}, {Tag: "v1.2.0", Draft: true}, {Tag: "v1.2.0"}, {Tag: "latest"}}
	o := Observed{Registry: holding("1.2.0 1.3.0 1.4.0"), Forge: read(releases), Remote: onRemote("")}
	plan := DecideBack(o, q)
	if plan.Latest == nil || plan.Latest.Tag != "v1.2.0" || plan.Latest.Draft {
		t.Errorf("the mark goes to %+v", plan.Latest)
	}
	var moved []string
	for _, f := range plan.Tags {
		moved = append(moved, f.Tag+"="+f.Version.String())
	}
	if got := strings.Join(moved, " "); got != "1=1.2.0 latest=1.2.0" || strings.Join(plan.Stay, " ") != "1.3 1.4" {
		t.Errorf("tags %s, stay %s", got, plan.Stay)
	}
	if len(plan.Mark) != 1 || plan.Mark[0].Tag != "v1.4.0" || len(plan.Silent) != 1 || plan.Silent[0].String() != "1.3.0" {
		t.Errorf("marked %+v, noted in git %v", plan.Mark, plan.Silent)
	}
	releases[2].Latest = true
	releases[0] = plan.Mark[0]
	o.Remote = onRemote("refs/slipway/withdrawn/v1.3.0=b")
	if again := DecideBack(o, q); again.Latest != nil || len(again.Mark) != 0 || len(again.Silent) != 0 {
		t.Errorf("a second time it is %+v", again)
	}
}

// TestDecideDeploy: staging takes what the registry has, production what staging ran healthy, and neither goes back.
func TestDecideDeploy(t *testing.T) {
	published := holding("1.2.3").Is
	published.Version = map[string]registry.Image{"backend": {Digest: "sha256:b", Labels: labels(other, "1.2.3")}, "web": {Digest: "sha256:w", Labels: labels(other, "1.2.3")}}
	mixed := holding("1.2.3").Is
	mixed.Version = map[string]registry.Image{"backend": {Digest: "sha256:b", Labels: labels(here, "1.2.3")}, "web": {Digest: "sha256:w", Labels: labels(other, "1.2.3")}}
	for name, c := range map[string]struct {
		images  Images
		remote  string
		version string
		d       Deployment
		want    string
	}{
		"staging":                    {images: published},
		"not released":               {want: "backend:1.2.3 is not in the registry; web:1.2.3 is not in the registry"},
		"of two commits":             {images: mixed, want: `the images of 1.2.3 are not of one commit: web says "` + other + `"`},
		"a higher one runs":          {images: published, d: Deployment{Target: Running{Version: "1.3.0"}}, want: "staging runs 1.3.0, which is higher than 1.2.3"},
		"withdrawn":                  {images: published, remote: "refs/slipway/withdrawn/v1.2.3=b", want: "1.2.3 was withdrawn by a rollback"},
		"withdrawn there":            {images: published, d: Deployment{Target: Running{Withdrawn: []string{"1.2.3"}}}, want: "1.2.3 was withdrawn by a rollback"},
		"production":                 {d: Deployment{Production: true, Ran: &Rollout{Commit: other}}},
		"staging never ran it":       {images: published, d: Deployment{Production: true}, want: "staging never ran 1.2.3 healthy, so production may not"},
		"a prerelease to production": {version: "1.2.3-rc.1", d: Deployment{Production: true, Ran: &Rollout{Commit: other}}, want: "1.2.3-rc.1 is a prerelease, which production does not run"},
	} {
		t.Run(name, func(t *testing.T) {
			v := c.version
			if v == "" {
				v = "1.2.3"
			}
			c.d.Request, c.d.Environment = asked(t, "v", v), "staging"
			got, err := DecideDeploy(Observed{Registry: read(c.images), Remote: onRemote(c.remote)}, c.d)
			wantRefused(t, err, c.want)
			if c.want == "" && got.Commit != other {
				t.Errorf("deploys commit %q", got.Commit)
			}
		})
	}
}

func TestIsCommitTag(t *testing.T) {
	commit := "0123456789abcdef0123456789abcdef01234567"
	for tag, want := range map[string]bool{
		"sha-0123456": true, "sha-01234567": true, "sha-" + commit: true,
		"sha-012345": false, "sha-0123457": false, "sha-" + commit + "0": false, "0123456": false, "sha-": false,
	} {
		if got := isCommitTag(tag, commit); got != want {
			t.Errorf("%q: %v, want %v", tag, got, want)
		}
	}
}
