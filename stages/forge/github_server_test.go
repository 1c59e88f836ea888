package forge

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dagger/slipway/stages/labtest"
)

// githubServer behaves like api.github.com, github.com and uploads.github.com for one private repository, acme/shop.
type githubServer struct {
	server
	*bench
	api, uploads *labtest.Proxy
	web, storage *httptest.Server

	rights     map[string]string // of the token: contents, pull_requests, issues to read or write
	archived   bool
	immutable  bool // releases become immutable when published
	workflows  bool // the commits' workflows differ from the default branch's, and the token may not change them
	tags       map[string]string
	burned     []string // tags of deleted immutable releases
	releases   []*githubRelease
	latest     int
	pulls      []object
	commits    map[int][]string // messages of pull requests
	issues     []object
	comments   map[string][]object // of pull requests and issues
	rulesets   []object
	deployed   []*githubDeployment
	breakAsset int // this many uploads break off and leave an asset in the state starter
	id         int
}

type githubRelease struct {
	ID                           int
	Tag, Target, Name, Body      string
	Draft, Prerelease, Immutable bool
	Assets                       []*githubAsset
}

type githubAsset struct {
	ID                int
	Name, State, Type string
	Data              []byte
}

func newGitHub(t *testing.T) *githubServer {
	s := &githubServer{
		server: server{t: t}, bench: &bench{}, tags: map[string]string{}, commits: map[int][]string{}, comments: map[string][]object{},
		rights: map[string]string{"contents": "write", "pull_requests": "write", "issues": "read", "deployments": "write"},
	}
	start := func(routes map[string]http.HandlerFunc) *httptest.Server {
		mux := http.NewServeMux()
		mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
			s.unknown(r, "no such endpoint")
			http.NotFound(w, r)
		})
		for pattern, handle := range routes {
			mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
				s.state.Lock()
				defer s.state.Unlock()
				handle(w, r)
			})
		}
		ts := httptest.NewServer(mux)
		t.Cleanup(ts.Close)
		return ts
	}
	api := map[string]http.HandlerFunc{}
	for pattern, handle := range s.routes() {
		api[pattern] = s.authorized(handle)
	}
	s.api = labtest.NewProxy(t, start(api).URL)
	s.uploads = labtest.NewProxy(t, start(map[string]http.HandlerFunc{
		"POST /repos/acme/shop/releases/{id}/assets": s.authorized(s.upload),
	}).URL)
	s.web = start(map[string]http.HandlerFunc{"GET /acme/shop.git/info/refs": s.infoRefs})
	s.storage = start(map[string]http.HandlerFunc{"GET /blob/{id}": s.blob})
	return s
}

func (s *githubServer) repo() Repository {
	return Repository{Kind: GitHub, Path: "acme/shop", Web: s.web.URL + "/acme/shop", API: "http://" + s.api.Addr()}
}

func (s *githubServer) Forge() Forge { return s.forge(s.repo(), canary) }

func (s *githubServer) next() int { s.id++; return s.id }

func (s *githubServer) routes() map[string]http.HandlerFunc {
	const r = " /repos/acme/shop"
	return map[string]http.HandlerFunc{
		"GET" + r:                                 s.repository,
		"GET" + r + "/git/ref/tags/{tag}":         s.right("contents", "read", s.ref),
		"GET" + r + "/rulesets":                   s.listRulesets,
		"GET" + r + "/rulesets/{id}":              s.ruleset,
		"GET" + r + "/releases":                   s.right("contents", "read", s.listReleases),
		"POST" + r + "/releases":                  s.right("contents", "write", s.createRelease),
		"GET" + r + "/releases/latest":            s.right("contents", "read", s.latestRelease),
		"PATCH" + r + "/releases/{id}":            s.right("contents", "write", s.updateRelease),
		"GET" + r + "/releases/{id}/{what}":       s.right("contents", "read", s.belowReleases),
		"DELETE" + r + "/releases/assets/{id}":    s.right("contents", "write", s.deleteAsset),
		"GET" + r + "/pulls":                      s.right("pull_requests", "read", s.listPulls),
		"POST" + r + "/pulls":                     s.right("pull_requests", "write", s.createPull),
		"GET" + r + "/pulls/{n}":                  s.right("pull_requests", "read", s.pull),
		"GET" + r + "/pulls/{n}/commits":          s.right("pull_requests", "read", s.pullCommits),
		"GET" + r + "/issues":                     s.right("issues", "read", s.listIssues),
		"GET" + r + "/issues/{n}":                 s.right("issues", "read", s.issue),
		"POST" + r + "/issues/{n}/labels":         s.addLabels,
		"GET" + r + "/issues/{n}/comments":        s.right("issues", "read", s.listComments),
		"POST" + r + "/issues/{n}/comments":       s.createComment,
		"POST" + r + "/deployments":               s.right("deployments", "write", s.createDeployment),
		"POST" + r + "/deployments/{id}/statuses": s.right("deployments", "write", s.createStatus),
	}
}

