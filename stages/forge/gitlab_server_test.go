package forge

import (
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"dagger/slipway/stages/labtest"
)

// gitlabServer behaves like GitLab for one private project, acme/web/shop.
type gitlabServer struct {
	server
	*bench
	api *labtest.Proxy

	scopes    []string
	role      int // of the token's user, inherited
	admin     bool
	archived  bool
	oauth     bool              // the token is none that can be asked for its scopes
	tags      map[string]string // name to commit
	protected []object
	releases  []object
	cached    []object // the list of releases is cached for minutes
	packages  []*gitlabPackage
	unique    bool // a package may not have two files of one name
	bare      bool // an old version, without file_sha256
	merges    []object
	commits   map[int][]string // hashes of merge requests, the newest first
	issues    []object
	deployed  []object
	id        int
}

type gitlabPackage struct {
	ID            int
	Name, Version string
	Files         []gitlabFile
}

type gitlabFile struct {
	ID   int
	Name string
	Data []byte
}

func newGitLab(t *testing.T) *gitlabServer {
	s := &gitlabServer{
		server: server{t: t}, bench: &bench{}, scopes: []string{"api"}, role: 30,
		tags: map[string]string{}, commits: map[int][]string{},
	}
	mux := http.NewServeMux()
	routes := s.routes()
	maps.Copy(routes, s.signRoutes())
	for pattern, handle := range routes {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			s.state.Lock()
			defer s.state.Unlock()
			handle(w, r)
		})
	}
	ts := httptest.NewServer(mux)
	t.Cleanup(ts.Close)
	s.api = labtest.NewProxy(t, ts.URL)
	return s
}

func (s *gitlabServer) root() string { return "http://" + s.api.Addr() }

func (s *gitlabServer) repo() Repository {
	return Repository{Kind: GitLab, Path: "acme/web/shop", Web: s.root() + "/acme/web/shop", API: s.root() + "/api/v4"}
}

func (s *gitlabServer) Forge() Forge { return s.forge(s.repo(), canary) }

func (s *gitlabServer) next() int { s.id++; return s.id }

func (s *gitlabServer) routes() map[string]http.HandlerFunc {
	const p = " /api/v4/projects/{project}"
	read, write := s.project(20, "read_api", "api"), s.project(30, "api")
	return map[string]http.HandlerFunc{
		"/": func(w http.ResponseWriter, r *http.Request) {
			s.unknown(r, "no such endpoint")
			http.NotFound(w, r)
		},
		"GET /acme/web/shop.git/info/refs":        s.infoRefs,
		"GET /api/v4/user":                        s.authorized(s.user),
		"GET /api/v4/personal_access_tokens/self": s.authorized(s.self),
		"GET" + p:                                               read(s.getProject),
		"GET" + p + "/members/all/{user}":                       read(s.member),
		"GET" + p + "/protected_tags":                           s.project(40, "read_api", "api")(s.protectedTags),
		"GET" + p + "/releases":                                 read(s.listReleases),
		"POST" + p + "/releases":                                write(s.createRelease),
		"GET" + p + "/releases/{tag}":                           read(s.getRelease),
		"PUT" + p + "/releases/{tag}":                           write(s.updateRelease),
		"GET" + p + "/releases/{tag}/assets/links":              read(s.listLinks),
		"POST" + p + "/releases/{tag}/assets/links":             write(s.createLink),
		"GET" + p + "/packages":                                 read(s.listPackages),
		"GET" + p + "/packages/{id}/package_files":              read(s.packageFiles),
		"PUT" + p + "/packages/generic/{name}/{version}/{file}": write(s.putFile),
		"GET" + p + "/packages/generic/{name}/{version}/{file}": read(s.getFile),
		"GET" + p + "/merge_requests":                           read(s.listMerges),
		"POST" + p + "/merge_requests":                          write(s.createMerge),
		"GET" + p + "/merge_requests/{n}/commits":               read(s.mergeCommits),
		"GET" + p + "/issues":                                   read(s.listIssues),
		"POST" + p + "/deployments":                             write(s.createDeployment),
		"PUT" + p + "/deployments/{id}":                         write(s.updateDeployment),
	}
}

