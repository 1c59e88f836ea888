package forge

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/labtest"
	"dagger/slipway/stages/retry"
)

// lab is a repository of its own on the lab's Gitea, with a clone.
type lab struct {
	t                *testing.T
	web, token, user string
	name             string
	dir              string // the clone
}

func newLab(t *testing.T) *lab {
	t.Helper()
	web, token := labtest.Gitea(t)
	random := make([]byte, 4)
	_, _ = rand.Read(random)
	l := &lab{t: t, web: web, token: token, name: "forge-" + hex.EncodeToString(random), dir: t.TempDir()}
	var me struct{ Login string }
	l.api("GET", "/user", nil, &me)
	l.user = me.Login
	l.api("POST", "/user/repos", map[string]any{"name": l.name, "private": true, "default_branch": "main"}, nil)
	t.Cleanup(func() { l.api("DELETE", l.repo(""), nil, nil) })
	l.git("init", "--quiet", "--initial-branch=main")
	l.git("remote", "add", "origin", l.web+"/"+l.user+"/"+l.name+".git")
	return l
}

func (l *lab) repo(path string) string { return "/repos/" + l.user + "/" + l.name + path }

// api sends a request that has to succeed. It is no part of what is tested.
func (l *lab) api(method, path string, in, out any) {
	l.t.Helper()
	if status, body := l.try(method, path, in, out); status/100 != 2 {
		l.t.Fatalf("%s %s: %d %s", method, path, status, body)
	}
}

func (l *lab) try(method, path string, in, out any) (int, string) {
	l.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		l.t.Fatal(err)
	}
	req, err := http.NewRequest(method, l.web+"/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	req.Header.Set("Authorization", "token "+l.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		l.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(resp.Body)
	if out != nil && resp.StatusCode/100 == 2 {
		if err := json.Unmarshal(answer, out); err != nil {
			l.t.Fatal(err)
		}
	}
	return resp.StatusCode, string(answer)
}

func (l *lab) git(args ...string) string {
	l.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = l.dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@acme.example", "GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@acme.example",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=http.extraHeader", "GIT_CONFIG_VALUE_0=Authorization: token "+l.token)
	out, err := cmd.CombinedOutput()
	if err != nil {
		l.t.Fatalf("git %s: %v\n%s", args[0], err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit writes a file of its own, so that no two commits conflict.
func (l *lab) commit(message string) string {
	l.t.Helper()
	name := strings.Map(func(r rune) rune {
		if r == '/' || r == ' ' || r == '\n' {
			return '-'
		}
		return r
	}, message)
	if err := os.WriteFile(filepath.Join(l.dir, name), []byte(message), 0o644); err != nil {
		l.t.Fatal(err)
	}
	l.git("add", "--all")
	l.git("commit", "--quiet", "--message", message)
	return l.git("rev-parse", "HEAD")
}

// push sends main, and waits until Gitea has noticed that the repository is no longer empty.
func (l *lab) push() {
	l.t.Helper()
	l.git("push", "--quiet", "origin", "main")
	repo := struct{ Empty bool }{true}
	for end := time.Now().Add(10 * time.Second); repo.Empty && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		l.api("GET", l.repo(""), nil, &repo)
	}
}

// forge is the package under test, with waits cut short, at another address if one is given.
func (l *lab) forge(address, token string) Forge {
	l.t.Helper()
	if address == "" {
		address = l.web
	}
	repo, err := Detect(address+"/"+l.user+"/"+l.name+".git", "gitea", "")
	if err != nil {
		l.t.Fatal(err)
	}
	return connect(repo, token, &retry.Transport{Base: http.DefaultTransport, Clock: &bench{}})
}

// scoped makes a token of another user with the given scopes and role.
func (l *lab) scoped(name, role string, scopes ...string) (token string) {
	l.t.Helper()
	user := name + "-" + l.name
	l.api("POST", "/admin/users", map[string]any{
		"username": user, "email": user + "@acme.example", "password": "Correct-Horse-1", "must_change_password": false,
	}, nil)
	l.t.Cleanup(func() { l.api("DELETE", "/admin/users/"+user+"?purge=true", nil, nil) })
	if role != "" {
		l.api("PUT", l.repo("/collaborators/"+user), map[string]any{"permission": role}, nil)
	}
	return l.userToken(user, scopes...)
}

func (l *lab) userToken(user string, scopes ...string) string {
	l.t.Helper()
	body, _ := json.Marshal(map[string]any{"name": "t" + strings.Join(scopes, ""), "scopes": scopes})
	req, _ := http.NewRequest("POST", l.web+"/api/v1/users/"+user+"/tokens", bytes.NewReader(body))
	req.SetBasicAuth(user, "Correct-Horse-1")
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		l.t.Fatal(err)
	}
	defer resp.Body.Close()
	var made struct{ SHA1 string }
	if err := json.NewDecoder(resp.Body).Decode(&made); err != nil || made.SHA1 == "" {
		l.t.Fatalf("no token: %d %v", resp.StatusCode, err)
	}
	return made.SHA1
}