// belowReleases sorts out three paths that the router cannot tell apart.
func (s *githubServer) belowReleases(w http.ResponseWriter, r *http.Request) {
	switch id, what := r.PathValue("id"), r.PathValue("what"); {
	case id == "tags":
		r.SetPathValue("tag", what)
		s.byTag(w, r)
	case id == "assets":
		r.SetPathValue("id", what)
		s.getAsset(w, r)
	case what == "assets":
		s.listAssets(w, r)
	default:
		s.unknown(r, "no such endpoint")
	}
}

func problem(message string, errors ...object) object {
	out := object{"message": message, "documentation_url": "https://docs.github.com/rest"}
	if errors != nil {
		out["errors"] = errors
	}
	return out
}

// invalid is the answer 422 of a validation.
func invalid(w http.ResponseWriter, resource, field, code, message string) {
	e := object{"resource": resource, "code": code}
	if field != "" {
		e["field"] = field
	}
	if message != "" {
		e["message"] = message
	}
	reply(w, 422, problem("Validation Failed", e))
}

// authorized checks what GitHub asks of every request.
func (s *githubServer) authorized(handle http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		accept := r.Header.Get("Accept")
		switch {
		case r.Header.Get("User-Agent") == "":
			reply(w, 403, problem("Request forbidden by administrative rules. Please make sure your request has a User-Agent header"))
		case !slices.Contains([]string{"", "2022-11-28"}, r.Header.Get("X-GitHub-Api-Version")):
			reply(w, 400, problem("The given version of the API is not supported"))
		case accept != "application/vnd.github+json" && accept != "application/octet-stream":
			s.unknown(r, "Accept %q", accept)
		case r.Header.Get("Authorization") == "":
			reply(w, 404, problem("Not Found")) // It is private.
		case !ok || token != canary:
			reply(w, 401, problem("Bad credentials"))
		case len(s.rights) == 0:
			reply(w, 404, problem("Not Found"))
		default:
			handle(w, r)
		}
	}
}

func (s *githubServer) right(name, level string, handle http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if has := s.rights[name]; has == "write" || has == level {
			handle(w, r)
			return
		}
		reply(w, 403, problem("Resource not accessible by personal access token"))
	}
}

func (s *githubServer) infoRefs(w http.ResponseWriter, r *http.Request) {
	if got := s.query(r, "service").Get("service"); got != "git-receive-pack" {
		s.unknown(r, "service %q", got)
	}
	user, token, ok := r.BasicAuth()
	switch {
	case !ok:
		w.Header().Set("WWW-Authenticate", `Basic realm="GitHub"`)
		http.Error(w, "No anonymous write access.", http.StatusUnauthorized)
	case user == "" || token != canary:
		http.Error(w, "Invalid username or token.", http.StatusUnauthorized)
	case len(s.rights) == 0:
		http.Error(w, "Repository not found.", http.StatusNotFound)
	case s.rights["contents"] != "write":
		http.Error(w, "Write access to repository not granted.", http.StatusForbidden)
	default:
		w.Header().Set("Content-Type", "application/x-git-receive-pack-advertisement")
		_, _ = io.WriteString(w, "001f# service=git-receive-pack\n0000")
	}
}

func (s *githubServer) repository(w http.ResponseWriter, r *http.Request) {
	// For the token of a workflow all of them are false, whatever it may do.
	none := object{"admin": false, "maintain": false, "push": false, "triage": false, "pull": false}
	reply(w, 200, object{"id": 1296269, "full_name": "acme/shop", "private": true, "archived": s.archived, "default_branch": "main", "permissions": none})
}

