package forge

import (
	"bytes"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/labtest"
)

func TestGitLabRelease(t *testing.T) {
	s := newGitLab(t)
	s.tags["v1.2.3"] = ours
	s.packages = []*gitlabPackage{{ID: s.next(), Name: "release-assets-of-another", Version: "v1.2.3", Files: []gitlabFile{{s.next(), "other.txt", nil}}}}
	f := s.Forge()
	draft, err := f.CreateDraft(t.Context(), release)
	if err != nil || !draft.Draft || draft.Tag != "v1.2.3" || draft.URL != s.repo().Web+"/-/releases/v1.2.3" {
		t.Fatalf("draft: got %+v, %v", draft, err)
	}
	if n := len(s.api.Writes()); n != 0 {
		t.Errorf("the draft is not only here: %d requests that write", n)
	}
	var assets []Asset
	for _, name := range []string{"sbom-a.json", "sbom-b.json"} {
		asset, err := f.UploadAsset(t.Context(), draft, File{name, "application/json", []byte(name)})
		if err != nil {
			t.Fatal(err)
		}
		if data, err := f.DownloadAsset(t.Context(), asset); err != nil || string(data) != name {
			t.Fatalf("download: got %q, %v", data, err)
		}
		assets = append(assets, asset)
	}
	if got, err := f.Assets(t.Context(), draft); err != nil || !reflect.DeepEqual(got, assets) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, assets)
	}
	draft.Body = "better notes"
	if got, err := f.UpdateRelease(t.Context(), draft); err != nil || got.Body != "better notes" || len(s.releases) != 0 {
		t.Errorf("update: got %+v, %v, %d releases", got, err, len(s.releases))
	}
	published, err := f.Publish(t.Context(), draft)
	if err != nil || published.Draft || published.Body != "better notes" || published.Commit != ours || len(published.Assets) != 2 {
		t.Fatalf("publish: got %+v, %v", published, err)
	}
	link := s.releases[0]["assets"].(object)["links"].([]object)[1]
	if want := s.repo().API + "/projects/acme%2Fweb%2Fshop/packages/generic/release-assets/v1.2.3/sbom-b.json"; link["url"] != want || link["link_type"] != "package" {
		t.Errorf("link: got %v, want %s", link, want)
	}
	if want := "/-/releases/v1.2.3/downloads/sbom-b.json"; !strings.HasSuffix(text(link, "direct_asset_url"), want) {
		t.Errorf("link: got %v, want %s", link["direct_asset_url"], want)
	}
	writes := len(s.api.Writes())
	again, err := f.Publish(t.Context(), published)
	if err != nil || len(s.releases) != 1 || len(again.Assets) != 2 || len(s.api.Writes()) != writes {
		t.Errorf("a second time: got %+v, %v, %d releases, %d more writes", again, err, len(s.releases), len(s.api.Writes())-writes)
	}
	published.Body = "best notes"
	if again, err = f.Publish(t.Context(), published); err != nil || again.Body != "best notes" {
		t.Errorf("with other notes: got %+v, %v", again, err)
	}
	if c := f.Capabilities(); c != (Capabilities{}) {
		t.Errorf("capabilities %+v", c)
	}
}

// TestGitLabAssetsOfAnyTag: not every tag is the version of a package that GitLab takes, and no two may share one.
func TestGitLabAssetsOfAnyTag(t *testing.T) {
	s := newGitLab(t)
	f := s.Forge()
	for _, tag := range []string{"shop/v1.2.3", "shop-v1.2.3", "shop+v1.2.3", "@acme/shop@1.2.3", "магазин-1.2.3", "shop+2Fv1.2.3"} {
		file := File{"sbom.json", "application/json", []byte(tag)}
		asset, err := f.UploadAsset(t.Context(), Release{Tag: tag, Draft: true}, file)
		if err != nil {
			t.Errorf("%s: %v", tag, err)
			continue
		}
		if data, err := f.DownloadAsset(t.Context(), asset); err != nil || string(data) != tag {
			t.Errorf("%s: got %q, %v", tag, data, err)
		}
	}
	if len(s.packages) != 6 {
		t.Errorf("%d packages, want 6", len(s.packages))
	}
}