func message(text string) object { return object{"message": text} }

func (s *gitlabServer) authorized(handle http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch r.Header.Get("Authorization") {
		case "Bearer " + canary:
			handle(w, r)
		case "":
			reply(w, 401, message("401 Unauthorized"))
		default:
			reply(w, 401, object{"error": "invalid_token", "error_description": "Token was revoked. You have to re-authorize from the user."})
		}
	}
}

// project checks, for endpoints below the project, what GitLab checks: that the user may see it, the token's scope, the role.
func (s *gitlabServer) project(role int, scopes ...string) func(http.HandlerFunc) http.HandlerFunc {
	return func(handle http.HandlerFunc) http.HandlerFunc {
		allowed := func(w http.ResponseWriter, r *http.Request) {
			switch {
			case !slices.ContainsFunc(s.scopes, func(have string) bool { return slices.Contains(scopes, have) }):
				reply(w, 403, object{
					"error": "insufficient_scope", "scope": strings.Join(scopes, " "),
					"error_description": "The request requires higher privileges than provided by the access token.",
				})
			case r.PathValue("project") != "acme/web/shop" || s.role == 0 && !s.admin:
				reply(w, 404, message("404 Project Not Found"))
			case s.role < role && !s.admin:
				reply(w, 403, message("403 Forbidden"))
			default:
				handle(w, r)
			}
		}
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "" {
				reply(w, 404, message("404 Project Not Found")) // It is private.
				return
			}
			s.authorized(allowed)(w, r)
		}
	}
}

func (s *gitlabServer) infoRefs(w http.ResponseWriter, r *http.Request) {
	if got := s.query(r, "service").Get("service"); got != "git-receive-pack" {
		s.unknown(r, "service %q", got)
	}
	user, token, _ := r.BasicAuth()
	may := slices.Contains(s.scopes, "api") || slices.Contains(s.scopes, "write_repository")
	switch {
	case user == "" || token != canary:
		http.Error(w, "HTTP Basic: Access denied.", http.StatusUnauthorized)
	case s.role < 30 && !s.admin || !may:
		http.Error(w, "You are not allowed to push code to this project.", http.StatusForbidden)
	default:
		w.Header().Set("Content-Type", "application/x-git-receive-pack-advertisement")
		_, _ = io.WriteString(w, "001f# service=git-receive-pack\n0000")
	}
}

func (s *gitlabServer) user(w http.ResponseWriter, r *http.Request) {
	out := object{"id": 42, "username": "ann"}
	if s.admin {
		out["is_admin"] = true
	}
	reply(w, 200, out)
}

func (s *gitlabServer) self(w http.ResponseWriter, r *http.Request) {
	if s.oauth {
		reply(w, 404, message("404 Not Found"))
		return
	}
	reply(w, 200, object{"id": 1, "name": "release", "revoked": false, "scopes": s.scopes, "user_id": 42, "active": true})
}

func (s *gitlabServer) getProject(w http.ResponseWriter, r *http.Request) {
	none := object{"project_access": nil, "group_access": nil}
	reply(w, 200, object{"id": 24, "path_with_namespace": "acme/web/shop", "archived": s.archived, "permissions": none})
}

func (s *gitlabServer) member(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("user") != "42" || s.role == 0 {
		reply(w, 404, message("404 Not found"))
		return
	}
	reply(w, 200, object{"id": 42, "username": "ann", "access_level": s.role})
}

func (s *gitlabServer) protectedTags(w http.ResponseWriter, r *http.Request) {
	s.query(r)
	page(&s.server, w, r, s.protected, s.root()+r.URL.EscapedPath())
}

func (s *gitlabServer) mayCreateTag(tag string) bool { return !strings.HasPrefix(tag, "locked") }

func (s *gitlabServer) byTag(tag string) object {
	i := slices.IndexFunc(s.releases, func(r object) bool { return r["tag_name"] == tag })
	if i < 0 {
		return nil
	}
	return s.releases[i]
}