func (s *githubServer) ref(w http.ResponseWriter, r *http.Request) {
	commit, ok := s.tags[r.PathValue("tag")]
	if !ok {
		reply(w, 404, problem("Not Found"))
		return
	}
	reply(w, 200, object{"ref": "refs/tags/" + r.PathValue("tag"), "object": object{"type": "tag", "sha": commit}})
}

func (s *githubServer) listRulesets(w http.ResponseWriter, r *http.Request) {
	if q := s.query(r, "includes_parents", "targets"); q.Get("targets") != "tag" {
		s.unknown(r, "targets %q", q.Get("targets"))
	}
	var short []object
	for _, set := range s.rulesets {
		short = append(short, object{"id": set["id"], "name": set["name"], "target": "tag", "enforcement": set["enforcement"]})
	}
	page(&s.server, w, r, short, s.self("/rulesets"))
}

// self is how GitHub writes its own addresses in links: by the repository's number.
func (s *githubServer) self(path string) string {
	return "https://api.github.com/repositories/1296269" + path
}

func (s *githubServer) ruleset(w http.ResponseWriter, r *http.Request) {
	for _, set := range s.rulesets {
		if fmt.Sprint(set["id"]) == r.PathValue("id") {
			reply(w, 200, set)
			return
		}
	}
	reply(w, 404, problem("Not Found"))
}

func (s *githubServer) json(r *githubRelease) object {
	assets := []object{}
	for _, a := range r.Assets {
		assets = append(assets, s.assetJSON(r, a))
	}
	base := fmt.Sprintf("http://%s/repos/acme/shop/releases/%d", s.api.Addr(), r.ID)
	out := object{
		"id": r.ID, "url": base, "assets_url": base + "/assets", "html_url": s.web.URL + "/acme/shop/releases/tag/" + r.Tag,
		"upload_url": fmt.Sprintf("http://%s/repos/acme/shop/releases/%d/assets{?name,label}", s.uploads.Addr(), r.ID),
		"tag_name":   r.Tag, "target_commitish": r.Target, "name": r.Name, "body": r.Body, "draft": r.Draft,
		"prerelease": r.Prerelease, "immutable": r.Immutable, "assets": assets, "created_at": "2026-01-01T00:00:00Z",
		"published_at": nil, "author": object{"login": "ann"},
	}
	if r.Body == "" {
		out["body"] = nil
	}
	return out
}

func (s *githubServer) assetJSON(r *githubRelease, a *githubAsset) object {
	out := object{
		"id": a.ID, "name": a.Name, "label": "", "state": a.State, "content_type": a.Type, "size": len(a.Data), "digest": nil,
		"url":                  fmt.Sprintf("http://%s/repos/acme/shop/releases/assets/%d", s.api.Addr(), a.ID),
		"browser_download_url": s.web.URL + "/acme/shop/releases/download/" + r.Tag + "/" + a.Name,
	}
	if a.State == "uploaded" && !strings.Contains(a.Name, "old") { // Assets from before 2025 have no digest.
		out["digest"] = fmt.Sprintf("sha256:%x", sha256.Sum256(a.Data))
	}
	return out
}

func (s *githubServer) listReleases(w http.ResponseWriter, r *http.Request) {
	s.query(r)
	all := []object{}
	for _, rel := range slices.Backward(s.releases) {
		if !rel.Draft || s.rights["contents"] == "write" {
			all = append(all, s.json(rel))
		}
	}
	page(&s.server, w, r, all, s.self("/releases"))
}

func (s *githubServer) find(w http.ResponseWriter, match func(*githubRelease) bool) *githubRelease {
	i := slices.IndexFunc(s.releases, match)
	if i < 0 {
		reply(w, 404, problem("Not Found"))
		return nil
	}
	return s.releases[i]
}

func (s *githubServer) byID(w http.ResponseWriter, r *http.Request) *githubRelease {
	return s.find(w, func(rel *githubRelease) bool { return strconv.Itoa(rel.ID) == r.PathValue("id") })
}

func (s *githubServer) latestRelease(w http.ResponseWriter, r *http.Request) {
	if rel := s.find(w, func(rel *githubRelease) bool { return rel.ID == s.latest }); rel != nil {
		reply(w, 200, s.json(rel))
	}
}

