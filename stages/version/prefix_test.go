package version

import (
	"slices"
	"strings"
	"testing"
)

func TestParseTagPrefix(t *testing.T) {
	for _, setting := range []string{"", "v", "V", "shop-v", "shop-", "shop/v", "web2/v", "@acme/shop@", "release_", "версия-", "v."} {
		if got, err := ParseTagPrefix(setting); err != nil || string(got) != setting {
			t.Errorf("%q: got %q, %v", setting, got, err)
		}
	}
	for setting, want := range map[string]string{
		"shop v":     `expected characters that git takes in a tag, found ' ' in "shop v"`,
		"shop\tv":    `expected characters that git takes in a tag, found '\t' in "shop\tv"`,
		"v\n":        `expected characters that git takes in a tag, found '\n' in "v\n"`,
		"shop:v":     `expected characters that git takes in a tag, found ':' in "shop:v"`,
		"v*":         `expected characters that git takes in a tag, found '*' in "v*"`,
		"shop~":      `expected characters that git takes in a tag, found '~' in "shop~"`,
		`a\v`:        `expected characters that git takes in a tag, found '\\' in "a\\v"`,
		"v..":        `expected a tag that git takes, found ".." in "v.."`,
		"v@{":        `expected a tag that git takes, found "@{" in "v@{"`,
		"shop//v":    `expected a tag that git takes, found "//" in "shop//v"`,
		"-v":         `expected a tag that git takes, found a "-" at the beginning in "-v"`,
		"/v":         `expected a tag that git takes, found a "/" at the beginning in "/v"`,
		".v":         `expected a tag that git takes, found ".v", which begins with a dot, in ".v"`,
		"shop/.v":    `expected a tag that git takes, found ".v", which begins with a dot, in "shop/.v"`,
		"shop.lock/": `expected a tag that git takes, found "shop.lock", which ends with .lock, in "shop.lock/"`,
		"shop2":      `expected an end that is not part of the version behind it, found "2" in "shop2"`,
		"shop-2.":    `expected an end that is not part of the version behind it, found "2." in "shop-2."`,
		"1.2.3-":     `expected an end that is not part of the version behind it, found "3-" in "1.2.3-"`,
	} {
		if got, err := ParseTagPrefix(setting); err == nil || err.Error() != want {
			t.Errorf("%q: got %q, %v\nwant %s", setting, got, err, want)
		}
	}
}

func TestTags(t *testing.T) {
	for prefix, want := range map[TagPrefix]string{"v": "v1.2.3 1.2.3", "": "1.2.3", "shop-v": "shop-v1.2.3", "shop/v": "shop/v1.2.3"} {
		v := must(t, "1.2.3")
		if got := strings.Join(prefix.Tags(v), " "); got != want || prefix.Tag(v) != prefix.Tags(v)[0] {
			t.Errorf("%q: got %s, %s, want %s", prefix, prefix.Tag(v), got, want)
		}
	}
}

func TestTagPrefixFromTag(t *testing.T) {
	for _, c := range []struct {
		prefix        TagPrefix
		ours, notOurs string
	}{
		{"v", "v1.2.3 1.2.3 v2.0.0-rc.1", "vv1.2.3 V1.2.3 v1 v1.2 shop-v1.2.3 release-1.2.3 v v1.2.3+b v01.2.3 v1.2.3.4"},
		{"", "1.2.3 2.0.0-rc.1", "v1.2.3 V1.2.3 1.2 1 shop-v1.2.3 latest"},
		{"shop-v", "shop-v1.2.3 shop-v2.0.0-rc.1", "v1.2.3 1.2.3 shop-1.2.3 shop-vv1.2.3 web-v1.2.3 Shop-v1.2.3 shop-v1.2 myshop-v1.2.3"},
		{"shop-", "shop-1.2.3", "shop-v1.2.3 1.2.3"},
	} {
		for _, tag := range strings.Fields(c.ours) {
			if v, ok := c.prefix.FromTag(tag); !ok || !slices.Contains(c.prefix.Tags(v), tag) {
				t.Errorf("%q: %s is %q, %v, want a version", c.prefix, tag, v, ok)
			}
		}
		for _, tag := range append(strings.Fields(c.notOurs), "") {
			if v, ok := c.prefix.FromTag(tag); ok || v != (Version{}) {
				t.Errorf("%q: %s is %q, want none", c.prefix, tag, v)
			}
		}
	}
}

