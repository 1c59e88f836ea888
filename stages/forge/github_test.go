package forge

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/labtest"
)

var release = Release{Tag: "v1.2.3", Commit: ours, Title: "Release v1.2.3", Body: "notes"}

// drafted is a server with the tag pushed and the draft made.
func drafted(t *testing.T) (*githubServer, Forge, Release) {
	t.Helper()
	s := newGitHub(t)
	s.tags["v1.2.3"] = ours
	f := s.Forge()
	draft, err := f.CreateDraft(t.Context(), release)
	if err != nil {
		t.Fatal(err)
	}
	return s, f, draft
}

func TestGitHubRelease(t *testing.T) {
	s, f, draft := drafted(t)
	if !draft.Draft || draft.Commit != ours || draft.Title != release.Title || draft.Body != "notes" || draft.Latest || s.latest != 0 {
		t.Fatalf("draft: got %+v", draft)
	}
	file := File{"sbom.json", "application/json", []byte("{}")}
	asset, err := f.UploadAsset(t.Context(), draft, file)
	if err != nil || asset.Name != "sbom.json" || asset.Size != 2 {
		t.Fatalf("asset: got %+v, %v", asset, err)
	}
	data, err := f.DownloadAsset(t.Context(), asset)
	if err != nil || !bytes.Equal(data, file.Data) {
		t.Fatalf("download: got %q, %v", data, err)
	}
	draft.Body, draft.Latest = "better notes", true
	updated, err := f.UpdateRelease(t.Context(), draft)
	if err != nil || !updated.Draft || updated.Latest || updated.Body != "better notes" || s.latest != 0 {
		t.Fatalf("update: got %+v, %v, latest %d", updated, err, s.latest)
	}
	published, err := f.Publish(t.Context(), draft)
	if err != nil || published.Draft || !published.Latest || published.ID != draft.ID || s.latest != int(draft.ID) {
		t.Fatalf("publish: got %+v, %v, latest %d", published, err, s.latest)
	}
	all, err := f.Releases(t.Context())
	if err != nil || !reflect.DeepEqual(all, []Release{published}) {
		t.Errorf("got  %+v, %v\nwant %+v", all, err, published)
	}
	if c := f.Capabilities(); c != (Capabilities{Drafts: true, Prerelease: true, Latest: true}) {
		t.Errorf("capabilities %+v", c)
	}
}

func TestGitHubLatest(t *testing.T) {
	s, f, draft := drafted(t)
	draft.Latest = true
	if _, err := f.Publish(t.Context(), draft); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name       string
		release    Release
		wantLatest bool
	}{
		{"a backport is not the latest", Release{Tag: "v1.1.9", Commit: ours}, false},
		{"a prerelease never is", Release{Tag: "v2.0.0-rc.1", Commit: ours, Prerelease: true, Latest: true}, false},
		{"the next one is", Release{Tag: "v1.2.4", Commit: ours, Latest: true}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s.tags[test.release.Tag] = ours
			before := s.latest
			draft, err := f.CreateDraft(t.Context(), test.release)
			if err != nil {
				t.Fatal(err)
			}
			draft.Latest = test.release.Latest
			if _, err = f.Publish(t.Context(), draft); err != nil {
				t.Fatal(err)
			}
			if (s.latest != before) != test.wantLatest {
				t.Errorf("latest is %d, was %d", s.latest, before)
			}
		})
	}
	for _, r := range s.api.Requests() {
		if r.Writes() && !strings.Contains(r.Body, `"make_latest":"`) {
			t.Errorf("%s %s leaves make_latest to GitHub: %s", r.Method, r.Path, r.Body)
		}
	}
}

func TestGitHubPublishIsRepeated(t *testing.T) {
	for _, fault := range []labtest.Fault{{Lose: true, Times: 2}, {Status: 502, Times: 2}} {
		s, f, draft := drafted(t)
		fault.Method = "PATCH"
		s.api.Fault(fault)
		if got, err := f.Publish(t.Context(), draft); err != nil || got.Draft || s.releases[0].Draft {
			t.Errorf("got %+v, %v", got, err)
		}
	}
}

func TestGitHubPublishNeedsTheTag(t *testing.T) {
	s, f, draft := drafted(t)
	delete(s.tags, "v1.2.3")
	_, err := f.Publish(t.Context(), draft)
	wantError(t, err, "the Git tag v1.2.3 is not at")
	if len(s.tags) != 0 {
		t.Errorf("GitHub made the tag: %v", s.tags)
	}
}