func (s *gitlabServer) listReleases(w http.ResponseWriter, r *http.Request) {
	s.query(r, "order_by", "sort", "include_html_description", "updated_before", "updated_after")
	if s.cached == nil {
		s.cached = slices.Clone(s.releases)
	}
	page(&s.server, w, r, s.cached, s.root()+r.URL.EscapedPath())
}

func (s *gitlabServer) getRelease(w http.ResponseWriter, r *http.Request) {
	if found := s.byTag(r.PathValue("tag")); found != nil {
		reply(w, 200, found)
		return
	}
	reply(w, 404, message("404 Not Found"))
}

func (s *gitlabServer) createRelease(w http.ResponseWriter, r *http.Request) {
	body, bad := s.fields(r, object{
		"tag_name": "", "tag_message": "", "name": "", "description": "", "ref": "", "assets": object{}, "milestones": []any{}, "released_at": "",
	}, "tag_name")
	tag := text(body, "tag_name")
	switch {
	case bad != "":
		reply(w, 400, object{"error": bad})
	case !s.mayCreateTag(tag):
		reply(w, 403, message("You are not allowed to create this tag as it is protected."))
	case s.byTag(tag) != nil:
		reply(w, 409, message("Release already exists"))
	case s.tags[tag] == "" && text(body, "ref") == "":
		reply(w, 422, message("Ref is not specified"))
	default:
		s.makeRelease(w, r, tag, body)
	}
}

func (s *gitlabServer) makeRelease(w http.ResponseWriter, r *http.Request, tag string, body object) {
	if s.tags[tag] == "" {
		s.tags[tag] = "made from " + text(body, "ref")
	}
	made := object{
		"tag_name": tag, "name": body["name"], "description": body["description"], "released_at": "2026-01-02T12:00:00Z",
		"commit": object{"id": s.tags[tag]}, "assets": object{"count": 4, "sources": []any{}, "links": []object{}},
		"_links": object{"self": s.root() + "/acme/web/shop/-/releases/" + tag},
	}
	assets, _ := body["assets"].(object)
	links, _ := assets["links"].([]any)
	for _, one := range links {
		if problem := s.addLink(r, made, one.(object)); problem != "" {
			reply(w, 400, message(problem))
			return
		}
	}
	s.releases = append(s.releases, made)
	reply(w, 201, made)
}

func (s *gitlabServer) addLink(r *http.Request, release, link object) (problem string) {
	for name := range link {
		if !slices.Contains([]string{"name", "url", "direct_asset_path", "filepath", "link_type"}, name) {
			s.unknown(r, "unknown field %q", name)
		}
	}
	assets := release["assets"].(object)
	links := assets["links"].([]object)
	at, err := url.Parse(text(link, "url"))
	switch {
	case text(link, "name") == "" || text(link, "url") == "":
		return "name is missing, url is missing"
	case err != nil || at.Host == "":
		return "Validation failed: Links url is blocked: Only allowed schemes are http, https, ftp"
	case !slices.Contains([]string{"", "other", "runbook", "image", "package"}, text(link, "link_type")):
		return "link_type does not have a valid value"
	case link["direct_asset_path"] != nil && !strings.HasPrefix(text(link, "direct_asset_path"), "/"):
		return "Validation failed: Links filepath is in an invalid format"
	case slices.ContainsFunc(links, func(l object) bool { return l["name"] == link["name"] || l["url"] == link["url"] }):
		return "Validation failed: Links have duplicate values"
	}
	made := object{"id": s.next(), "name": link["name"], "url": link["url"], "link_type": link["link_type"]}
	made["direct_asset_url"] = s.root() + "/acme/web/shop/-/releases/" + text(release, "tag_name") + "/downloads" + text(link, "direct_asset_path")
	assets["links"] = append(links, made)
	return ""
}

func (s *gitlabServer) updateRelease(w http.ResponseWriter, r *http.Request) {
	body, bad := s.fields(r, object{"name": "", "description": "", "milestones": []any{}, "released_at": ""})
	found := s.byTag(r.PathValue("tag"))
	switch {
	case bad != "":
		reply(w, 400, object{"error": bad})
	case found == nil:
		reply(w, 404, message("404 Not Found"))
	default:
		for name, value := range body {
			found[name] = value
		}
		reply(w, 200, found)
	}
}