func (l *lab) log() []changelog.Commit {
	l.t.Helper()
	commits, err := changelog.ParseLog([]byte(l.git("log", "-z", "--format="+changelog.GitLogFormat, "origin/main")))
	if err != nil {
		l.t.Fatal(err)
	}
	return commits
}

func TestGiteaRelease(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	proxy := labtest.NewProxy(t, l.web)
	f := l.forge("http://"+proxy.Addr(), l.token)
	commit := l.commit("feat: first")
	l.push()
	ctx := t.Context()

	want := Release{Tag: "v1.2.0-rc.1", Commit: commit, Title: "Release v1.2.0-rc.1", Body: "notes", Prerelease: true}
	// The answer is lost, so the first try is only found by looking.
	proxy.Fault(labtest.Fault{Method: "POST", Path: "/releases$", Times: 1, Lose: true})
	draft, err := f.CreateDraft(ctx, want)
	if err != nil {
		t.Fatal(err)
	}
	if draft.ID == 0 || !draft.Draft || !draft.Prerelease || draft.Tag != want.Tag || draft.Commit != commit || draft.Title != want.Title || draft.Body != "notes" {
		t.Fatalf("got %+v", draft)
	}
	again, err := f.CreateDraft(ctx, want)
	if err != nil || again.ID != draft.ID {
		t.Fatalf("a second time: got %+v, %v", again, err)
	}
	if _, err := f.Publish(ctx, draft); err == nil || !strings.Contains(err.Error(), "the Git tag v1.2.0-rc.1 is not at http://"+proxy.Addr()) {
		t.Fatalf("published without a tag: %v", err)
	}
	l.git("tag", "--annotate", "--message", "Release", want.Tag)
	l.git("push", "--quiet", "origin", want.Tag)

	file := File{"sbom.cdx.json", "application/json", []byte(`{"bomFormat": "CycloneDX"}`)}
	proxy.Fault(labtest.Fault{Method: "POST", Path: "/assets$", Times: 1, Lose: true})
	asset, err := f.UploadAsset(ctx, draft, file)
	if err != nil {
		t.Fatal(err)
	}
	if data, err := f.DownloadAsset(ctx, asset); err != nil || !bytes.Equal(data, file.Data) {
		t.Fatalf("download: got %q, %v", data, err)
	}
	proxy.Reset()
	if kept, err := f.UploadAsset(ctx, draft, file); err != nil || kept.ID != asset.ID || len(proxy.Writes()) != 0 {
		t.Fatalf("the same file again: got %+v, %v, %d writes", kept, err, len(proxy.Writes()))
	}
	file.Data = []byte(`{"bomFormat": "CycloneDX", "version": 2}`)
	if asset, err = f.UploadAsset(ctx, draft, file); err != nil {
		t.Fatal(err)
	}
	assets, err := f.Assets(ctx, draft)
	if err != nil || !reflect.DeepEqual(assets, []Asset{asset}) {
		t.Fatalf("got %+v, %v; want only %+v", assets, err, asset)
	}

	draft.Body = "better notes"
	published, err := f.Publish(ctx, draft)
	if err != nil || published.Draft || published.Body != "better notes" || !published.Prerelease || len(published.Assets) != 1 {
		t.Fatalf("got %+v, %v", published, err)
	}
	all, err := f.Releases(ctx)
	if err != nil || !reflect.DeepEqual(all, []Release{published}) {
		t.Fatalf("got %+v, %v\nwant %+v", all, err, published)
	}
	file.Data = []byte("other")
	if kept, err := f.UploadAsset(ctx, published, file); err != nil || kept.ID != asset.ID {
		t.Errorf("a published asset is replaced: %+v, %v", kept, err)
	}
	if c := f.Capabilities(); c != (Capabilities{Drafts: true, Prerelease: true, Eager: true}) {
		t.Errorf("capabilities %+v", c)
	}
}