func TestGitHubReadsAllPages(t *testing.T) {
	s := newGitHub(t)
	for i := range 230 {
		s.releases = append(s.releases, &githubRelease{ID: s.next(), Tag: fmt.Sprint("v0.0.", i), Target: ours, Draft: i == 0})
	}
	releases, err := s.Forge().Releases(t.Context())
	if err != nil || len(releases) != 230 {
		t.Fatalf("got %d releases, %v", len(releases), err)
	}
	if n := len(s.api.Requests()); n != 4 {
		t.Errorf("%d requests, want 3 pages and the latest", n)
	}
	// The last of the last page, which asking by the tag would not show.
	if draft, err := Find(releases, "v0.0.0", ours); err != nil || draft == nil || !draft.Draft {
		t.Errorf("got %+v, %v", draft, err)
	}
}

func TestGitHubCreateIsNotRepeatedBlindly(t *testing.T) {
	const path = "/releases$"
	tests := []struct {
		name  string
		fault labtest.Fault
		posts int
	}{
		{"answer lost", labtest.Fault{Lose: true, Times: 1}, 1},
		{"answer cut", labtest.Fault{Cut: true, Times: 1}, 1},
		{"refused by a broken server", labtest.Fault{Status: 502, Times: 1}, 2},
		{"reset", labtest.Fault{Reset: true, Times: 2}, 3},
		{"secondary rate limit", labtest.Fault{Status: 403, Times: 1, Header: http.Header{"Retry-After": {"7"}}, Body: `{"message":"You have exceeded a secondary rate limit"}`}, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newGitHub(t)
			test.fault.Method, test.fault.Path = "POST", path
			s.api.Fault(test.fault)
			draft, err := s.Forge().CreateDraft(t.Context(), release)
			if err != nil || !draft.Draft {
				t.Fatalf("got %+v, %v", draft, err)
			}
			if n := len(s.releases); n != 1 {
				t.Errorf("%d releases, want 1", n)
			}
			var sent []string
			for _, r := range s.api.Requests() {
				sent = append(sent, r.Method+r.Path[strings.LastIndex(r.Path, "/"):])
			}
			for i, one := range sent[1:] {
				if one == "POST/releases" && sent[i] == one {
					t.Errorf("repeated without looking first: %v", sent)
				}
			}
			if n := len(s.api.Writes()); n != test.posts {
				t.Errorf("%d requests that write, want %d", n, test.posts)
			}
			if test.fault.Header != nil && s.waits[0] < 7*time.Second {
				t.Errorf("waited %v, want 7s", s.waits)
			}
		})
	}
}

