package stages

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	_ "dagger/slipway/stages/enginetest"
	"dagger/slipway/stages/report"
)

func TestParseSigningKey(t *testing.T) {
	pemOf := func(kind string) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: []byte("secret bytes")}))
	}
	for name, c := range map[string]struct{ text, reference, credentials, err string }{
		"a key of cosign":        {pemOf("ENCRYPTED SIGSTORE PRIVATE KEY"), "env://SLIPWAY_SIGNING_KEY", "", ""},
		"a key of an old cosign": {pemOf("ENCRYPTED COSIGN PRIVATE KEY"), "env://SLIPWAY_SIGNING_KEY", "", ""},
		"a key of openssl":       {pemOf("PRIVATE KEY"), "", "", "holds a PRIVATE KEY, expected an ENCRYPTED SIGSTORE PRIVATE KEY: make one of it with cosign import-key-pair"},
		"the public half":        {pemOf("PUBLIC KEY"), "", "", "holds a PUBLIC KEY, expected"},
		"AWS":                    {"awskms:///alias/release", "awskms:///alias/release", "", ""},
		"Vault with credentials": {"hashivault://release\n\n# of the CI\nVAULT_ADDR=https://vault.example\nexport VAULT_TOKEN='hvs.1 2'\n", "hashivault://release", "VAULT_ADDR=https://vault.example VAULT_TOKEN=hvs.1 2", ""},
		"a reference of nobody":  {"foo://release", "", "", "neither a private key of cosign nor a reference"},
		"the address of a key":   {"https://keys.example/cosign.key", "", "", "neither a private key of cosign nor a reference"},
		"the path of a key":      {"cosign.key", "", "", "give it as file://cosign.key"},
		"credentials of nothing": {"awskms:///a\nno value", "", "", "has no NAME=value in line 2"},
		"a name of small ones":   {"awskms:///a\nA=1\nb=secret bytes", "", "", "has no NAME=value in line 3"},
	} {
		t.Run(name, func(t *testing.T) {
			key, err := parseSigningKey(c.text)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "secret bytes") {
					t.Errorf("got %v, want an error with %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var credentials []string
			for _, p := range key.credentials {
				credentials = append(credentials, p.name+"="+p.value)
			}
			if key.reference() != c.reference || strings.Join(credentials, " ") != c.credentials {
				t.Errorf("got %s with %q", key.reference(), credentials)
			}
		})
	}
}