func (s *githubServer) byTag(w http.ResponseWriter, r *http.Request) {
	tag := r.PathValue("tag")
	if rel := s.find(w, func(rel *githubRelease) bool { return rel.Tag == tag && !rel.Draft }); rel != nil {
		reply(w, 200, s.json(rel))
	}
}

var releaseFields = object{
	"tag_name": "", "target_commitish": "", "name": "", "body": "", "draft": true, "prerelease": true,
	"discussion_category_name": "", "generate_release_notes": true, "make_latest": "",
}

func (s *githubServer) createRelease(w http.ResponseWriter, r *http.Request) {
	body, bad := s.fields(r, releaseFields, "tag_name")
	if bad != "" {
		reply(w, 422, problem(bad))
		return
	}
	if s.refusesCommit(body) {
		reply(w, 404, problem("Not Found"))
		return
	}
	rel := &githubRelease{Target: "main"}
	if s.write(w, rel, body) {
		rel.ID = s.next()
		s.releases = append(s.releases, rel)
		s.publish(rel, body)
		reply(w, 201, s.json(rel))
	}
}

func (s *githubServer) updateRelease(w http.ResponseWriter, r *http.Request) {
	rel := s.byID(w, r)
	if rel == nil {
		return
	}
	body, bad := s.fields(r, releaseFields)
	if bad != "" {
		reply(w, 422, problem(bad))
		return
	}
	if s.refusesCommit(body) {
		reply(w, 404, problem("Not Found"))
		return
	}
	if now := *rel; s.write(w, &now, body) {
		*rel = now
		s.publish(rel, body)
		reply(w, 200, s.json(rel))
	}
}

// refusesCommit: the default branch has the workflows that it has.
func (s *githubServer) refusesCommit(body object) bool {
	target, sent := body["target_commitish"]
	return s.workflows && sent && target != "main"
}

// write validates the fields and sets them.
func (s *githubServer) write(w http.ResponseWriter, rel *githubRelease, body object) bool {
	for name, field := range map[string]*string{"tag_name": &rel.Tag, "target_commitish": &rel.Target, "name": &rel.Name, "body": &rel.Body} {
		if value, ok := body[name].(string); ok {
			*field = value
		}
	}
	for name, field := range map[string]*bool{"draft": &rel.Draft, "prerelease": &rel.Prerelease} {
		if value, ok := body[name].(bool); ok {
			*field = value
		}
	}
	exists := func(other *githubRelease) bool { return other.Tag == rel.Tag && !other.Draft && other.ID != rel.ID }
	latest := text(body, "make_latest")
	switch {
	case !slices.Contains([]string{"", "true", "false", "legacy"}, latest):
		reply(w, 422, problem("Invalid request. "+latest+" is not a member of [\"true\", \"false\", \"legacy\"]."))
	case latest == "true" && (rel.Draft || rel.Prerelease):
		invalid(w, "Release", "", "custom", "Latest release cannot be draft or prerelease.")
	case len(rel.Body) > 125000:
		invalid(w, "Release", "body", "custom", "body is too long (maximum is 125000 characters)")
	case slices.Contains(s.burned, rel.Tag):
		invalid(w, "Release", "tag_name", "custom", "tag_name was used by an immutable release")
	case slices.ContainsFunc(s.releases, exists):
		invalid(w, "Release", "tag_name", "already_exists", "")
	default:
		return true
	}
	return false
}

// publish does what comes with a release that is not a draft: the tag is made, and it is the latest unless that was refused.
func (s *githubServer) publish(rel *githubRelease, body object) {
	if rel.Draft {
		return
	}
	if s.tags[rel.Tag] == "" {
		s.tags[rel.Tag] = "made from " + rel.Target
	}
	if text(body, "make_latest") != "false" && !rel.Prerelease {
		s.latest = rel.ID
	}
	rel.Immutable = s.immutable
}

func (s *githubServer) listAssets(w http.ResponseWriter, r *http.Request) {
	s.query(r)
	if rel := s.byID(w, r); rel != nil {
		all := []object{}
		for _, a := range rel.Assets {
			all = append(all, s.assetJSON(rel, a))
		}
		page(&s.server, w, r, all, s.self("/releases/"+r.PathValue("id")+"/assets"))
	}
}

