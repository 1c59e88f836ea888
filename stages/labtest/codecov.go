package labtest

import (
	"bytes"
	"compress/zlib"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"sync"
	"testing"
)

// Codecov stands in for Codecov's upload interface and its storage, behind a proxy for faults.
type Codecov struct {
	*Proxy
	token   string
	mu      sync.Mutex
	uploads []*CodecovUpload
	refused []string
}

// CodecovUpload is what was uploaded in one go. Without files, only its announcement has arrived.
type CodecovUpload struct {
	Service string // "github"
	Slug    string // "owner::::repository"
	Commit  string
	Branch  string
	Flags   []string
	Files   map[string]string // contents by name
	Network []string          // the files of the repository, to find those of the coverage
}

// NewCodecov starts a Codecov on the loopback that takes this token, until the test ends.
func NewCodecov(t testing.TB, token string) *Codecov { return newCodecov(t, token, NewProxy) }

// CodecovForContainers is NewCodecov where the engine's containers reach it.
func CodecovForContainers(t testing.TB, token string) *Codecov {
	return newCodecov(t, token, ListenForContainers)
}

func newCodecov(t testing.TB, token string, listen func(testing.TB, string) *Proxy) *Codecov {
	t.Helper()
	c := &Codecov{token: token}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /upload/{service}/{slug}/upload-coverage", c.announce)
	mux.HandleFunc("PUT /storage/{id}", c.store)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		c.refuse(w, http.StatusNotFound, r.Method+" "+r.URL.Path+" is not modelled")
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	c.Proxy = listen(t, server.URL)
	return c
}

// URL returns the address to give to the uploader.
func (c *Codecov) URL() string { return "http://" + c.Addr() }

// Uploads returns what was uploaded, in the order of the announcements.
func (c *Codecov) Uploads() []CodecovUpload {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]CodecovUpload, len(c.uploads))
	for i, u := range c.uploads {
		all[i] = *u
	}
	return all
}

// Refused says of every request that was not accepted why.
func (c *Codecov) Refused() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.refused)
}

func (c *Codecov) refuse(w http.ResponseWriter, status int, why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused = append(c.refused, why)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"detail": why})
}

var (
	codecovServices = []string{"github", "gitlab", "bitbucket", "github_enterprise", "gitlab_enterprise", "bitbucket_server"}
	codecovSlug     = regexp.MustCompile(`^[^:\s]+(:::[^:\s]+)*::::[^:\s]+$`)
	codecovCommit   = regexp.MustCompile(`^[0-9a-f]{40}$`)
	codecovFlag     = regexp.MustCompile(`^[\w.-]{1,45}$`)
)

// announce takes the description of an upload and answers where its content goes.
func (c *Codecov) announce(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "token "+c.token {
		c.refuse(w, http.StatusUnauthorized, "the token is not the right one")
		return
	}
	var body struct {
		Commit string   `json:"commitid"`
		Code   string   `json:"code"`
		Branch string   `json:"branch"`
		Flags  []string `json:"flags"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		c.refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	u := &CodecovUpload{Service: r.PathValue("service"), Slug: r.PathValue("slug"), Commit: body.Commit, Branch: body.Branch, Flags: body.Flags}
	if err := u.check(body.Code); err != nil {
		c.refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.uploads = append(c.uploads, u)
	id := len(c.uploads)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"external_id": fmt.Sprintf("00000000-0000-4000-8000-%012d", id), "created_at": "2026-01-02T12:00:00Z",
		"raw_upload_location": fmt.Sprintf("http://%s/storage/%d?signature=labStorageSecret", r.Host, id),
		"url":                 fmt.Sprintf("http://%s/%s/%s/commit/%s", r.Host, u.Service, u.Slug, u.Commit),
	})
}

func (u *CodecovUpload) check(code string) error {
	switch {
	case !slices.Contains(codecovServices, u.Service):
		return fmt.Errorf("%q is no service", u.Service)
	case !codecovSlug.MatchString(u.Slug):
		return fmt.Errorf("%q is no owner::::repository", u.Slug)
	case !codecovCommit.MatchString(u.Commit):
		return fmt.Errorf("%q is no commit", u.Commit)
	case code != "default":
		return fmt.Errorf("the report is %q", code)
	}
	for _, flag := range u.Flags {
		if !codecovFlag.MatchString(flag) {
			return fmt.Errorf("%q is no flag", flag)
		}
	}
	return nil
}

// store takes the content of an upload. Its address is signed, so a token has no business here.
func (c *Codecov) store(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "" || r.URL.Query().Get("signature") != "labStorageSecret" {
		c.refuse(w, http.StatusForbidden, "storage wants the signed address and no token")
		return
	}
	files, network, err := readCoverage(r.Body)
	if err != nil {
		c.refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, u := range c.uploads {
		if r.PathValue("id") == fmt.Sprint(i+1) {
			u.Files, u.Network = files, network
			return
		}
	}
	w.WriteHeader(http.StatusNotFound)
}

// readCoverage takes the uploader's container apart.
func readCoverage(body io.Reader) (files map[string]string, network []string, err error) {
	var container struct {
		Network []string `json:"network_files"`
		Files   []struct {
			Name   string `json:"filename"`
			Format string `json:"format"`
			Data   []byte `json:"data"` // base64
		} `json:"coverage_files"`
	}
	if err := json.NewDecoder(body).Decode(&container); err != nil {
		return nil, nil, err
	}
	files = map[string]string{}
	for _, f := range container.Files {
		if f.Format != "base64+compressed" {
			return nil, nil, fmt.Errorf("%s: format %q", f.Name, f.Format)
		}
		z, err := zlib.NewReader(bytes.NewReader(f.Data))
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		content, err := io.ReadAll(z)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		files[f.Name] = string(content)
	}
	if len(files) == 0 {
		return nil, nil, errors.New("no coverage file")
	}
	return files, container.Network, nil
}
