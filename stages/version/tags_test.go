package version

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// show writes decisions as "+1.2 -1(1.3.0 is higher)", which a table can hold in a line.
func show(decisions []Decision) string {
	var all []string
	for _, d := range decisions {
		if d.Moves {
			all = append(all, "+"+d.Tag)
		} else {
			all = append(all, fmt.Sprintf("-%s(%s)", d.Tag, d.Reason))
		}
	}
	return strings.Join(all, " ")
}

func TestFloatingTags(t *testing.T) {
	const prerelease = "(prerelease)"
	for _, c := range []struct{ name, v, known, want string }{
		{"next patch", "1.2.1", "1.1.8 1.2.0", "+1.2 +1 +latest"},
		{"backport", "1.1.9", "1.1.8 1.2.0", "+1.1 -1(1.2.0 is higher) -latest(1.2.0 is higher)"},
		{"backport to an older major", "1.9.1", "1.9.0 2.0.1", "+1.9 +1 -latest(2.0.1 is higher)"},
		{"patch below one that is out", "1.2.1", "1.2.2", "-1.2(1.2.2 is higher) -1(1.2.2 is higher) -latest(1.2.2 is higher)"},
		{"prerelease of the next major", "2.0.0-rc.1", "1.2.0", "-2.0" + prerelease + " -2" + prerelease + " -latest" + prerelease},
		{"patch after that prerelease", "1.2.1", "1.2.0 2.0.0-rc.1", "+1.2 +1 +latest"},
		{"patch after a prerelease of its own line", "1.2.1", "1.2.0 1.2.2-rc.1 1.3.0-alpha.1", "+1.2 +1 +latest"},
		{"numeric order", "1.10.0", "1.9.0", "+1.10 +1 +latest"},
		{"numeric order, other way round", "1.9.0", "1.10.0", "+1.9 -1(1.10.0 is higher) -latest(1.10.0 is higher)"},
		{"first release ever", "0.4.2", "", "+0.4 -0(no tag 0 before 1.0.0) +latest"},
		{"0.x below another 0.x", "0.4.3", "0.5.0", "+0.4 -0(no tag 0 before 1.0.0) -latest(0.5.0 is higher)"},
		{"0.x after 1.0.0", "0.4.3", "1.0.0", "+0.4 -0(no tag 0 before 1.0.0) -latest(1.0.0 is higher)"},
		{"0.x prerelease", "0.5.0-rc.1", "0.4.2", "-0.5" + prerelease + " -0" + prerelease + " -latest" + prerelease},
		{"first stable major", "1.0.0", "0.9.0 1.0.0-rc.1", "+1.0 +1 +latest"},
		{"major ten is not major one", "1.3.0", "10.0.0", "+1.3 +1 -latest(10.0.0 is higher)"},
		{"minor ten is not minor one", "1.1.9", "1.10.0", "+1.1 -1(1.10.0 is higher) -latest(1.10.0 is higher)"},
		{"itself is known", "1.2.0", "1.2.0 1.1.8", "+1.2 +1 +latest"},
		{"prerelease itself is known", "1.2.0-rc.1", "1.2.0-rc.1", "-1.2" + prerelease + " -1" + prerelease + " -latest" + prerelease},
		{"known twice", "1.2.0", "1.1.8 1.1.8 1.2.0 1.2.0", "+1.2 +1 +latest"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := show(FloatingTags(must(t, c.v), mustAll(t, c.known))); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestFloatingTagsReasonOfAMove(t *testing.T) {
	want := Decision{Tag: "1.2", Moves: true, Reason: "no stable version is higher"}
	if got := FloatingTags(must(t, "1.2.0"), nil)[0]; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestFloatingTagsIgnoreForeignTags(t *testing.T) {
	var known []Version
	for _, tag := range []string{"nightly", "v1", "latest-arm64", "6943991", "v1.2.0", "99", "sha-9999999"} {
		if v, ok := FromTag(tag); ok {
			known = append(known, v)
		}
	}
	if got, want := show(FloatingTags(must(t, "1.2.1"), known)), "+1.2 +1 +latest"; got != want || len(known) != 1 {
		t.Errorf("got %s from %v, want %s", got, known, want)
	}
}

func TestFloatingTagsLeaveTheirInputAlone(t *testing.T) {
	known := append(make([]Version, 0, 9), mustAll(t, "1.2.0 1.1.8")...)
	before := slices.Clone(known[:cap(known)])
	FloatingTags(must(t, "1.2.1"), known)
	if !slices.Equal(known[:cap(known)], before) {
		t.Errorf("known became %v", known[:cap(known)])
	}
}

func TestFloating(t *testing.T) {
	for _, c := range []struct {
		name, known string
		want        map[string]string
	}{
		{"nothing left", "", map[string]string{}},
		{"only prereleases left", "1.2.0-rc.1", map[string]string{}},
		{"1.2.1 withdrawn", "1.1.8 1.2.0", map[string]string{"1.1": "1.1.8", "1.2": "1.2.0", "1": "1.2.0", "latest": "1.2.0"}},
		{"all of 1.2 withdrawn", "1.1.8 1.1.9", map[string]string{"1.1": "1.1.9", "1": "1.1.9", "latest": "1.1.9"}},
		{"all of 2 withdrawn", "1.9.0 1.10.0", map[string]string{"1.9": "1.9.0", "1.10": "1.10.0", "1": "1.10.0", "latest": "1.10.0"}},
		{"back to 0.x", "0.4.2 0.5.0", map[string]string{"0.4": "0.4.2", "0.5": "0.5.0", "latest": "0.5.0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := map[string]string{}
			for tag, v := range Floating(mustAll(t, c.known)) {
				got[tag] = v.String()
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// mayMove is the table of the contract, written a second time and the slow way.
func mayMove(tag string, v Version, known []Version) bool {
	if v.IsPrerelease() || tag == "0" {
		return false
	}
	for _, k := range known {
		inScope := tag == "latest" || strings.HasPrefix(k.String(), tag+".")
		if inScope && !k.IsPrerelease() && k.Compare(v) > 0 {
			return false
		}
		if tag == "latest" && v.Major() == 0 && !k.IsPrerelease() && k.Major() > 0 {
			return false
		}
	}
	return true
}

// randomVersions draws from few numbers, so that scopes and ties are common.
func randomVersions(t *testing.T, r *rand.Rand) []Version {
	all := make([]Version, r.IntN(12))
	for i := range all {
		text := fmt.Sprintf("%d.%d.%d", r.IntN(3), r.IntN(12), r.IntN(12))
		if r.IntN(3) == 0 {
			text += fmt.Sprintf("-rc.%d", r.IntN(12))
		}
		all[i] = must(t, text)
	}
	return all
}

func TestPropertyDecisionsFollowTheContract(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		known := randomVersions(t, r)
		for _, v := range known {
			for _, d := range FloatingTags(v, known) {
				if want := mayMove(d.Tag, v, known); d.Moves != want {
					t.Fatalf("%s with %v: %+v, want %v", v, known, d, want)
				}
			}
		}
	}
}

// TestPropertyReleasesAndRollbackAgree releases versions in random order, and asks where a rollback would put the tags.
func TestPropertyReleasesAndRollbackAgree(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		tags := map[string]Version{}
		known := randomVersions(t, r)
		for i, v := range known {
			for _, d := range FloatingTags(v, known[:i]) {
				if d.Moves {
					tags[d.Tag] = v
				}
			}
		}
		if want := Floating(known); !reflect.DeepEqual(tags, want) {
			t.Fatalf("releases of %v leave %v, a rollback sets %v", known, tags, want)
		}
	}
}

func FuzzFloatingTags(f *testing.F) {
	f.Add([]byte{1, 2, 1, 1, 2, 0, 1, 1, 8})
	f.Add([]byte{2, 0, 0x80, 1, 2, 0, 0, 4, 2})
	f.Fuzz(func(t *testing.T, data []byte) {
		var known []Version
		for ; len(data) >= 3 && len(known) < 30; data = data[3:] {
			known = append(known, fuzzVersion(t, data))
		}
		for _, v := range known {
			for _, d := range FloatingTags(v, known) {
				if d.Moves != mayMove(d.Tag, v, known) {
					t.Fatalf("%s with %v: %+v", v, known, d)
				}
			}
		}
		for tag, v := range Floating(known) {
			if !mayMove(tag, v, known) {
				t.Fatalf("%v: a rollback sets %s to %s", known, tag, v)
			}
		}
	})
}

// fuzzVersion makes a version of three bytes; the highest bit of the last one makes it a prerelease.
func fuzzVersion(t *testing.T, data []byte) Version {
	text := fmt.Sprintf("%d.%d.%d", data[0]%4, data[1], data[2]&0x7f)
	if data[2] >= 0x80 {
		text += fmt.Sprintf("-rc.%d", binary.BigEndian.Uint16(data))
	}
	return must(t, text)
}

func TestShaTag(t *testing.T) {
	const revision = "69439910aa3cd1e2f4b5a6978899aabbccddeeff"
	for _, c := range []struct {
		name  string
		taken []string
		want  string
	}{
		{"free", nil, "sha-6943991"},
		{"seven digits taken", []string{"sha-6943991"}, "sha-69439910"},
		{"two lengths taken", []string{"sha-6943991", "sha-69439910"}, "sha-69439910a"},
		{"only a longer one taken", []string{"sha-69439910"}, "sha-6943991"},
		{"only the full id free", prefixes(revision), "sha-" + revision},
		{"others taken", []string{"sha-1234567", "6943991"}, "sha-6943991"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ShaTag(revision, func(tag string) bool { return slices.Contains(c.taken, tag) })
			if err != nil || got != c.want {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
		})
	}
}

func prefixes(revision string) []string {
	var all []string
	for length := range revision {
		all = append(all, "sha-"+revision[:length])
	}
	return all
}

func TestShaTagOfALongRevision(t *testing.T) {
	revision := strings.Repeat("0123456789abcdef", 4)
	if got, err := ShaTag(revision, func(string) bool { return false }); err != nil || got != "sha-0123456" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestShaTagRefuses(t *testing.T) {
	free := func(string) bool { return false }
	revision := strings.Repeat("a", 40)
	notAnID := func(shown string) string {
		return "expected a full commit id of 40 or 64 lower-case hex digits, found " + shown + "; pass what git rev-parse HEAD prints"
	}
	for _, c := range []struct {
		name, revision string
		taken          func(string) bool
		want           string
	}{
		{"empty", "", free, notAnID(`""`)},
		{"abbreviated", "6943991", free, notAnID(`"6943991"`)},
		{"upper case", strings.Repeat("A", 40), free, notAnID(`"` + strings.Repeat("A", 40) + `"`)},
		{"not hex", strings.Repeat("a", 39) + "g", free, notAnID(`"` + strings.Repeat("a", 39) + `g"`)},
		{"branch name", "$(id)", free, notAnID(`"$(id)"`)},
		{"every length taken", revision, func(string) bool { return true }, "expected the image tag sha-" + revision +
			" to be free or of this release, found another image; remove that tag from the registry"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ShaTag(c.revision, c.taken)
			if got != "" || err == nil || err.Error() != c.want {
				t.Errorf("got %q, %v\nwant %s", got, err, c.want)
			}
		})
	}
}