func (s *githubServer) upload(w http.ResponseWriter, r *http.Request) {
	rel := s.byID(w, r)
	if rel == nil {
		return
	}
	name := s.query(r, "name", "label").Get("name")
	data, err := io.ReadAll(r.Body)
	if err != nil || r.ContentLength < 0 || r.Header.Get("Content-Type") == "" {
		reply(w, 400, problem("Bad Content-Length or Content-Type"))
		return
	}
	same := func(a *githubAsset) bool { return a.Name == name }
	switch {
	case s.rights["contents"] != "write":
		reply(w, 403, problem("Resource not accessible by personal access token"))
	case name == "":
		invalid(w, "ReleaseAsset", "name", "missing_field", "")
	case rel.Immutable:
		reply(w, 422, problem("Cannot upload assets to an immutable release."))
	case slices.ContainsFunc(rel.Assets, same):
		invalid(w, "ReleaseAsset", "name", "already_exists", "")
	case s.breakAsset > 0:
		s.breakAsset--
		rel.Assets = append(rel.Assets, &githubAsset{ID: s.next(), Name: name, State: "starter", Data: make([]byte, len(data))})
		reply(w, 502, problem("Server Error"))
	default:
		a := &githubAsset{ID: s.next(), Name: name, State: "uploaded", Type: r.Header.Get("Content-Type"), Data: data}
		rel.Assets = append(rel.Assets, a)
		reply(w, 201, s.assetJSON(rel, a))
	}
}

func (s *githubServer) asset(id string) (*githubRelease, int) {
	for _, rel := range s.releases {
		if i := slices.IndexFunc(rel.Assets, func(a *githubAsset) bool { return strconv.Itoa(a.ID) == id }); i >= 0 {
			return rel, i
		}
	}
	return nil, 0
}

func (s *githubServer) getAsset(w http.ResponseWriter, r *http.Request) {
	rel, i := s.asset(r.PathValue("id"))
	switch {
	case rel == nil:
		reply(w, 404, problem("Not Found"))
	case rel.Assets[i].State != "uploaded":
		s.unknown(r, "the upload was not completed")
	case r.Header.Get("Accept") != "application/octet-stream":
		reply(w, 200, s.assetJSON(rel, rel.Assets[i]))
	default:
		// localhost is another host than 127.0.0.1.
		at := strings.Replace(s.storage.URL, "127.0.0.1", "localhost", 1)
		http.Redirect(w, r, at+"/blob/"+r.PathValue("id")+"?signature=canary", http.StatusFound)
	}
}

// blob is the storage behind a download, where two ways to authenticate are an error.
func (s *githubServer) blob(w http.ResponseWriter, r *http.Request) {
	rel, i := s.asset(r.PathValue("id"))
	if r.Header.Get("Authorization") != "" || r.URL.Query().Get("signature") != "canary" || rel == nil {
		http.Error(w, "Only one auth mechanism allowed", http.StatusBadRequest)
		return
	}
	_, _ = w.Write(rel.Assets[i].Data)
}

func (s *githubServer) deleteAsset(w http.ResponseWriter, r *http.Request) {
	rel, i := s.asset(r.PathValue("id"))
	switch {
	case rel == nil:
		reply(w, 404, problem("Not Found"))
	case rel.Immutable:
		reply(w, 422, problem("Cannot delete asset from an immutable release"))
	default:
		rel.Assets = slices.Delete(rel.Assets, i, i+1)
		w.WriteHeader(204)
	}
}

// githubPull is a pull request merged at the hour, from the branch b<number>.
func githubPull(number int, title, commit string, updated time.Time, labels ...any) object {
	out := object{
		"number": number, "title": title, "body": nil, "state": "closed", "user": object{"login": "ann"}, "labels": labels,
		"merged_at": updated, "updated_at": updated, "created_at": updated, "merge_commit_sha": commit,
		"html_url": fmt.Sprintf("https://github.com/acme/shop/pull/%d", number),
		"head":     object{"ref": fmt.Sprint("b", number), "repo": object{"full_name": "acme/shop"}},
		"base":     object{"ref": "main", "repo": object{"full_name": "acme/shop"}},
	}
	if labels == nil {
		out["labels"] = []any{}
	}
	return out
}