func (s *gitlabServer) listLinks(w http.ResponseWriter, r *http.Request) {
	s.query(r)
	if found := s.byTag(r.PathValue("tag")); found != nil {
		page(&s.server, w, r, found["assets"].(object)["links"].([]object), s.root()+r.URL.EscapedPath())
		return
	}
	reply(w, 404, message("404 Not Found"))
}

func (s *gitlabServer) createLink(w http.ResponseWriter, r *http.Request) {
	body, bad := s.fields(r, object{"name": "", "url": "", "direct_asset_path": "", "link_type": ""}, "name", "url")
	found := s.byTag(r.PathValue("tag"))
	switch {
	case bad != "":
		reply(w, 400, object{"error": bad})
	case found == nil:
		reply(w, 404, message("404 Not Found"))
	default:
		if problem := s.addLink(r, found, body); problem != "" {
			reply(w, 400, message(problem))
			return
		}
		reply(w, 201, body)
	}
}

// listPackages finds names that are only alike, too.
func (s *gitlabServer) listPackages(w http.ResponseWriter, r *http.Request) {
	q := s.query(r, "order_by", "sort", "package_type", "package_name", "package_version", "include_versionless", "status")
	found := []object{}
	for _, p := range s.packages {
		if q.Get("package_type") == "generic" && strings.Contains(p.Name, q.Get("package_name")) && p.Version == q.Get("package_version") {
			found = append(found, object{"id": p.ID, "name": p.Name, "version": p.Version, "package_type": "generic", "status": "default"})
		}
	}
	page(&s.server, w, r, found, s.root()+r.URL.EscapedPath())
}

func (s *gitlabServer) packageFiles(w http.ResponseWriter, r *http.Request) {
	s.query(r)
	i := slices.IndexFunc(s.packages, func(p *gitlabPackage) bool { return fmt.Sprint(p.ID) == r.PathValue("id") })
	if i < 0 {
		reply(w, 404, message("404 Not Found"))
		return
	}
	files := []object{}
	for _, f := range s.packages[i].Files {
		out := object{"id": f.ID, "package_id": s.packages[i].ID, "file_name": f.Name, "size": len(f.Data), "file_md5": nil}
		if !s.bare {
			out["file_sha256"] = fmt.Sprintf("%x", sha256.Sum256(f.Data))
		}
		files = append(files, out)
	}
	page(&s.server, w, r, files, s.root()+r.URL.EscapedPath())
}

func (s *gitlabServer) pack(name, version string) *gitlabPackage {
	for _, p := range s.packages {
		if p.Name == name && p.Version == version {
			return p
		}
	}
	s.packages = append(s.packages, &gitlabPackage{ID: s.next(), Name: name, Version: version})
	return s.packages[len(s.packages)-1]
}

// packageVersion is what the server takes for the version of a generic package.
var packageVersion = regexp.MustCompile(`^(\.?[\w+-]+\.?)+$`)

func (s *gitlabServer) putFile(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(r.Body)
	if !packageVersion.MatchString(r.PathValue("version")) {
		reply(w, 400, object{"error": "package_version is invalid"})
		return
	}
	p := s.pack(r.PathValue("name"), r.PathValue("version"))
	same := func(f gitlabFile) bool { return f.Name == r.PathValue("file") }
	if err != nil || s.unique && slices.ContainsFunc(p.Files, same) {
		reply(w, 400, message("400 Bad request - Duplicate package is not allowed"))
		return
	}
	p.Files = append(p.Files, gitlabFile{s.next(), r.PathValue("file"), data})
	reply(w, 201, message("201 Created"))
}

func (s *gitlabServer) getFile(w http.ResponseWriter, r *http.Request) {
	for _, f := range slices.Backward(s.pack(r.PathValue("name"), r.PathValue("version")).Files) {
		if f.Name == r.PathValue("file") {
			_, _ = w.Write(f.Data)
			return
		}
	}
	reply(w, 404, message("404 Not Found"))
}

