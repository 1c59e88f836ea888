package version

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// semVer is the grammar of the SemVer specification without build metadata.
var semVer = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)` +
	`(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?$`)

func must(t testing.TB, text string) Version {
	t.Helper()
	v, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func mustAll(t testing.TB, texts string) []Version {
	t.Helper()
	var all []Version
	for _, text := range strings.Fields(texts) {
		all = append(all, must(t, text))
	}
	return all
}

func TestParseAccepts(t *testing.T) {
	longest := "1.2.3-" + strings.Repeat("a", maxLength-len("1.2.3-"))
	for _, c := range []struct{ input, image string }{
		{"1.2.3", "1.2.3"},
		{"v1.2.1", "1.2.1"},
		{"0.0.0", "0.0.0"},
		{"10.20.30", "10.20.30"},
		{"1.3.0-rc.1", "1.3.0-rc.1"},
		{"v1.3.0-hotfix.1", "1.3.0-hotfix.1"},
		{"1.3.0-1", "1.3.0-1"},
		{"1.3.0-0", "1.3.0-0"},
		{"1.3.0--", "1.3.0--"},
		{"1.3.0-a-b.01x", "1.3.0-a-b.01x"},
		{"1.3.0-RC.1", "1.3.0-RC.1"},
		{"18446744073709551615.0.0", "18446744073709551615.0.0"},
		{"1.0.0-rc.18446744073709551615", "1.0.0-rc.18446744073709551615"},
		{longest, longest},
		{"v" + longest, longest},
	} {
		t.Run(c.input, func(t *testing.T) {
			v := must(t, c.input)
			if v.String() != c.image {
				t.Errorf("got %q, want %q", v, c.image)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ rule, input, want string }{
		{"V1 empty", "", "expected MAJOR.MINOR.PATCH, found no number"},
		{"V1 only a v", "v", "expected MAJOR.MINOR.PATCH, found no number"},
		{"V1 one number", "1", `expected three numbers with dots between them, MAJOR.MINOR.PATCH, found 1 in "1"`},
		{"V1 two numbers", "1.2", `expected three numbers with dots between them, MAJOR.MINOR.PATCH, found 2 in "1.2"`},
		{"V1 four numbers", "1.2.3.4", `expected three numbers with dots between them, MAJOR.MINOR.PATCH, found 4 in "1.2.3.4"`},
		{"V1 a word", "latest", `expected three numbers with dots between them, MAJOR.MINOR.PATCH, found 1 in "latest"`},
		{"V1 two numbers and a prerelease", "1.2-rc.1", `expected three numbers with dots between them, MAJOR.MINOR.PATCH, found 2 in "1.2"`},
		{"V1 capital V", "V1.2.3", `expected the numbers after at most one lower-case v, found "V1.2.3"`},
		{"V1 two v", "vv1.2.3", `expected the numbers after at most one lower-case v, found "v1.2.3"`},
		{"V1 missing number", "1..3", `expected MINOR to be a number, found ""`},
		{"V1 letter in a number", "1.2.x", `expected PATCH to be a number, found "x"`},
		{"V1 empty prerelease", "1.2.3-", `expected a name or a number in every part of the prerelease, found an empty part in "-"`},
		{"V1 empty prerelease part", "1.2.3-rc..1", `expected a name or a number in every part of the prerelease, found an empty part in "-rc..1"`},
		{"V3 build", "1.2.3+build.5", `expected no build metadata, because all builds would share the image tag 1.2.3, found "+build.5"`},
		{"V3 build after a prerelease", "1.2.3-rc.1+5", `expected no build metadata, because all builds would share the image tag 1.2.3-rc.1, found "+5"`},
		{"V3 empty build", "1.2.3+", `expected no build metadata, because all builds would share the image tag 1.2.3, found "+"`},
		{"V4 trailing line feed", "1.2.3\n", plain("a line break, U+000A")},
		{"V4 trailing carriage return", "1.2.3\r\n", plain("a line break, U+000D")},
		{"V4 two lines", "1.2.3\n2.0.0", plain("a line break, U+000A")},
		{"V4 leading space", " 1.2.3", plain("a space, U+0020")},
		{"V4 tab", "1.2.3\t", plain("a space, U+0009")},
		{"V4 no-break space", "1.2.3\u00a0", plain("a space, U+00A0")},
		{"V4 NUL", "1.2\x00.3", plain("a control character, U+0000")},
		{"V4 escape", "\x1b[31m1.2.3", plain("a control character, U+001B")},
		{"V4 other digits", "1.2.٣", plain("a digit that is not ASCII, U+0663 '٣'")},
		{"V4 wide digits", "１.2.3", plain("a digit that is not ASCII, U+FF11 '１'")},
		{"V4 bidirectional control", "1.2.3\u202e", plain("U+202E")},
		{"V4 not UTF-8", "1.2.3\xff", plain("the byte 0xFF, which is not UTF-8")},
		{"V4 control before build", "1.2.3+b\n", plain("a line break, U+000A")},
		{"V5 MAJOR with leading zero", "01.2.3", `expected MAJOR without a leading zero, found "01"`},
		{"V5 MINOR with leading zero", "1.02.3", `expected MINOR without a leading zero, found "02"`},
		{"V5 PATCH with leading zero", "1.2.00", `expected PATCH without a leading zero, found "00"`},
		{"V5 prerelease with leading zero", "1.2.3-rc.01", `expected the prerelease number without a leading zero, found "01"`},
		{"V5 MAJOR above 64 bits", "18446744073709551616.0.0", `expected MAJOR to fit in 64 bits, found "18446744073709551616"`},
		{"V5 prerelease above 64 bits", "1.0.0-rc.18446744073709551616", `expected the prerelease number to fit in 64 bits, found "18446744073709551616"`},
		{"V6 129 characters", "1.2.3-" + strings.Repeat("a", 123), "expected at most 128 characters, the limit of an image tag, found 129"},
		{"V6 300 characters", strings.Repeat("1", 300), "expected at most 128 characters, the limit of an image tag, found 300"},
		{"V11 shell words", "1.2.3; touch pwned", plain("U+003B ';'")},
		{"V11 substitution", "$(id)", plain("U+0024 '$'")},
		{"V11 backticks", "`id`", plain("U+0060 '`'")},
		{"V11 quotes", `1.2.3"`, plain(`U+0022 '"'`)},
		{"V11 an option", "--help", `expected three numbers with dots between them, MAJOR.MINOR.PATCH, found 1 in ""`},
		{"V11 a path", "../1.2.3", plain("U+002F '/'")},
	} {
		t.Run(c.rule, func(t *testing.T) {
			v, err := Parse(c.input)
			want := "version " + quote(c.input) + " is refused: " + c.want + "; pass one like 1.2.3 or 1.2.3-rc.1"
			if err == nil || err.Error() != want {
				t.Errorf("got %v\nwant %s", err, want)
			}
			if v != (Version{}) {
				t.Errorf("got version %v beside the error", v)
			}
		})
	}
}