func (s *githubServer) listPulls(w http.ResponseWriter, r *http.Request) {
	q := s.query(r, "state", "head", "base", "sort", "direction")
	if !slices.Contains([]string{"", "created", "updated", "popularity", "long-running"}, q.Get("sort")) ||
		!slices.Contains([]string{"", "asc", "desc"}, q.Get("direction")) || !slices.Contains([]string{"", "open", "closed", "all"}, q.Get("state")) {
		s.unknown(r, "%s", r.URL.RawQuery)
	}
	at := func(o object, outer, inner string) string { return text(o[outer].(object), inner) }
	var found []object
	for _, p := range s.pulls {
		head := "acme:" + at(p, "head", "ref")
		if (q.Get("head") == "" || q.Get("head") == head) && (q.Get("base") == "" || q.Get("base") == at(p, "base", "ref")) &&
			(q.Get("state") == "all" || p["state"] == q.Get("state")) {
			found = append(found, p)
		}
	}
	key := map[string]string{"updated": "updated_at", "": "created_at", "created": "created_at"}[q.Get("sort")]
	slices.SortStableFunc(found, func(a, b object) int { return a[key].(time.Time).Compare(b[key].(time.Time)) })
	// Descending is the default when sorting by creation, else it has to be asked for.
	if q.Get("direction") == "desc" || q.Get("direction") == "" && key == "created_at" {
		slices.Reverse(found)
	}
	page(&s.server, w, r, found, s.self("/pulls"))
}

func byNumber(w http.ResponseWriter, r *http.Request, items []object) object {
	for _, o := range items {
		if fmt.Sprint(o["number"]) == r.PathValue("n") {
			return o
		}
	}
	reply(w, 404, problem("Not Found"))
	return nil
}

func (s *githubServer) pull(w http.ResponseWriter, r *http.Request) {
	if p := byNumber(w, r, s.pulls); p != nil {
		reply(w, 200, p)
	}
}

func (s *githubServer) pullCommits(w http.ResponseWriter, r *http.Request) {
	s.query(r)
	if p := byNumber(w, r, s.pulls); p != nil {
		var list []object
		for _, message := range s.commits[p["number"].(int)] {
			list = append(list, object{"sha": strings.Repeat("c", 40), "commit": object{"message": message}})
		}
		page(&s.server, w, r, list, s.self("/pulls/"+r.PathValue("n")+"/commits"))
	}
}

func (s *githubServer) createPull(w http.ResponseWriter, r *http.Request) {
	body, bad := s.fields(r, object{
		"title": "", "head": "", "base": "", "body": "", "head_repo": "", "maintainer_can_modify": true, "draft": true, "issue": 1.0,
	}, "head", "base", "title")
	if bad != "" {
		reply(w, 422, problem(bad))
		return
	}
	for _, p := range s.pulls {
		if p["state"] == "open" && p["head"].(object)["ref"] == body["head"] && p["base"].(object)["ref"] == body["base"] {
			invalid(w, "PullRequest", "", "custom", "A pull request already exists for acme:"+text(body, "head")+".")
			return
		}
	}
	if body["head"] == "absent" {
		invalid(w, "PullRequest", "head", "invalid", "")
		return
	}
	p := githubPull(s.next(), text(body, "title"), "", noon)
	p["state"], p["merged_at"], p["merge_commit_sha"], p["body"] = "open", nil, nil, body["body"]
	p["head"].(object)["ref"], p["base"].(object)["ref"] = body["head"], body["base"]
	s.pulls = append(s.pulls, p)
	reply(w, 201, p)
}

func (s *githubServer) listIssues(w http.ResponseWriter, r *http.Request) {
	q := s.query(r, "milestone", "state", "assignee", "type", "creator", "mentioned", "labels", "sort", "direction", "since")
	since, err := time.Parse(time.RFC3339, q.Get("since"))
	if err != nil || !strings.HasSuffix(q.Get("since"), "Z") {
		s.unknown(r, "since %q", q.Get("since"))
	}
	var found []object
	for _, i := range s.issues {
		if (q.Get("state") == "all" || i["state"] == "open") && !i["updated_at"].(time.Time).Before(since) {
			found = append(found, i)
		}
	}
	page(&s.server, w, r, found, s.self("/issues"))
}

func (s *githubServer) issue(w http.ResponseWriter, r *http.Request) {
	if i := s.place(w, r); i != nil {
		if i["state"] == "deleted" {
			reply(w, 410, problem("This issue was deleted"))
			return
		}
		reply(w, 200, i)
	}
}