// The hint was printed by cosign itself, into a bundle that this key has signed.
func TestKeyHint(t *testing.T) {
	const public = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAELrKXXYGQmVBhEi1mqe3kwibQ6ziA
ErYX0UJd3mw1wx7gtT+sJ3/+J7InVI0MF91u/82WtODWzlJeJzTMTaoGvw==
-----END PUBLIC KEY-----
`
	if got, err := keyHint([]byte(public)); err != nil || got != "tbwcOp2IYH2uIuUPaY3OIkJRMF7RUrFNeS6wIoQ+thI=" {
		t.Errorf("got %s, %v", got, err)
	}
	for _, text := range []string{"", "no key", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")})), strings.ReplaceAll(public, "PUBLIC", "PRIVATE")} {
		if got, err := keyHint([]byte(text)); err == nil || !strings.Contains(err.Error(), "expected a public key in PEM") {
			t.Errorf("%q: got %s, %v", text, got, err)
		}
	}
}

// jwt is a token with these claims. Who has made it, nobody here asks.
func jwt(claims map[string]any) string {
	text, _ := json.Marshal(claims)
	return "e30." + base64.RawURLEncoding.EncodeToString(text) + ".c2ln"
}

func TestIdentityOf(t *testing.T) {
	later := time.Now().Add(time.Minute).Unix()
	for name, c := range map[string]struct {
		token           string
		identity, wrong string
	}{
		"GitHub": {jwt(map[string]any{"iss": "i", "aud": "sigstore", "exp": later, "sub": "repo:acme/shop:ref:refs/tags/v1", "job_workflow_ref": "acme/shop/.github/workflows/release.yml@refs/tags/v1"}),
			"https://github.com/acme/shop/.github/workflows/release.yml@refs/tags/v1", ""},
		"GitLab": {jwt(map[string]any{"iss": "i", "aud": []string{"x", "sigstore"}, "exp": later, "sub": "project_path:acme/shop", "ci_config_ref_uri": "gitlab.com/acme/shop//.gitlab-ci.yml@refs/heads/main"}),
			"https://gitlab.com/acme/shop//.gitlab-ci.yml@refs/heads/main", ""},
		"CircleCI": {jwt(map[string]any{"iss": "i", "aud": "sigstore", "exp": later, "sub": "org/1", "oidc.circleci.com/project-id": "p", "oidc.circleci.com/pipeline-definition-id": "d"}),
			"https://circleci.com/api/v2/projects/p/pipeline-definitions/d", ""},
		"a person":          {jwt(map[string]any{"iss": "i", "aud": "sigstore", "exp": later, "sub": "1", "email": "ada@example.com"}), "ada@example.com", ""},
		"anybody else":      {jwt(map[string]any{"iss": "i", "aud": "sigstore", "exp": later, "sub": "https://ci.example/job"}), "https://ci.example/job", ""},
		"for another":       {jwt(map[string]any{"iss": "i", "aud": "sts.amazonaws.com", "exp": later}), "", "is for sts.amazonaws.com, expected the audience sigstore"},
		"for nobody":        {jwt(map[string]any{"iss": "i", "exp": later}), "", "is for nobody, expected the audience sigstore"},
		"that has ended":    {jwt(map[string]any{"iss": "i", "aud": "sigstore", "exp": 1e9}), "", "has expired at 2001-09-09 01:46:40"},
		"without an issuer": {jwt(map[string]any{"aud": "sigstore", "exp": later}), "", "says no issuer"},
		"no token":          {"ghs_secretsecret", "", "expected three parts"},
		"three words":       {"a.b.c", "", "says no issuer"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := identityOf(c.token)
			if c.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), c.wrong) || strings.Contains(err.Error(), "secretsecret") {
					t.Errorf("got %v, want an error with %q", err, c.wrong)
				}
				return
			}
			if want := (report.Signed{Identity: c.identity, Issuer: "i"}); err != nil || got != want {
				t.Errorf("got %v, %v, want %v", got, err, want)
			}
		})
	}
}

func TestRequestToken(t *testing.T) {
	answer := func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "bearer of-the-job" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		if r.URL.Query().Get("empty") == "" {
			fmt.Fprintf(w, `{"count": 1, "value": "%s %s"}`, r.URL.Query().Get("audience"), r.URL.Query().Get("api-version"))
		}
	}
	server := httptest.NewServer(http.HandlerFunc(answer))
	defer server.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	for name, c := range map[string]struct{ address, credential, token, err string }{
		"GitHub's own":     {server.URL + "/secret-path?api-version=2.0", "of-the-job", "sigstore 2.0", ""},
		"of another job":   {server.URL + "/secret-path", "stale-token", "", "answered 403 Forbidden: the job needs the permission id-token: write"},
		"an empty answer":  {server.URL + "/secret-path?empty=1", "of-the-job", "", "answered 200 OK: the job needs the permission"},
		"nobody there":     {gone.URL + "/secret-path", "of-the-job", "", "the CI gave no identity token: dial tcp"},
		"not an address":   {"secret-path", "of-the-job", "", "is no address"},
		"with odd letters": {"https://ci.example/\x7fsecret-path", "of-the-job", "", "is no address"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := requestToken(t.Context(), server.Client(), c.address, c.credential)
			if c.err == "" && (err != nil || got != c.token) {
				t.Errorf("got %q, %v", got, err)
			}
			if c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "secret-path") || strings.Contains(err.Error(), c.credential)) {
				t.Errorf("got %v, want an error with %q and without address and token", err, c.err)
			}
		})
	}
}