func TestGitLabPublish(t *testing.T) {
	draft := release
	draft.Draft = true
	t.Run("without the tag", func(t *testing.T) {
		s := newGitLab(t)
		_, err := s.Forge().Publish(t.Context(), draft)
		wantError(t, err, "create the release v1.2.3 at "+s.repo().Web+": GitLab answered 422 Unprocessable Entity (Ref is not specified)")
		if len(s.tags) != 0 {
			t.Errorf("GitLab made the tag: %v", s.tags)
		}
	})
	for _, fault := range []labtest.Fault{{Lose: true, Times: 1}, {Status: 500, Times: 1}, {Status: 429, Times: 1, Header: http.Header{"Retry-After": {"9"}}}} {
		t.Run(fmt.Sprintf("%+v", fault), func(t *testing.T) {
			s := newGitLab(t)
			s.tags["v1.2.3"] = ours
			f := s.Forge()
			if _, err := f.Releases(t.Context()); err != nil { // Now the list is cached, and will not show the new one.
				t.Fatal(err)
			}
			fault.Method, fault.Path = "POST", "/releases$"
			s.api.Fault(fault)
			got, err := f.Publish(t.Context(), draft)
			if err != nil || got.Body != "notes" || len(s.releases) != 1 {
				t.Errorf("got %+v, %v, %d releases", got, err, len(s.releases))
			}
			if len(s.waits) != 1 || fault.Status == 429 && s.waits[0] < 9*time.Second {
				t.Errorf("waited %v", s.waits)
			}
		})
	}
	t.Run("made by hand meanwhile", func(t *testing.T) {
		s := newGitLab(t)
		s.tags["v1.2.3"] = ours
		f := s.Forge()
		if _, err := f.UploadAsset(t.Context(), draft, File{"a.txt", "text/plain", []byte("a")}); err != nil {
			t.Fatal(err)
		}
		s.releases = []object{{"tag_name": "v1.2.3", "name": "by hand", "description": "x", "commit": object{"id": ours}, "assets": object{"links": []object{}}}}
		old, err := f.CreateDraft(t.Context(), release)
		if err != nil || old.Draft || old.Body != "x" {
			t.Fatalf("got %+v, %v", old, err)
		}
		s.api.Fault(labtest.Fault{Method: "POST", Path: "/links$", Times: 1, Lose: true})
		old.Body = WithNotes(old.Body, "notes")
		got, err := f.Publish(t.Context(), old)
		if err != nil || !strings.HasPrefix(got.Body, "x\n\n<!--") || len(got.Assets) != 1 {
			t.Errorf("got %+v, %v", got, err)
		}
		s.releases[0]["assets"] = object{"links": []object{}}
		if got, err = f.Publish(t.Context(), got); err != nil || len(got.Assets) != 1 {
			t.Errorf("with the link removed: got %+v, %v", got, err)
		}
	})
}