func TestGiteaReadsAllPages(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	commit := l.commit("feat: first")
	l.push()
	for i := range 61 { // A page has 50.
		l.api("POST", l.repo("/releases"), map[string]any{"tag_name": fmt.Sprint("v0.0.", i), "target_commitish": commit, "draft": true}, nil)
	}
	releases, err := l.forge("", l.token).Releases(t.Context())
	if err != nil || len(releases) != 61 {
		t.Fatalf("got %d releases, %v; want 61", len(releases), err)
	}
	if r, err := Find(releases, "v0.0.0", commit); err != nil || r == nil {
		t.Errorf("the oldest is not found: %v", err)
	}
}

func TestGiteaCanRelease(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.commit("feat: first")
	l.push()
	proxy := labtest.NewProxy(t, l.web)
	writer := l.scoped("writer", "write", "write:repository")
	other := "owner-" + l.name
	l.scoped("owner", "write", "write:repository")
	l.api("POST", l.repo("/tag_protections"), map[string]any{"name_pattern": "v9.*", "whitelist_usernames": []string{other}}, nil)
	l.api("POST", l.repo("/tag_protections"), map[string]any{"name_pattern": "/^v8[.]/", "whitelist_usernames": []string{l.user}}, nil)
	tests := []struct{ name, token, tag, unchecked, err string }{
		{"administrator", l.token, "v1.0.0", "", ""},
		{"writer", writer, "v1.0.0", "whether the tag v1.0.0 is protected", ""},
		{"reader", l.scoped("reader", "read", "write:repository"), "v1.0.0", "", "the user of forgeToken may not write to"},
		{"token that only reads", l.scoped("weak", "write", "read:repository"), "v1.0.0", "", "403 Forbidden: forgeToken does not permit this; it needs the scope write:repository"},
		{"token without the repository", l.scoped("none", "write", "read:issue"), "v1.0.0", "", "403 Forbidden"},
		{"stranger", l.scoped("stranger", "", "write:repository"), "v1.0.0", "", "404 Not Found"},
		{"wrong token", strings.Repeat("0", 40), "v1.0.0", "", "401 Unauthorized"},
		{"no token", "", "v1.0.0", "", "forgeToken is not set"},
		{"protected tag", l.token, "v9.0.0", "", "the tag v9.0.0 is protected at"},
		{"protected tag, allowed", l.token, "v8.0.0", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			unchecked, err := l.forge("http://"+proxy.Addr(), test.token).CanRelease(t.Context(), test.tag)
			if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
				t.Errorf("got error %v, want %q", err, test.err)
			}
			if !strings.HasPrefix(unchecked, test.unchecked) || unchecked != "" && test.unchecked == "" {
				t.Errorf("unchecked %q, want %q", unchecked, test.unchecked)
			}
			if err != nil && test.token != "" && strings.Contains(err.Error(), test.token) {
				t.Errorf("the error holds the token: %v", err)
			}
		})
	}
	if n := len(proxy.Writes()); n != 0 {
		t.Errorf("%d requests that write", n)
	}
	proxy.Fault(labtest.Fault{Path: "/tag_protections$", Status: 404})
	unchecked, err := l.forge("http://"+proxy.Addr(), l.token).CanRelease(t.Context(), "v9.0.0")
	if err != nil || unchecked != "whether the tag v9.0.0 is protected (this version of the forge does not tell)" {
		t.Errorf("an old version: got %q, %v", unchecked, err)
	}
	l.api("PATCH", l.repo(""), map[string]any{"archived": true}, nil)
	if _, err := l.forge("", l.token).CanRelease(t.Context(), "v1.0.0"); err == nil || !strings.Contains(err.Error(), "is archived") {
		t.Errorf("archived: %v", err)
	}
}

