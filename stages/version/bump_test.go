package version

import (
	"math/rand/v2"
	"testing"
)

func TestBump(t *testing.T) {
	for _, c := range []struct{ current, kind, preid, want string }{
		{"1.2.3", "major", "", "2.0.0"},
		{"1.2.3", "minor", "", "1.3.0"},
		{"1.2.3", "patch", "", "1.2.4"},
		{"0.4.2", "major", "", "1.0.0"},
		{"1.9.9", "minor", "", "1.10.0"},
		{"2.0.0-rc.1", "major", "", "2.0.0"},
		{"2.1.0-rc.1", "major", "", "3.0.0"},
		{"2.0.1-rc.1", "major", "", "3.0.0"},
		{"1.3.0-rc.1", "minor", "", "1.3.0"},
		{"2.0.0-rc.1", "minor", "", "2.0.0"},
		{"1.3.1-rc.1", "minor", "", "1.4.0"},
		{"1.2.3-rc.1", "patch", "", "1.2.3"},
		{"1.3.0-hotfix.1", "patch", "", "1.3.0"},
		{"1.2.3", "prerelease", "rc", "1.2.4-rc.1"},
		{"1.2.3", "prerelease", "dev", "1.2.4-dev.1"},
		{"1.2.4-rc.1", "prerelease", "rc", "1.2.4-rc.2"},
		{"1.2.4-rc.1", "prerelease", "", "1.2.4-rc.2"},
		{"1.2.4-rc.9", "prerelease", "rc", "1.2.4-rc.10"},
		{"1.2.4-rc.0", "prerelease", "rc", "1.2.4-rc.1"},
		{"1.2.4-alpha.3", "prerelease", "beta", "1.2.4-beta.1"},
		{"1.2.4-alpha.3", "prerelease", "rc", "1.2.4-rc.1"},
		{"1.2.4-rc", "prerelease", "rc", "1.2.4-rc.1"},
		{"1.2.4-hotfix.7", "prerelease", "rc", "1.2.4-rc.1"},
	} {
		t.Run(c.current+" "+c.kind+" "+c.preid, func(t *testing.T) {
			got, err := Bump(must(t, c.current), Kind(c.kind), c.preid)
			if err != nil || got != must(t, c.want) {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
		})
	}
}

func TestBumpRefuses(t *testing.T) {
	const largest = "18446744073709551615"
	for _, c := range []struct{ name, current, kind, preid, want string }{
		{"unknown kind", "1.2.3-rc.1", "huge", "",
			`expected the bump to be major, minor, patch or prerelease, found "huge"; pass one of these`},
		{"preid with another kind", "1.2.3", "minor", "rc",
			`cannot bump 1.2.3: expected no preid with minor, found "rc"; leave it out or bump prerelease`},
		{"no preid for a stable version", "1.2.3", "prerelease", "",
			"cannot bump 1.2.3: expected a preid, because there is no series to go on with, found none; pass alpha, beta, rc or dev"},
		{"no preid for a series of another form", "1.2.3-hotfix.1", "prerelease", "",
			"cannot bump 1.2.3-hotfix.1: expected a preid, because there is no series to go on with, found none; pass alpha, beta, rc or dev"},
		{"preid that Python does not know", "1.2.3", "prerelease", "hotfix",
			`cannot bump 1.2.3: expected the preid to be alpha, beta, rc or dev, found "hotfix"; pass one of these`},
		{"capital preid", "1.2.3", "prerelease", "RC",
			`cannot bump 1.2.3: expected the preid to be alpha, beta, rc or dev, found "RC"; pass one of these`},
		{"preid that goes back", "1.2.4-rc.2", "prerelease", "beta",
			"cannot bump 1.2.4-rc.2: expected a higher version, found 1.2.4-beta.1; pass the next version yourself"},
		{"longer series of the same name", "1.2.4-rc.1.2", "prerelease", "rc",
			"cannot bump 1.2.4-rc.1.2: expected a higher version, found 1.2.4-rc.1; pass the next version yourself"},
		{"largest major", largest + ".0.0", "major", "",
			"cannot bump " + largest + ".0.0: expected a higher version, found 0.0.0; pass the next version yourself"},
		{"largest minor", "1." + largest + ".0", "minor", "",
			"cannot bump 1." + largest + ".0: expected a higher version, found 1.0.0; pass the next version yourself"},
		{"largest patch", "1.2." + largest, "patch", "",
			"cannot bump 1.2." + largest + ": expected a higher version, found 1.2.0; pass the next version yourself"},
		{"prerelease after the largest patch", "1.2." + largest, "prerelease", "rc",
			"cannot bump 1.2." + largest + ": expected a higher version, found 1.2.0-rc.1; pass the next version yourself"},
		{"largest prerelease", "1.2.3-rc." + largest, "prerelease", "rc",
			"cannot bump 1.2.3-rc." + largest + ": expected a higher version, found 1.2.3-rc.0; pass the next version yourself"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Bump(must(t, c.current), Kind(c.kind), c.preid)
			if got != (Version{}) || err == nil || err.Error() != c.want {
				t.Errorf("got %q, %v\nwant %s", got, err, c.want)
			}
		})
	}
}

func TestPropertyBumpGoesUpToAPythonVersion(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 1000 {
		for _, current := range randomVersions(t, r) {
			kind, preid := Kinds[r.IntN(len(Kinds))], ""
			if kind == Prerelease {
				preid = "rc"
			}
			next, err := Bump(current, kind, preid)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := next.PEP440(); err != nil || next.Compare(current) <= 0 || next.IsPrerelease() != (kind == Prerelease) {
				t.Fatalf("%s of %s is %s, %v", kind, current, next, err)
			}
		}
	}
}

func TestParseKind(t *testing.T) {
	for _, kind := range Kinds {
		t.Run(string(kind), func(t *testing.T) {
			if got, err := ParseKind(string(kind)); err != nil || got != kind {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	for _, name := range []string{"", "Major", "premajor", "patch "} {
		t.Run("refuses "+name, func(t *testing.T) {
			want := "expected the bump to be major, minor, patch or prerelease, found " + quote(name) + "; pass one of these"
			if got, err := ParseKind(name); got != "" || err == nil || err.Error() != want {
				t.Errorf("got %q, %v\nwant %s", got, err, want)
			}
		})
	}
}