func TestGitLabUpload(t *testing.T) {
	file := File{"sbom.json", "application/json", []byte("new")}
	tests := []struct {
		name    string
		old     string
		prepare func(*gitlabServer)
		release Release
		writes  int
		err     string
	}{
		{"new", "", func(*gitlabServer) {}, Release{Draft: true}, 1, ""},
		{"there already", "new", func(*gitlabServer) {}, Release{Draft: true}, 0, ""},
		{"there already, on an old server", "new", func(s *gitlabServer) { s.bare = true }, Release{Draft: true}, 0, ""},
		{"other content", "old", func(*gitlabServer) {}, Release{Draft: true}, 1, ""},
		{"other content, on an old server", "old", func(s *gitlabServer) { s.bare = true }, Release{Draft: true}, 1, ""},
		{"other content, and only one may be there", "old", func(s *gitlabServer) { s.unique = true }, Release{Draft: true}, 1, "Duplicate package is not allowed"},
		{"answer lost", "", func(s *gitlabServer) { s.api.Fault(labtest.Fault{Method: "PUT", Lose: true, Times: 1}) }, Release{Draft: true}, 2, ""},
		{"answer lost, and only one may be there", "", func(s *gitlabServer) {
			s.unique = true
			s.api.Fault(labtest.Fault{Method: "PUT", Lose: true, Times: 1})
		}, Release{Draft: true}, 2, ""},
		{"broken for good", "", func(s *gitlabServer) { s.api.Fault(labtest.Fault{Method: "PUT", Status: 500}) }, Release{Draft: true}, 6, "GitLab answered 500 Internal Server Error, again and again"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newGitLab(t)
			test.release.Tag = "v1.2.3"
			if test.old != "" {
				p := s.pack("release-assets", "v1.2.3")
				p.Files = append(p.Files, gitlabFile{s.next(), "sbom.json", []byte(test.old)})
			}
			test.prepare(s)
			f := s.Forge()
			asset, err := f.UploadAsset(t.Context(), test.release, file)
			if n := len(s.api.Writes()); n != test.writes {
				t.Errorf("%d requests that write, want %d", n, test.writes)
			}
			if test.err != "" {
				wantError(t, err, test.err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if data, err := f.DownloadAsset(t.Context(), asset); err != nil || !bytes.Equal(data, file.Data) {
				t.Errorf("got %q, %v", data, err)
			}
		})
	}
}

func TestGitLabCanRelease(t *testing.T) {
	rule := func(name string, levels ...object) object {
		return object{"name": name, "create_access_levels": levels}
	}
	role := func(n int) object { return object{"id": 1, "access_level": n, "access_level_description": "x"} }
	tests := []struct {
		name, tag string
		prepare   func(*gitlabServer)
		unchecked string
		err       string
	}{
		{"maintainer", "v1.2.3", func(s *gitlabServer) { s.role = 40 }, "", ""},
		{"developer cannot see protected tags", "v1.2.3", func(*gitlabServer) {}, "whether the tag v1.2.3 is protected (only a Maintainer can read that)", ""},
		{"administrator without a role", "v1.2.3", func(s *gitlabServer) { s.role, s.admin = 0, true }, "", ""},
		{"reporter", "v1.2.3", func(s *gitlabServer) { s.role = 20 }, "", "see whether forgeToken may push at WEB: GitLab answered 403 Forbidden: forgeToken does not permit this; it needs the scope api and at least the role Developer"},
		{"stranger", "v1.2.3", func(s *gitlabServer) { s.role = 0 }, "", "read the project at WEB: GitLab answered 404 Not Found (404 Project Not Found): it does not exist or forgeToken may not see it"},
		{"scope for git alone", "v1.2.3", func(s *gitlabServer) { s.scopes = []string{"write_repository"} }, "", "403 Forbidden (insufficient_scope; The request requires higher privileges than provided by the access token.): forgeToken does not permit this; it needs the scope api"},
		{"scopes for git and for reading", "v1.2.3", func(s *gitlabServer) { s.scopes = []string{"write_repository", "read_api"} }, "", "forgeToken has the scopes write_repository, read_api: a release at WEB needs the scope api"},
		{"OAuth token", "v1.2.3", func(s *gitlabServer) { s.role, s.oauth = 40, true }, "", ""},
		{"archived", "v1.2.3", func(s *gitlabServer) { s.archived = true }, "", "is archived"},
		{"protected for maintainers", "v1.2.3", func(s *gitlabServer) { s.role, s.protected = 40, []object{rule("v*", role(40))} }, "", ""},
		{"protected for nobody", "v1.2.3", func(s *gitlabServer) { s.role, s.protected = 40, []object{rule("v*", role(0))} }, "", "the tag v1.2.3 is protected at WEB and the user of forgeToken may not create it: allow it for the protected tag v* in"},
		{"protected for a deploy key", "v1.2.3", func(s *gitlabServer) {
			s.role, s.protected = 40, []object{rule("v*", object{"access_level": 40, "deploy_key_id": 1})}
		}, "", "is protected"},
		{"protected for this user", "v1.2.3", func(s *gitlabServer) {
			s.role, s.protected = 40, []object{rule("v*", object{"access_level": nil, "user_id": 42, "group_id": nil})}
		}, "", ""},
		{"protected for another user", "v1.2.3", func(s *gitlabServer) {
			s.role, s.protected = 40, []object{rule("v*", object{"access_level": nil, "user_id": 43, "group_id": nil})}
		}, "", "is protected"},
		{"protected for a group", "v1.2.3", func(s *gitlabServer) {
			s.role, s.protected = 40, []object{rule("v*", object{"access_level": nil, "user_id": nil, "group_id": 7})}
		}, "whether the token's user is in a group that may create the protected tag v1.2.3", ""},
		{"one of two rules allows it", "v1.2.3", func(s *gitlabServer) {
			s.role, s.protected = 40, []object{rule("v*", role(0)), rule("v1.2.3", role(40))}
		}, "", ""},
		{"other tags are protected", "v1.2.3", func(s *gitlabServer) {
			s.role, s.protected = 40, []object{rule("*-stable", role(0)), rule("v1.2", role(0))}
		}, "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newGitLab(t)
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
	s := newGitLab(t)
	_, err := s.forge(s.repo(), "canary-wrong-t0ken!").CanRelease(t.Context(), "v1.2.3")
	wantError(t, err, "401 Unauthorized (invalid_token; Token was revoked. You have to re-authorize from the user.): forgeToken is wrong or has expired")
	_, err = s.forge(s.repo(), "").CanRelease(t.Context(), "v1.2.3")
	wantError(t, err, "404 Not Found (404 Project Not Found): forgeToken is not set; set it to a token with the scope api")
}

func TestGitLabMergeRequests(t *testing.T) {
	s := newGitLab(t)
	var r Range
	for n := 1; n <= 230; n++ {
		s.merges = append(s.merges, gitlabMerge(n, fmt.Sprint("feat: ", n), hash(n), noon.Add(time.Duration(n)*time.Minute)))
		r.Commits = append(r.Commits, commit(n, fmt.Sprint("feat: ", n), n-1, 1000+n))
	}
	old := gitlabMerge(300, "fix: picked", hash(9999), noon.AddDate(-1, 0, 0))
	squash := gitlabMerge(301, "feat: squashed", "", noon, "feature")
	squash["merge_commit_sha"], squash["squash_commit_sha"] = nil, hash(301)
	forward := gitlabMerge(302, "feat: forward", "", noon)
	forward["merge_commit_sha"], forward["sha"], forward["description"] = nil, hash(304), "Closes #1"
	s.commits[302] = []string{hash(304), hash(303), hash(9998)}
	open := gitlabMerge(303, "open", hash(3), noon)
	open["state"] = "opened"
	s.merges = append(s.merges, old, squash, forward, open)
	r.Commits = append(r.Commits, commit(299, "direct", 230), commit(301, "feat: squashed", 299), commit(303, "feat: a", 301), commit(304, "feat: b", 303))
	r.Numbers = []int{300, 303, 999}

	got, err := s.Forge().PullRequests(t.Context(), r)
	if err != nil || len(got) != 233 {
		t.Fatalf("got %d, %v; want 233", len(got), err)
	}
	pull := func(n int, title, commit string) changelog.PullRequest {
		return changelog.PullRequest{Number: n, Title: title, Author: "ann", MergeCommit: commit, URL: fmt.Sprint("https://gitlab.com/acme/web/shop/-/merge_requests/", n)}
	}
	want := []changelog.PullRequest{
		pull(230, "feat: 230", hash(230)), pull(300, "fix: picked", hash(9999)), pull(301, "feat: squashed", hash(301)), pull(302, "feat: forward", hash(304)),
	}
	want[2].Labels = []string{"feature"}
	want[3].Body, want[3].Commits = "Closes #1", []string{hash(303), hash(304)}
	if !reflect.DeepEqual(got[229:], want) {
		t.Errorf("got  %+v\nwant %+v", got[229:], want)
	}
	if n := len(s.api.Requests()); n != 5 {
		t.Errorf("%d requests, want 3 pages, one for the numbers, one for the fast-forward", n)
	}
}

func TestGitLabIssues(t *testing.T) {
	s := newGitLab(t)
	var numbers []int
	for n := 1; n <= 130; n++ {
		s.issues = append(s.issues, object{"iid": n, "labels": []string{fmt.Sprint("l", n)}})
		numbers = append(numbers, n)
	}
	got, err := s.Forge().Issues(t.Context(), append(numbers[:120:120], 999), noon)
	if err != nil || len(got) != 120 {
		t.Fatalf("got %d issues, %v; want 120", len(got), err)
	}
	for i, issue := range got {
		if want := (changelog.Issue{Number: i + 1, Labels: []string{fmt.Sprint("l", i+1)}}); !reflect.DeepEqual(issue, want) {
			t.Errorf("got %+v, want %+v", issue, want)
		}
	}
}

func TestGitLabOpenMergeRequest(t *testing.T) {
	proposal := Proposal{Branch: "rollback/v1.2.3", Base: "main", Title: "Roll back", Body: "why"}
	for _, fault := range []labtest.Fault{{}, {Method: "POST", Lose: true, Times: 1}} {
		s := newGitLab(t)
		if fault.Lose {
			s.api.Fault(fault)
		}
		for range 2 {
			got, err := s.Forge().OpenPullRequest(t.Context(), proposal)
			if err != nil || got.Number != 1 || got.Title != "Roll back" || got.Body != "why" {
				t.Errorf("got %+v, %v", got, err)
			}
		}
		if n := len(s.api.Writes()); n != 1 || len(s.merges) != 1 {
			t.Errorf("%d requests that write, %d merge requests", n, len(s.merges))
		}
	}
	s := newGitLab(t)
	elsewhere := gitlabMerge(s.next(), "to another branch", "", noon)
	elsewhere["state"], elsewhere["source_branch"], elsewhere["target_branch"] = "opened", proposal.Branch, "develop"
	s.merges = []object{elsewhere}
	_, err := s.Forge().OpenPullRequest(t.Context(), proposal)
	wantError(t, err, "GitLab answered 409 Conflict (Another open merge request already exists for this source branch: !1)")
}

func TestGitLabReadsAllPages(t *testing.T) {
	s := newGitLab(t)
	for i := range 230 {
		s.releases = append(s.releases, object{"tag_name": fmt.Sprint("v0.0.", i), "commit": object{"id": ours}, "assets": object{"links": []object{}}})
	}
	got, err := s.Forge().Releases(t.Context())
	if err != nil || len(got) != 230 || got[229].Tag != "v0.0.229" || got[229].Commit != ours {
		t.Errorf("got %d releases, %v", len(got), err)
	}
}