func plain(found string) string {
	return "expected only ASCII letters, digits, dots and hyphens, found " + found + " (nothing is trimmed or repaired)"
}

func TestQuoteShowsAnyInputInOneShortLine(t *testing.T) {
	for _, c := range []struct{ name, input, want string }{
		{"short", "1.2", `"1.2"`},
		{"line break", "1\n2", `"1\n2"`},
		{"forty", strings.Repeat("a", 40), `"` + strings.Repeat("a", 40) + `"`},
		{"longer", strings.Repeat("a", 41), `"` + strings.Repeat("a", 40) + `…"`},
		{"wide characters", strings.Repeat("😀", 100), `"` + strings.Repeat("😀", 40) + `…"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := quote(c.input); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestFromTag(t *testing.T) {
	for tag, want := range map[string]string{
		"1.2.3": "1.2.3", "v1.2.3": "1.2.3", "v2.0.0-rc.1": "2.0.0-rc.1",
		"nightly": "", "v1": "", "1.2": "", "1": "", "latest": "", "latest-arm64": "", "6943991": "",
		"sha-6943991": "", "1.2.3+build.5": "", "release-1.2.3": "", "01.2.3": "", "V1.2.3": "", "": "",
	} {
		t.Run(tag, func(t *testing.T) {
			v, ok := FromTag(tag)
			if ok != (want != "") || v.String() != want {
				t.Errorf("got %q, %v, want %q", v, ok, want)
			}
		})
	}
}

func TestEqualSpellingsAreOneVersion(t *testing.T) {
	if must(t, "v1.2.3") != must(t, "1.2.3") {
		t.Error("v1.2.3 and 1.2.3 differ")
	}
	if must(t, "1.2.3-rc.1") == must(t, "1.2.3") {
		t.Error("a prerelease equals its release")
	}
}

func TestParts(t *testing.T) {
	v := must(t, "4.5.6-rc.7")
	if v.Major() != 4 || v.Minor() != 5 || v.Patch() != 6 || !v.IsPrerelease() || must(t, "4.5.6").IsPrerelease() {
		t.Errorf("got %d, %d, %d, %v", v.Major(), v.Minor(), v.Patch(), v.IsPrerelease())
	}
}

// TestCompare lists versions from low to high, so that every pair is a case.
func TestCompare(t *testing.T) {
	ordered := mustAll(t, `0.4.2 1.0.0-1 1.0.0-9 1.0.0-10 1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.9 1.0.0-alpha.10
		1.0.0-alpha.beta 1.0.0-beta.1 1.0.0-dev.1 1.0.0-rc.1 1.0.0-rc.18446744073709551615 1.0.0
		1.2.0 1.9.0 1.10.0 2.0.0-rc.1 2.0.0 10.0.0 18446744073709551615.0.0`)
	for i, a := range ordered {
		for j, b := range ordered {
			t.Run(fmt.Sprintf("%s against %s", a, b), func(t *testing.T) {
				if got, want := a.Compare(b), sign(i-j); got != want {
					t.Errorf("got %d, want %d", got, want)
				}
			})
		}
	}
}

func sign(n int) int { return max(-1, min(1, n)) }

func TestPrevious(t *testing.T) {
	for _, c := range []struct{ name, v, known, want string }{
		{"stable skips its prereleases", "1.3.0", "1.2.0 1.3.0-rc.1 1.3.0-rc.2 1.3.0-rc.3", "1.2.0"},
		{"second prerelease", "1.3.0-rc.2", "1.2.0 1.3.0-rc.1 1.3.0-rc.3", "1.3.0-rc.1"},
		{"tenth prerelease", "1.3.0-rc.10", "1.3.0-rc.1 1.3.0-rc.9", "1.3.0-rc.9"},
		{"first prerelease", "1.3.0-rc.1", "1.2.0 1.2.1-rc.1 1.1.8", "1.2.0"},
		{"backport", "1.1.9", "1.2.0 1.1.8 1.1.7", "1.1.8"},
		{"first of a new major", "2.0.0", "1.9.0 1.10.0", "1.10.0"},
		{"itself is known", "1.2.0", "1.2.0 1.1.8", "1.1.8"},
		{"prerelease of another patch does not count", "1.2.2-rc.1", "1.2.0 1.2.1-rc.5", "1.2.0"},
		{"prerelease of other numbers does not count", "2.2.2-rc.1", "2.2.1-rc.9 2.1.2-rc.9 1.2.2-rc.9 0.1.0", "0.1.0"},
		{"first ever", "0.4.2", "", ""},
		{"only higher ones", "1.0.0", "2.0.0 1.0.1", ""},
		{"only prereleases before a stable one", "1.0.0", "1.0.0-rc.1 0.9.0-rc.1", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := Previous(must(t, c.v), mustAll(t, c.known))
			if got.String() != c.want || ok != (c.want != "") {
				t.Errorf("got %q, %v, want %q", got, ok, c.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"1.2.3", "v1.2.3", "1.2.3-rc.1", "1.2", "01.2.3", "1.2.3+build.5", "1.2.3\n", " 1.2.3", "1.2.3-01", "--help",
		"18446744073709551616.0.0", "1.2.٣", "1.2.3-\xff", "1.2.3-" + strings.Repeat("a", 123), "vv1.2.3", "1.2.3--.-",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input string) {
		v, err := Parse(input)
		if err != nil {
			checkRefusal(t, input, err.Error())
			return
		}
		text := v.String()
		if !semVer.MatchString(text) || len(text) > maxLength || text != strings.TrimPrefix(input, "v") {
			t.Fatalf("accepted %q as %q", input, text)
		}
		if again := must(t, "v"+v.String()); again != v || again.Compare(v) != 0 {
			t.Fatalf("%q came back as %q", v, again)
		}
		if pep, err := v.PEP440(); err == nil {
			if back, ok := FromPEP440(pep); !ok || back != v {
				t.Fatalf("%q is %q in Python, and that is %q", v, pep, back)
			}
		}
	})
}

// checkRefusal asks that only inputs outside the grammar are refused, by a rule of ours and in one printable line.
func checkRefusal(t *testing.T, input, message string) {
	t.Helper()
	text := strings.TrimPrefix(input, "v")
	tooLarge := regexp.MustCompile(`\d{20}`).MatchString(text)
	if semVer.MatchString(text) && len(text) <= maxLength && !tooLarge {
		t.Fatalf("refused %q: %s", input, message)
	}
	if !strings.Contains(message, "is refused: expected ") || !strings.Contains(message, ", found ") {
		t.Fatalf("no rule explains %q: %s", input, message)
	}
	if len(message) > 700 || slices.ContainsFunc([]rune(message), func(r rune) bool { return r < ' ' || r == 0x7f }) {
		t.Fatalf("not one printable line: %q", message)
	}
}