// gitlabMerge is a merge request merged with a merge commit.
func gitlabMerge(n int, title, commit string, updated time.Time, labels ...string) object {
	return object{
		"id": 1000 + n, "iid": n, "title": title, "description": nil, "state": "merged", "author": object{"username": "ann"},
		"labels": append([]string{}, labels...), "merged_at": updated, "updated_at": updated, "created_at": updated,
		"merge_commit_sha": commit, "squash_commit_sha": nil, "sha": strings.Repeat("d", 40),
		"source_branch": fmt.Sprint("b", n), "target_branch": "main",
		"web_url": fmt.Sprintf("https://gitlab.com/acme/web/shop/-/merge_requests/%d", n),
	}
}

func asked(q url.Values, o object) bool {
	iids := q["iids[]"]
	return len(iids) == 0 || slices.Contains(iids, fmt.Sprint(o["iid"]))
}

func (s *gitlabServer) listMerges(w http.ResponseWriter, r *http.Request) {
	q := s.query(r, "state", "scope", "order_by", "sort", "updated_after", "iids[]", "source_branch", "target_branch")
	if !slices.Contains([]string{"", "opened", "closed", "locked", "merged", "all"}, q.Get("state")) ||
		!slices.Contains([]string{"", "created_at", "merged_at", "title", "updated_at"}, q.Get("order_by")) ||
		!slices.Contains([]string{"", "created_by_me", "assigned_to_me", "all"}, q.Get("scope")) {
		s.unknown(r, "%s", r.URL.RawQuery)
	}
	after := time.Time{}
	if text := q.Get("updated_after"); text != "" {
		var err error
		if after, err = time.Parse(time.RFC3339, text); err != nil {
			reply(w, 400, object{"error": "updated_after is invalid"})
			return
		}
	}
	found := []object{}
	for _, m := range slices.Backward(s.merges) {
		fits := func(param, field string) bool {
			return q.Get(param) == "" || q.Get(param) == "all" || m[field] == q.Get(param)
		}
		if fits("state", "state") && fits("source_branch", "source_branch") && fits("target_branch", "target_branch") &&
			asked(q, m) && !m["updated_at"].(time.Time).Before(after) {
			found = append(found, m)
		}
	}
	page(&s.server, w, r, found, s.root()+r.URL.EscapedPath())
}

func (s *gitlabServer) createMerge(w http.ResponseWriter, r *http.Request) {
	body, bad := s.fields(r, object{
		"source_branch": "", "target_branch": "", "title": "", "description": "", "labels": "", "remove_source_branch": true, "squash": true,
	}, "source_branch", "target_branch", "title")
	if bad != "" {
		reply(w, 400, object{"error": bad})
		return
	}
	for _, m := range s.merges {
		if m["state"] == "opened" && m["source_branch"] == body["source_branch"] {
			reply(w, 409, object{"message": []string{fmt.Sprintf("Another open merge request already exists for this source branch: !%v", m["iid"])}})
			return
		}
	}
	m := gitlabMerge(s.next(), text(body, "title"), "", noon)
	m["state"], m["merge_commit_sha"], m["merged_at"], m["description"] = "opened", nil, nil, body["description"]
	m["source_branch"], m["target_branch"] = body["source_branch"], body["target_branch"]
	s.merges = append(s.merges, m)
	reply(w, 201, m)
}

func (s *gitlabServer) mergeCommits(w http.ResponseWriter, r *http.Request) {
	s.query(r)
	var n int
	_, _ = fmt.Sscan(r.PathValue("n"), &n)
	list := []object{}
	for _, hash := range s.commits[n] {
		list = append(list, object{"id": hash, "message": "not looked at"})
	}
	page(&s.server, w, r, list, s.root()+r.URL.EscapedPath())
}

func (s *gitlabServer) listIssues(w http.ResponseWriter, r *http.Request) {
	q := s.query(r, "scope", "iids[]", "state")
	found := []object{}
	for _, i := range s.issues {
		if asked(q, i) {
			found = append(found, i)
		}
	}
	page(&s.server, w, r, found, s.root()+r.URL.EscapedPath())
}