// branch makes commits on a new branch that starts at main.
func (l *lab) branch(name string, messages ...string) {
	l.t.Helper()
	l.git("checkout", "--quiet", "-b", name, "main")
	for _, m := range messages {
		l.commit(m)
	}
}

func (l *lab) open(branch, body string, labels ...int64) int {
	l.t.Helper()
	var made struct{ Number int }
	l.api("POST", l.repo("/pulls"), map[string]any{"head": branch, "base": "main", "title": branch, "body": body, "labels": labels}, &made)
	return made.Number
}

// merge waits for the check for conflicts that Gitea makes in the background.
func (l *lab) merge(number int, how string) string {
	l.t.Helper()
	status, body := 0, ""
	for range 100 {
		if status, body = l.try("POST", fmt.Sprintf("%s/%d/merge", l.repo("/pulls"), number), map[string]any{"Do": how}, nil); status == 200 {
			l.git("fetch", "--quiet", "origin")
			return l.git("rev-parse", "origin/main")
		}
		time.Sleep(30 * time.Millisecond)
	}
	l.t.Fatalf("merge of %d: %d %s", number, status, body)
	return ""
}

func (l *lab) label(name string) int64 {
	var made struct{ ID int64 }
	l.api("POST", l.repo("/labels"), map[string]any{"name": name, "color": "#00aabb"}, &made)
	return made.ID
}

func TestGiteaPullRequests(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	bug, docs := l.label("bug"), l.label("docs")
	l.commit("chore: first")
	l.push()
	l.branch("early", "feat: early")
	l.branch("one", "feat: one a", "fix: one b")
	l.branch("two", "feat: two a", "feat: two b")
	l.branch("three", "feat: three a\n\nwith a body\nof two lines", "feat: three b", "feat: three c")
	l.branch("never", "feat: never")
	l.git("push", "--quiet", "origin", "early", "one", "two", "three", "never") // Each push takes Gitea half a second.

	early := l.open("early", "")
	boundary := l.merge(early, "squash")
	var issue struct{ Number int }
	l.api("POST", l.repo("/issues"), map[string]any{"title": "broken", "labels": []int64{docs}}, &issue)
	merged := l.open("one", "Closes #2", bug)
	mergeCommit := l.merge(merged, "merge")
	squashed := l.open("two", "", bug, docs)
	squashCommit := l.merge(squashed, "squash")
	rebased := l.open("three", "")
	rebaseTip := l.merge(rebased, "rebase")
	unmerged := l.open("never", "")
	l.api("PATCH", fmt.Sprintf("%s/%d", l.repo("/pulls"), unmerged), map[string]any{"state": "closed"}, nil)

	var r Range
	for _, c := range l.log() {
		if c.Hash == boundary {
			break
		}
		r.Commits = append(r.Commits, c)
	}
	page := func(n int) string { return fmt.Sprintf("%s/%s/%s/pulls/%d", l.web, l.user, l.name, n) }
	chain := strings.Fields(l.git("log", "--reverse", "--format=%H", rebaseTip+"~3.."+rebaseTip))
	want := []changelog.PullRequest{
		{Number: merged, Title: "one", Body: "Closes #2", Author: l.user, Labels: []string{"bug"}, MergeCommit: mergeCommit, URL: page(merged)},
		{Number: squashed, Title: "two", Author: l.user, Labels: []string{"bug", "docs"}, MergeCommit: squashCommit, URL: page(squashed)},
		{Number: rebased, Title: "three", Author: l.user, MergeCommit: rebaseTip, Commits: chain, URL: page(rebased)},
	}
	f := l.forge("", l.token)
	got, err := f.PullRequests(t.Context(), r)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
	var listed []hubPull
	g := f.(*gitea)
	q := call{url: g.base + "/pulls", query: g.list("state", "closed", "sort", g.dialect.sort)}
	if listed, err = all[hubPull](t.Context(), g.client, q); err != nil || len(listed) != 5 ||
		!slices.IsSortedFunc(listed, func(a, b hubPull) int { return b.Updated.Compare(a.Updated) }) {
		t.Errorf("the list does not begin with the last changed: %+v, %v", listed, err)
	}
	// A number that a message names is found whenever it was merged; those of issues, of nothing and of what was not
	// merged are passed over.
	r.Numbers = []int{early, squashed, issue.Number, unmerged, 999}
	got, err = f.PullRequests(t.Context(), r)
	if err != nil || len(got) != 4 || got[0].Number != early {
		t.Errorf("with numbers: got %+v, %v", got, err)
	}
	issues, err := f.Issues(t.Context(), []int{issue.Number, squashed, 999}, time.Now().Add(-time.Hour))
	if want := []changelog.Issue{{Number: issue.Number, Labels: []string{"docs"}}}; err != nil || !reflect.DeepEqual(issues, want) {
		t.Errorf("issues: got %+v, %v; want %+v", issues, err, want)
	}
	if empty, err := f.PullRequests(t.Context(), Range{}); err != nil || empty == nil || len(empty) != 0 {
		t.Errorf("an empty range: got %v, %v", empty, err)
	}
}