// TestTagPrefixParse: a version may be typed as the name of its tag, because that is what CI passes, and in no other way.
func TestTagPrefixParse(t *testing.T) {
	for _, c := range []struct {
		prefix          TagPrefix
		accepted, other string
	}{
		{"v", "1.2.3 v1.2.3", "vv1.2.3 shop-v1.2.3 V1.2.3"},
		{"", "1.2.3 v1.2.3", "vv1.2.3 shop-v1.2.3"},
		{"shop-v", "1.2.3 v1.2.3 shop-v1.2.3", "shop-1.2.3 shop-vv1.2.3 web-v1.2.3 Shop-v1.2.3 shop-v1.2 shop-vshop-v1.2.3 vshop-v1.2.3 shop-v"},
		{"V", "1.2.3 v1.2.3 V1.2.3", "Vv1.2.3 vV1.2.3"},
	} {
		for _, input := range strings.Fields(c.accepted) {
			if v, err := c.prefix.Parse(input); err != nil || v.String() != "1.2.3" {
				t.Errorf("%q: %s is %q, %v", c.prefix, input, v, err)
			}
		}
		for _, input := range strings.Fields(c.other) {
			if v, err := c.prefix.Parse(input); err == nil || !strings.Contains(err.Error(), "version "+quote(input)+" is refused: ") {
				t.Errorf("%q: %s is %q, %v, want a refusal that quotes it", c.prefix, input, v, err)
			}
		}
	}
}

// TestNearMisses: tags that people meant as versions are told, and what is nobody's version is not.
func TestNearMisses(t *testing.T) {
	for _, c := range []struct {
		name   string
		prefix TagPrefix
		tags   string // each with the commit that it names, which is a unless it says so
		want   string
	}{
		{"versions", "v", "v1.2.3 1.2.4 v2.0.0-rc.1", ""},
		{"almost versions", "v", "2.1 v.1.0.0 v2.1 V1.2.3 1.2.3.4 01.2.3 v1.2.3rc1 v1.2.3+7 1.2.3.post1 vv1.2.3",
			"01.2.3 1.2.3.4 1.2.3.post1 2.1 V1.2.3 v.1.0.0 v1.2.3+7 v1.2.3rc1 v2.1 vv1.2.3"},
		{"another prefix, and none was chosen", "v", "release-1.2.3 shop-v1.2.3 web/v2.0.0 @acme/shop@1.2.3", "@acme/shop@1.2.3 release-1.2.3 shop-v1.2.3 web/v2.0.0"},
		{"other habits", "v", "latest nightly stable latest-arm64 6943991 20240131 sha-6943991 v vNext backup-2024-01-31 2024-01-31 sprint-12 python-3.11", ""},
		{"floating tags where actions keep them", "v", "v1.2.3 v1.2.4=b v1=b v1.2=b v2.0.0=c v2=c", ""},
		{"floating tags of prefixed versions", "shop-v", "shop-v1.2.3 shop-v1 shop-v1.2", ""},
		{"short tags that follow no version", "v", "v1.2.3 v1=b v1.2=b v3 v1.3", "v1 v1.2 v1.3 v3"},
		{"other products", "shop-v", "web-v1.2.3 1.2.3 v1.2.3 v2.1 release-1.2.3 myshop-v1.2.3", ""},
		{"almost versions of this product", "shop-v", "shop-1.2.3 Shop-v1.2.3 shop-v1.2 shop_v1.2.3 shop/v1.2.3 shop-v-1.2.3 shop-vnext",
			"Shop-v1.2.3 shop-1.2.3 shop-v-1.2.3 shop-v1.2 shop/v1.2.3 shop_v1.2.3"},
		{"a prefix with a number", "web2/v", "web2/v1.2.3 web2/v1.2=b web2/v1 web2", "web2/v1.2"},
		{"no prefix", "", "1.2.3 v1.2.4 2.1 shop-v1.2.3 17", "2.1 v1.2.4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tags := map[string]string{}
			for _, field := range strings.Fields(c.tags) {
				tag, commit, named := strings.Cut(field, "=")
				if !named {
					commit = "a"
				}
				tags[tag] = commit
			}
			if got := strings.Join(c.prefix.NearMisses(tags), " "); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func FuzzTagPrefix(f *testing.F) {
	f.Add("v", "v1.2.3")
	f.Add("shop-v", "Shop-v1.2")
	f.Add("İ", "i̇1.2.3")
	f.Fuzz(func(t *testing.T, setting, tag string) {
		prefix, err := ParseTagPrefix(setting)
		if err != nil {
			return
		}
		v, ok := prefix.FromTag(tag)
		if ok && !slices.Contains(prefix.Tags(v), tag) {
			t.Errorf("%q: %q is read as %s, whose tags are %v", prefix, tag, v, prefix.Tags(v))
		}
		if typed, err := prefix.Parse(tag); ok && (err != nil || typed != v) {
			t.Errorf("%q: the tag %q is %s, and typed it is %s, %v", prefix, tag, v, typed, err)
		}
		if near := prefix.NearMisses(map[string]string{tag: "a"}); ok && len(near) > 0 {
			t.Errorf("%q: the version %q is called a near miss", prefix, tag)
		}
	})
}