func TestGitHubCreateFindsWhatIsThere(t *testing.T) {
	t.Run("our draft", func(t *testing.T) {
		s, f, draft := drafted(t)
		again, err := f.CreateDraft(t.Context(), release)
		if err != nil || again.ID != draft.ID || len(s.releases) != 1 {
			t.Errorf("got %+v, %v, %d releases", again, err, len(s.releases))
		}
	})
	add := func(s *githubServer, tag, target string, draft bool) {
		s.releases = append(s.releases, &githubRelease{ID: s.next(), Tag: tag, Target: target, Body: "by hand", Draft: draft})
	}
	t.Run("published by somebody else meanwhile", func(t *testing.T) {
		s := newGitHub(t)
		add(s, "v1.2.3", "main", false)
		s.api.Fault(labtest.Fault{Method: "GET", Times: 1, Status: 200, Body: "[]"})
		got, err := s.Forge().CreateDraft(t.Context(), release)
		if err != nil || got.Draft || got.ID != 1 || got.Body != "by hand" {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("draft of another commit", func(t *testing.T) {
		s := newGitHub(t)
		add(s, "v1.2.3", theirs, true)
		_, err := s.Forge().CreateDraft(t.Context(), release)
		wantError(t, err, "belongs to commit "+theirs)
	})
	t.Run("the name is burned", func(t *testing.T) {
		s := newGitHub(t)
		s.burned = []string{"v1.2.3"}
		_, err := s.Forge().CreateDraft(t.Context(), release)
		wantError(t, err, "GitHub answered 422 Unprocessable Entity (Validation Failed; code custom, field tag_name, "+
			"message tag_name was used by an immutable release, resource Release): nobody can change that any more, use the next patch version")
	})
	t.Run("broken for good", func(t *testing.T) {
		s := newGitHub(t)
		s.api.Fault(labtest.Fault{Method: "POST", Status: 503})
		_, err := s.Forge().CreateDraft(t.Context(), release)
		wantError(t, err, "create the release v1.2.3 at "+s.repo().Web+": GitHub answered 503 Service Unavailable, again and again")
		if n := len(s.api.Writes()); n != 6 {
			t.Errorf("%d tries, want 6", n)
		}
	})
	t.Run("a limit that lasts longer than the step", func(t *testing.T) {
		s := newGitHub(t)
		s.api.Fault(labtest.Fault{Method: "POST", Status: 403, Header: http.Header{"Retry-After": {"3600"}}})
		_, err := s.Forge().CreateDraft(t.Context(), release)
		wantError(t, err, "it asks to wait 1h0m0s, but only 10m0s are left")
		if n := len(s.api.Requests()); n != 2 || len(s.waits) != 0 {
			t.Errorf("%d requests, waited %v", n, s.waits)
		}
	})
	for _, method := range []string{"GET", "POST"} {
		t.Run("a limit that the context would wait for, and the step does not, at "+method, func(t *testing.T) {
			s := newGitHub(t)
			s.api.Fault(labtest.Fault{Method: method, Status: 429, Header: http.Header{"Retry-After": {"1800"}}})
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			_, err := s.Forge().CreateDraft(ctx, release)
			wantError(t, err, "asks to wait 30m0s, but only 10m0s are left: run again later")
			if len(s.waits) != 0 {
				t.Errorf("waited %v", s.waits)
			}
		})
	}
	t.Run("no time left", func(t *testing.T) {
		s := newGitHub(t)
		s.api.Fault(labtest.Fault{Method: "POST", Hang: true})
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := s.Forge().CreateDraft(ctx, release)
		if want := "create the release v1.2.3 at " + s.repo().Web + ": context deadline exceeded"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if !errors.Is(err, context.DeadlineExceeded) || len(s.waits) != 0 {
			t.Errorf("got %v, waited %v", err, s.waits)
		}
	})
	t.Run("a look that fails, too", func(t *testing.T) {
		s := newGitHub(t)
		s.api.Fault(labtest.Fault{Method: "POST", Status: 500}, labtest.Fault{Method: "GET", Skip: 1, Status: 500})
		_, err := s.Forge().CreateDraft(t.Context(), release)
		wantError(t, err, "looking whether it happened all the same failed, too: read the releases at")
		if n := len(s.api.Writes()); n != 1 {
			t.Errorf("%d tries, want 1", n)
		}
	})
	t.Run("other workflows than the default branch", func(t *testing.T) {
		s := newGitHub(t)
		s.workflows = true
		got, err := s.Forge().CreateDraft(t.Context(), release)
		if err != nil || !got.Draft || got.Commit != "main" {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

func TestGitHubUpload(t *testing.T) {
	file := File{"sbom.json", "application/json", []byte("new content")}
	old := func(state, name, data string) *githubAsset { return &githubAsset{90, name, state, "", []byte(data)} }
	tests := []struct {
		name    string
		file    File
		prepare func(*githubServer)
		writes  int
		err     string
	}{
		{"new", file, func(*githubServer) {}, 1, ""},
		{"there already", file, func(s *githubServer) {
			s.releases[0].Assets = []*githubAsset{old("uploaded", "sbom.json", "new content")}
		}, 0, ""},
		{"there already, without a digest", File{"old.json", "text/plain", []byte("x")}, func(s *githubServer) {
			s.releases[0].Assets = []*githubAsset{old("uploaded", "old.json", "x")}
		}, 0, ""},
		{"other content in a draft", file, func(s *githubServer) {
			s.releases[0].Assets = []*githubAsset{old("uploaded", "sbom.json", "old content")}
		}, 2, ""},
		{"other content without a digest", File{"old.json", "text/plain", []byte("x")}, func(s *githubServer) {
			s.releases[0].Assets = []*githubAsset{old("uploaded", "old.json", "y")}
		}, 2, ""},
		{"left by an upload that broke off", file, func(s *githubServer) {
			s.releases[0].Assets = []*githubAsset{old("starter", "sbom.json", "new content")}
		}, 2, ""},
		{"breaks off twice", file, func(s *githubServer) { s.breakAsset = 2 }, 5, ""},
		{"answer lost", file, func(s *githubServer) { s.uploads.Fault(labtest.Fault{Lose: true, Times: 1}) }, 1, ""},
		{"immutable", file, func(s *githubServer) { s.releases[0].Immutable = true }, 1, "use the next patch version"},
		{"a name GitHub would change", File{"a b", "", []byte("x")}, func(*githubServer) {}, 0, `"a b" is not a name for a release asset`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, f, draft := drafted(t)
			test.prepare(s)
			s.api.Reset()
			asset, err := f.UploadAsset(t.Context(), draft, test.file)
			if n := len(s.api.Writes()) + len(s.uploads.Writes()); n != test.writes {
				t.Errorf("%d requests that write, want %d", n, test.writes)
			}
			if test.err != "" {
				wantError(t, err, test.err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := s.releases[0].Assets
			if len(got) != 1 || !bytes.Equal(got[0].Data, test.file.Data) || got[0].State != "uploaded" || int64(got[0].ID) != asset.ID {
				t.Errorf("got %+v", got)
			}
		})
	}
	t.Run("published, left by an upload that broke off", func(t *testing.T) {
		s, f, draft := drafted(t)
		s.releases[0].Assets = []*githubAsset{old("starter", "sbom.json", "new content")}
		draft.Draft = false
		if _, err := f.UploadAsset(t.Context(), draft, file); err != nil {
			t.Error(err)
		}
	})
	t.Run("published", func(t *testing.T) {
		s, f, draft := drafted(t)
		s.releases[0].Assets = []*githubAsset{old("uploaded", "sbom.json", "old content")}
		draft.Draft = false
		asset, err := f.UploadAsset(t.Context(), draft, file)
		if err != nil || asset.Name != "sbom.json" || asset.Size != int64(len("old content")) {
			t.Errorf("got %+v, %v; want the one that is there", asset, err)
		}
		if n := len(s.uploads.Writes()); n != 0 {
			t.Errorf("%d uploads", n)
		}
	})
}

func TestGitHubRateLimits(t *testing.T) {
	in := func(d time.Duration) string { return strconv.FormatInt(noon.Add(d).Unix(), 10) }
	const secondary = `{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}`
	tests := []struct {
		name   string
		status int
		header http.Header
		body   string
		wait   time.Duration // at least; 0 for none
		err    string
	}{
		{"secondary, with a time", 403, http.Header{"Retry-After": {"17"}}, secondary, 17 * time.Second, ""},
		{"secondary, with a date", 403, http.Header{"Retry-After": {noon.Add(20 * time.Second).Format(http.TimeFormat)}}, secondary, 20 * time.Second, ""},
		{"secondary, without a time", 403, nil, secondary, time.Minute, ""},
		{"429 with a time", 429, http.Header{"Retry-After": {"5"}}, "", 5 * time.Second, ""},
		{"primary, soon over", 403, http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {in(90 * time.Second)}}, "", 90 * time.Second, ""},
		{"primary as 429", 429, http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {in(30 * time.Second)}}, "", 30 * time.Second, ""},
		{"primary, over at this moment", 403, http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {in(0)}}, "", time.Second, ""},
		{"primary, longer than the step", 403, http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {in(40 * time.Minute)}}, "", 0,
			"read the releases at WEB: the server answered 429 and asks to wait 40m0s, but only 10m0s are left: run again later"},
		{"a missing right is no limit", 403, http.Header{"X-Ratelimit-Remaining": {"4999"}, "X-Ratelimit-Reset": {in(time.Minute)}},
			`{"message":"Resource not accessible by integration"}`, 0,
			"read the releases at WEB: GitHub answered 403 Forbidden (Resource not accessible by integration): forgeToken does not permit this; it needs the permission \"Contents: read\""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newGitHub(t)
			s.api.Fault(labtest.Fault{Path: "/releases$", Times: 1, Status: test.status, Header: test.header, Body: test.body})
			_, err := s.Forge().Releases(t.Context())
			if test.err != "" {
				wantError(t, err, strings.ReplaceAll(test.err, "WEB", s.repo().Web))
			} else if err != nil {
				t.Fatal(err)
			}
			if test.wait == 0 && len(s.waits) != 0 || test.wait != 0 && (len(s.waits) != 1 || s.waits[0] < test.wait || s.waits[0] > test.wait+2*time.Second) {
				t.Errorf("waited %v, want %s", s.waits, test.wait)
			}
		})
	}
}

func TestGitHubCanRelease(t *testing.T) {
	set := func(name, enforcement, bypass string, rules []string, include ...string) object {
		var list []object
		for _, r := range rules {
			list = append(list, object{"type": r})
		}
		return object{
			"id": 5, "name": name, "enforcement": enforcement, "current_user_can_bypass": bypass, "rules": list,
			"conditions": object{"ref_name": object{"include": include, "exclude": []string{"refs/tags/v1.0.*"}}},
		}
	}
	creation := []string{"deletion", "creation"}
	tests := []struct {
		name      string
		prepare   func(*githubServer)
		tag       string
		unchecked string
		err       string
	}{
		{"all is well", func(*githubServer) {}, "v1.2.3", "", ""},
		{"may only read", func(s *githubServer) { s.rights["contents"] = "read" }, "v1.2.3", "",
			`see whether forgeToken may push at WEB: GitHub answered 403 Forbidden: forgeToken does not permit this; it needs the permission "Contents: write" (a classic token: the scope repo)`},
		{"may see nothing", func(s *githubServer) { s.rights = nil }, "v1.2.3", "", "read the repository at WEB: GitHub answered 404 Not Found (Not Found): it does not exist or forgeToken may not see it"},
		{"archived", func(s *githubServer) { s.archived = true }, "v1.2.3", "", "is archived"},
		{"ruleset", func(s *githubServer) { s.rulesets = []object{set("tags", "active", "never", creation, "refs/tags/v*")} }, "v1.2.3", "", `the ruleset "tags" at WEB does not let forgeToken create the tag v1.2.3`},
		{"ruleset for all", func(s *githubServer) { s.rulesets = []object{set("tags", "active", "never", creation, "~ALL")} }, "v1.2.3", "", "does not let forgeToken create"},
		{"ruleset for all folders", func(s *githubServer) {
			s.rulesets = []object{set("tags", "active", "pull_requests_only", creation, "refs/tags/**/*")}
		}, "v1.2.3", "", "does not let forgeToken create"},
		{"excluded", func(s *githubServer) { s.rulesets = []object{set("tags", "active", "never", creation, "~ALL")} }, "v1.0.3", "", ""},
		{"other tags", func(s *githubServer) { s.rulesets = []object{set("tags", "active", "never", creation, "refs/tags/x*")} }, "v1.2.3", "", ""},
		{"may bypass", func(s *githubServer) { s.rulesets = []object{set("tags", "active", "always", creation, "~ALL")} }, "v1.2.3", "", ""},
		{"only tried out", func(s *githubServer) { s.rulesets = []object{set("tags", "evaluate", "never", creation, "~ALL")} }, "v1.2.3", "", ""},
		{"about deletion", func(s *githubServer) {
			s.rulesets = []object{set("tags", "active", "never", []string{"deletion"}, "~ALL")}
		}, "v1.2.3", "", ""},
		{"rulesets not to be seen", func(s *githubServer) { s.api.Fault(labtest.Fault{Path: "/rulesets", Status: 404}) }, "v1.2.3", "whether a ruleset protects the tag v1.2.3", ""},
		{"rulesets broken", func(s *githubServer) { s.api.Fault(labtest.Fault{Path: "/rulesets", Status: 500}) }, "v1.2.3", "", "read the rulesets at WEB: GitHub answered 500"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newGitHub(t)
			test.prepare(s)
			unchecked, err := s.Forge().CanRelease(t.Context(), test.tag)
			if test.err != "" {
				wantError(t, err, strings.ReplaceAll(test.err, "WEB", s.repo().Web))
			} else if err != nil {
				t.Error(err)
			}
			if unchecked != test.unchecked {
				t.Errorf("unchecked %q, want %q", unchecked, test.unchecked)
			}
			if n := len(s.api.Writes()); n != 0 {
				t.Errorf("%d requests that write", n)
			}
		})
	}
	s := newGitHub(t)
	for token, want := range map[string]string{
		"":                    "GitHub answered 404 Not Found (Not Found): forgeToken is not set; set it to a token with",
		"canary-wrong-t0ken!": "GitHub answered 401 Unauthorized (Bad credentials): forgeToken is wrong or has expired; set it to one with",
	} {
		_, err := s.forge(s.repo(), token).CanRelease(t.Context(), "v1.2.3")
		wantError(t, err, want)
	}
}

// TestRulesetPattern has tags of one product of several, whose names may hold slashes: a star stops at one, **/ does not.
func TestRulesetPattern(t *testing.T) {
	for _, test := range []struct {
		pattern, tag string
		want         bool
	}{
		{"~ALL", "shop/v1.2.3", true}, {"refs/tags/v*", "v1.2.3", true}, {"refs/tags/**/*", "v1.2.3", true}, {"refs/tags/*", "v1.2.3", true},
		{"refs/tags/**/*", "shop/v1.2.3", true}, {"refs/tags/**/*", "acme/shop/v1.2.3", true}, {"refs/tags/shop/**/*", "shop/v1.2.3", true},
		{"refs/tags/**/v*", "shop/v1.2.3", true}, {"refs/tags/shop/*", "shop/v1.2.3", true}, {"refs/tags/shop-*", "shop-v1.2.3", true},
		{"refs/tags/*", "shop/v1.2.3", false}, {"refs/tags/v*", "shop/v1.2.3", false}, {"refs/tags/web/**/*", "shop/v1.2.3", false},
		{"refs/tags/shop/v*", "v1.2.3", false}, {"refs/tags/**/v*", "shop/1.2.3", false}, {"refs/tags/shop", "shop/v1.2.3", false},
	} {
		if got := matchesRef(test.pattern, test.tag); got != test.want {
			t.Errorf("%s for %s: got %t", test.pattern, test.tag, got)
		}
	}
}

func hash(n int) string { return fmt.Sprintf("%040x", n) }

func commit(n int, subject string, parents ...int) changelog.Commit {
	c := changelog.Commit{Hash: hash(n), Subject: subject, Time: noon.Add(time.Duration(n) * time.Minute)}
	for _, p := range parents {
		c.Parents = append(c.Parents, hash(p))
	}
	return c
}

func TestGitHubPullRequests(t *testing.T) {
	s := newGitHub(t)
	var r Range
	for n := 1; n <= 230; n++ {
		s.pulls = append(s.pulls, githubPull(n, fmt.Sprint("feat: ", n), hash(n), noon.Add(time.Duration(n)*time.Minute)))
		r.Commits = append(r.Commits, commit(n, fmt.Sprintf("feat: %d (#%d)", n, n), n-1))
	}
	for n := 300; n < 900; n++ { // Long merged, and never to be read beyond the page where they begin.
		s.pulls = append(s.pulls, githubPull(n, "old", hash(n), noon.AddDate(-1, 0, -n)))
	}
	closed := githubPull(231, "closed without a merge", hash(3), noon.Add(time.Hour))
	closed["merged_at"] = nil
	other := githubPull(232, "merged to another branch", hash(9999), noon.Add(time.Hour))
	s.pulls = append(s.pulls, closed, other)

	got, err := s.Forge().PullRequests(t.Context(), r)
	if err != nil || len(got) != 230 {
		t.Fatalf("got %d pull requests, %v; want 230", len(got), err)
	}
	for i, p := range got {
		if p.Number != i+1 || p.MergeCommit != hash(i+1) || p.Title != fmt.Sprint("feat: ", i+1) {
			t.Fatalf("number %d is %+v", i+1, p)
		}
	}
	if n := len(s.api.Requests()); n != 3 {
		t.Errorf("%d requests, want the 3 pages that reach back far enough", n)
	}
}

func TestGitHubPullRequestDetails(t *testing.T) {
	s := newGitHub(t)
	at := noon.Add(time.Minute)
	labelled := githubPull(10, "fix: labels", hash(10), at, object{"name": "bug"}, "docs")
	labelled["body"] = "Closes #7"
	ghost := githubPull(12, "fix: by a deleted account", hash(12), at)
	ghost["user"] = nil
	rebased := githubPull(15, "feat: rebased", hash(15), at)
	s.commits[15] = []string{"feat: a\n\nbody\nof two lines", "feat: b", "feat: c"}
	squashed := githubPull(18, "feat: squashed under another title", hash(18), at)
	s.commits[18] = []string{"feat: x", "feat: y"}
	old := githubPull(3, "fix: picked from main", hash(9999), noon.AddDate(-1, 0, 0))
	alone := githubPull(20, "feat: one commit after another's", hash(20), at)
	s.pulls = []object{labelled, ghost, rebased, squashed, old, alone}
	for n := range 120 { // More than a page that was changed before the range, and after number 3.
		s.pulls = append(s.pulls, githubPull(600+n, "long merged", hash(600+n), noon.AddDate(0, -1, 0)))
	}
	a := commit(13, "feat: a", 12)
	a.Body = "body\nof two lines\n"
	r := Range{Numbers: []int{3, 7, 10}, Commits: []changelog.Commit{
		commit(10, "fix: labels (#10)", 1), commit(11, "direct", 10), commit(12, "fix: by a deleted account (#12)", 11),
		a, commit(14, "feat: b", 13), commit(15, "feat: c", 14), commit(17, "direct, too", 15), commit(18, "feat: squashed", 17),
		commit(20, "feat: one commit", 18),
	}}
	got, err := s.Forge().PullRequests(t.Context(), r)
	pull := func(n int, title, commit string) changelog.PullRequest {
		return changelog.PullRequest{Number: n, Title: title, Author: "ann", MergeCommit: commit, URL: fmt.Sprint("https://github.com/acme/shop/pull/", n)}
	}
	want := []changelog.PullRequest{
		pull(3, "fix: picked from main", hash(9999)), pull(10, "fix: labels", hash(10)), pull(12, "fix: by a deleted account", hash(12)),
		pull(15, "feat: rebased", hash(15)), pull(18, "feat: squashed under another title", hash(18)),
		pull(20, "feat: one commit after another's", hash(20)),
	}
	want[1].Body, want[1].Labels = "Closes #7", []string{"bug", "docs"}
	want[2].Author = ""
	want[3].Commits = []string{hash(13), hash(14), hash(15)}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
	var asked []string
	for _, r := range s.api.Requests() {
		asked = append(asked, strings.TrimPrefix(r.Path, "/repos/acme/shop"))
	}
	// 7 is an issue's number; squashes and direct commits cost nothing.
	if n := len(asked); n != 5 {
		t.Errorf("%d requests, want 5: %v", n, asked)
	}
	delete(s.rights, "pull_requests")
	_, err = s.Forge().PullRequests(t.Context(), r)
	wantError(t, err, `it needs the permission "Pull requests: read"`)
}

func TestGitHubIssues(t *testing.T) {
	for _, count := range []int{3, 130} {
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			s := newGitHub(t)
			var numbers []int
			for n := 1; n <= count; n++ {
				updated := noon
				if n%40 == 1 { // Closed again by hand later, or never by this release: not in the list since then.
					updated = noon.AddDate(-1, 0, 0)
				}
				s.issues = append(s.issues, object{"number": n, "state": "closed", "updated_at": updated, "labels": []object{{"name": fmt.Sprint("l", n)}}})
				numbers = append(numbers, n)
			}
			s.issues = append(s.issues,
				object{"number": 500, "state": "open", "updated_at": noon, "labels": []object{}, "pull_request": object{"url": "x"}},
				object{"number": 501, "state": "deleted", "updated_at": noon.AddDate(-2, 0, 0), "labels": []object{}})
			got, err := s.Forge().Issues(t.Context(), append(numbers, 500, 501, 502), noon.Add(-time.Hour))
			if err != nil || len(got) != count {
				t.Fatalf("got %d issues, %v; want %d", len(got), err, count)
			}
			for i, issue := range got {
				if want := (changelog.Issue{Number: i + 1, Labels: []string{fmt.Sprint("l", i+1)}}); !reflect.DeepEqual(issue, want) {
					t.Errorf("got %+v, want %+v", issue, want)
				}
			}
			if n := len(s.api.Requests()); n > 10 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func TestGitHubOpenPullRequest(t *testing.T) {
	proposal := Proposal{Branch: "rollback/v1.2.3", Base: "main", Title: "Roll back", Body: "why"}
	tests := []struct {
		name   string
		fault  *labtest.Fault
		writes int
	}{
		{"new", nil, 1},
		{"answer lost", &labtest.Fault{Method: "POST", Lose: true, Times: 1}, 1},
		{"somebody else was faster", &labtest.Fault{Method: "GET", Path: "/pulls$", Times: 1, Status: 200, Body: "[]"}, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newGitHub(t)
			if test.fault != nil {
				s.api.Fault(*test.fault)
			}
			if strings.HasPrefix(test.name, "somebody") {
				p := githubPull(s.next(), "Roll back", "", noon)
				p["state"], p["head"].(object)["ref"] = "open", proposal.Branch
				s.pulls = []object{p}
			}
			f := s.Forge()
			for range 2 {
				got, err := f.OpenPullRequest(t.Context(), proposal)
				if err != nil || got.Number != 1 || got.Title != "Roll back" || got.URL != "https://github.com/acme/shop/pull/1" {
					t.Errorf("got %+v, %v", got, err)
				}
			}
			if n := len(s.api.Writes()); n != test.writes || len(s.pulls) != 1 {
				t.Errorf("%d requests that write, want %d; %d pull requests", n, test.writes, len(s.pulls))
			}
		})
	}
	s := newGitHub(t)
	fork := githubPull(s.next(), "a fork's branch of that name", "", noon)
	fork["state"], fork["head"] = "open", object{"ref": proposal.Branch, "repo": nil}
	s.pulls = []object{fork}
	if got, err := s.Forge().OpenPullRequest(t.Context(), proposal); err == nil && got.Number == 1 {
		t.Error("a fork's pull request is taken")
	}
	_, err := s.Forge().OpenPullRequest(t.Context(), Proposal{Branch: "absent", Base: "main", Title: "x"})
	wantError(t, err, "open a pull request at "+s.repo().Web+": GitHub answered 422 Unprocessable Entity (Validation Failed; code invalid, field head, resource PullRequest)")
}

func TestErrors(t *testing.T) {
	quoted, _ := json.Marshal(canary)
	leak := strings.Join([]string{
		canary, url.QueryEscape(canary), url.PathEscape(canary), base64.StdEncoding.EncodeToString([]byte(canary)),
		base64.URLEncoding.EncodeToString([]byte("oauth2:" + canary)), strings.Trim(string(quoted), `"`),
	}, " ")
	told, _ := json.Marshal(object{"message": "You sent " + leak + " " + strings.Repeat("long ", 100) + "\x1b[31m"})
	tests := []struct {
		name  string
		fault labtest.Fault
		want  string
	}{
		{"token in the answer", labtest.Fault{Status: 400, Body: string(told)}, "GitHub answered 400 Bad Request (You sent *** *** *** *** *** *** long long"},
		{"token in what is no JSON", labtest.Fault{Status: 400, Body: leak}, "GitHub answered 400 Bad Request"},
		{"list of reasons", labtest.Fault{Status: 409, Body: `{"message":["one","two"],"error":"three"}`}, "409 Conflict (one; two; three)"},
		{"reasons by field", labtest.Fault{Status: 400, Body: `{"message":{"name":["too short","odd"],"base":"x"}}`}, "400 Bad Request (base x, name too short; odd)"},
		{"broken for good", labtest.Fault{Status: 502}, "GitHub answered 502 Bad Gateway, again and again: run the same command when it has recovered"},
		{"connection broken for good", labtest.Fault{Reset: true}, "read the releases at WEB: Get"},
		{"a page instead of an API", labtest.Fault{Status: 200, Body: "<html>"}, "does not answer like the API of GitHub (invalid character '<' looking for beginning of value): check forge and repository"},
		{"list that begins again", labtest.Fault{Status: 200, Body: "[]", Header: http.Header{"Link": {`<https://x/?per_page=100>; rel="next"`}}}, "the next page of the list is the same page"},
		{"link without a page", labtest.Fault{Status: 200, Body: "[]", Header: http.Header{"Link": {`<https://x/>; rel="next"`}}}, "the link to the next page of the list cannot be read"},
		{"redirect to a signed address", labtest.Fault{Status: 302, Header: http.Header{"Location": {"http://127.0.0.1:1/x?signature=canary"}}}, "read the releases at WEB: Get"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newGitHub(t)
			s.api.Fault(test.fault)
			_, err := s.Forge().Releases(t.Context())
			wantError(t, err, strings.ReplaceAll(test.want, "WEB", s.repo().Web))
			if n := len([]rune(err.Error())); n > 700 || strings.ContainsAny(err.Error(), "\x1b\n") {
				t.Errorf("%d characters: %q", n, err)
			}
		})
	}
	t.Run("token in an error of our own side", func(t *testing.T) {
		s := newGitHub(t)
		c := s.Forge().(*gitHub).client
		wantError(t, c.fail(call{what: "read it"}, errors.New(strings.Repeat("x", 280)+canary)), "read it at "+s.repo().Web+": xxx")
	})
	t.Run("moved", func(t *testing.T) {
		s := newGitHub(t)
		s.api.Fault(labtest.Fault{Method: "POST", Status: 301, Header: http.Header{"Location": {"http://" + s.api.Addr() + "/repos/acme/shop/releases"}}})
		_, err := s.Forge().CreateDraft(t.Context(), release)
		wantError(t, err, "301 Moved Permanently: the repository has moved; set repository to its present address")
	})
	t.Run("the token goes to no other host", func(t *testing.T) {
		s := newGitHub(t)
		for range 101 {
			s.releases = append(s.releases, &githubRelease{ID: s.next()})
		}
		other := newGitHub(t)
		s.api.Fault(labtest.Fault{Path: "/releases$", Times: 1, Status: 200, Body: "[]", Header: http.Header{
			"Link": {`<http://` + other.api.Addr() + `/repos/acme/shop/releases?page=2>; rel="next"`},
		}})
		if got, err := s.Forge().Releases(t.Context()); err != nil || len(got) == 0 || len(other.api.Requests()) != 0 {
			t.Errorf("got %d releases, %v, %d requests to the other host", len(got), err, len(other.api.Requests()))
		}
	})
}