func TestGiteaOpenPullRequest(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.commit("chore: first")
	l.push()
	l.git("checkout", "--quiet", "-b", "rollback/v1.2.3")
	l.commit("revert: it")
	l.git("push", "--quiet", "origin", "rollback/v1.2.3")
	proxy := labtest.NewProxy(t, l.web)
	f := l.forge("http://"+proxy.Addr(), l.token)
	proxy.Fault(labtest.Fault{Method: "POST", Path: "/pulls$", Times: 1, Lose: true})
	proposal := Proposal{Branch: "rollback/v1.2.3", Base: "main", Title: "Roll back", Body: "Why"}
	first, err := f.OpenPullRequest(t.Context(), proposal)
	if err != nil || first.Number != 1 || first.Title != "Roll back" || first.Body != "Why" {
		t.Fatalf("got %+v, %v", first, err)
	}
	second, err := f.OpenPullRequest(t.Context(), proposal)
	if err != nil || second.Number != 1 {
		t.Errorf("a second time: got %+v, %v", second, err)
	}
	if n := len(proxy.Writes()); n != 1 {
		t.Errorf("%d requests that write, want 1", n)
	}
	_, err = f.OpenPullRequest(t.Context(), Proposal{Branch: "absent", Base: "main", Title: "x"})
	if err == nil || !strings.Contains(err.Error(), "open a pull request at") {
		t.Errorf("without the branch: %v", err)
	}
}

func TestTagPattern(t *testing.T) {
	tests := []struct {
		pattern, tag string
		want         bool
	}{
		{"v*", "v1.2.3", true}, {"*", "v1.2.3", true}, {"v1.2.3", "v1.2.3", true}, {"v1.2.?", "v1.2.3", true},
		{"v{1,2}.*", "v2.0.0", true}, {"v[0-9].*", "v1.2.3", true}, {"v[!0-9]*", "vx", true}, {"/^v[0-9]+/", "v12.0.0", true},
		{"v1", "v1.2.3", false}, {"1.*", "v1.2.3", false}, {"v1.2.3", "v1x2.3", false}, {"v{1,2}.*", "v3.0.0", false}, {"v[!0-9]*", "v1", false},
		{"/^x/", "v1.2.3", false}, {"/(/", "v1.2.3", false}, {"v[", "v1.2.3", false}, {"/", "v1", false},
	}
	for _, test := range tests {
		if got := (tagProtection{Pattern: test.pattern}).matches(test.tag); got != test.want {
			t.Errorf("%s for %s: got %t", test.pattern, test.tag, got)
		}
	}
}
