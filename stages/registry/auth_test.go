package registry

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"dagger/slipway/stages/labtest"
	"dagger/slipway/stages/retry"
)

var canary = Auth{User: "robots", Token: `canary+/"token"?`}

// forms are the ways in which a token may stand in an answer.
func forms(a Auth) []string {
	basic := base64.StdEncoding.EncodeToString([]byte(a.User + ":" + a.Token))
	return []string{a.Token, url.QueryEscape(a.Token), strings.ReplaceAll(a.Token, `"`, `\"`), basic,
		base64.StdEncoding.EncodeToString([]byte(a.Token)), strings.TrimRight(basic, "=")}
}

func wantNoSecret(t *testing.T, text string) {
	t.Helper()
	for _, form := range append(forms(canary), "canary", "minted-bearer", "signature") {
		if strings.Contains(text, form) {
			t.Errorf("%q stands in: %s", form, text)
		}
	}
}

// guard stands before the bench's registry and lets only the right credentials pass, by Basic or by Bearer token.
func (b *bench) guard(t *testing.T, scheme string) string {
	t.Helper()
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(canary.User+":"+canary.Token))
	var address string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		authorization := r.Header.Get("Authorization")
		switch {
		case r.URL.Path == "/token" && authorization == basic:
			_, _ = io.WriteString(w, `{"token":"minted-bearer"}`)
		case r.URL.Path == "/token":
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprintf(w, `{"errors":[{"code":"UNAUTHORIZED","message":"bad %s"}]}`, authorization)
		case scheme == "Basic" && authorization == basic, scheme == "Bearer" && authorization == "Bearer minted-bearer":
			http.Redirect(w, r, "http://"+b.Addr()+r.URL.Path, http.StatusTemporaryRedirect)
		default:
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`%s realm="http://%s/token",service="lab"`, scheme, address))
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprintf(w, `{"errors":[{"code":"UNAUTHORIZED","message":"not %s"}]}`, authorization)
		}
	}))
	t.Cleanup(server.Close)
	address = server.Listener.Addr().String()
	_, path, _ := strings.Cut(b.direct, "/")
	return address + "/" + path
}

func TestCredentials(t *testing.T) {
	for _, scheme := range []string{"Basic", "Bearer"} {
		t.Run(scheme, func(t *testing.T) {
			b := inProcess(t)
			digest := b.push(t, "backend", "c0ffee")
			prefix := b.guard(t, scheme)
			if _, err := Tag(t.Context(), b.connect(t, prefix, canary), b, Move{"backend", "1.2.1", digest}); err != nil {
				t.Fatal(err)
			}
			wantEqual(t, "digest under the tag", b.at(t, "backend", "1.2.1"), digest)
			for who, auth := range map[string]Auth{
				"anonymous": {}, "wrong token": {User: "robots", Token: "canary-canary"}, "token missing": {User: "robots"},
			} {
				client := b.connect(t, prefix, auth)
				_, err := client.Tags(t.Context(), "backend")
				wantError(t, err, "the registry answered 401", "registryUser and registryToken")
				wantNoSecret(t, err.Error())
				if _, err := Tag(t.Context(), client, b, Move{"backend", "1.2.2", digest}); err == nil {
					t.Errorf("%s: tagged", who)
				}
			}
			wantEqual(t, "waits", len(b.waits), 0)
		})
	}
}

// A server may send back what it was sent.
func TestNoSecretInErrors(t *testing.T) {
	for i, form := range forms(canary) {
		for _, body := range []string{`{"errors":[{"code":"DENIED","message":%q}]}`, `{"errors":[{"code":%q}]}`, `<b>%s</b>`} {
			b := inProcess(t)
			b.Fault(labtest.Fault{Path: `/tags/list$`, Status: 403, Body: fmt.Sprintf(body, form)})
			_, err := b.connect(t, b.client.prefix, canary).Tags(t.Context(), "backend")
			wantError(t, err, "403")
			wantNoSecret(t, err.Error())
			if t.Failed() {
				t.Fatalf("form %d in %s", i, body)
			}
		}
	}
}

func TestNoSignedAddressInErrors(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	b := inProcess(t)
	b.push(t, "backend", "c0ffee", "1.2.0")
	b.Fault(labtest.Fault{Path: `/blobs/`, Status: 307, Header: http.Header{
		"Location": {gone.URL + "/layer?X-Amz-Signature=signature&n=canary"}}})
	_, _, err := b.client.Inspect(t.Context(), "backend", "1.2.0")
	wantError(t, err, gone.URL+"/layer", "connection refused")
	wantNoSecret(t, err.Error())
}

func TestNoTokenAnswerInErrors(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			_, _ = io.WriteString(w, `{"refresh_token":"minted-bearer"}`)
			return
		}
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token"`, r.Host))
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(server.Close)
	b := inProcess(t)
	_, err := b.connect(t, server.Listener.Addr().String(), canary).Tags(t.Context(), "backend")
	wantError(t, err, "no token in bearer response")
	wantNoSecret(t, err.Error())
}

func TestReason(t *testing.T) {
	diagnostic := func(status int, codes ...string) error {
		e := &transport.Error{StatusCode: status}
		for _, code := range codes {
			e.Errors = append(e.Errors, transport.Diagnostic{Code: transport.ErrorCode(code), Message: "why"})
		}
		return fmt.Errorf("wrapped: %w", e)
	}
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"several codes", diagnostic(400, "A", "B"), "the registry answered 400 Bad Request (A: why; B: why)"},
		{"no name for the status", diagnostic(522), "the registry answered 522, again and again: run the same command when it has recovered"},
		{"404 without a code", diagnostic(404),
			"the registry answered 404 Not Found: this is no registry's way to say that an image does not exist; check the registry's address"},
		{"404 with a code", diagnostic(404, "BLOB_UNKNOWN"), "the registry answered 404 Not Found (BLOB_UNKNOWN: why)"},
		{"not allowed", diagnostic(405, "UNSUPPORTED"), "the registry answered 405 Method Not Allowed (UNSUPPORTED: why)"},
		{"wait", fmt.Errorf("x: %w", &retry.WaitError{Status: 429, Wait: 3e11, Left: 6e10}),
			"the server answered 429 and asks to wait 5m0s, but only 1m0s are left: run again later"},
		{"address with a password", errors.New(`Get "https://u:p@h/v2/?token=t": EOF`), `no usable answer: Get "https://h/v2/": EOF`},
		{"malformed address", errors.New(`Get "http://[::1/v2": EOF`), `no usable answer: Get "(a malformed URL)": EOF`},
		{"several lines", errors.New("one\ntwo"), "no usable answer: one"},
		{"control characters", errors.New("a\x1b[31mb\rc"), "no usable answer: ab c"},
		{"too long", errors.New(strings.Repeat("é", 500)), "no usable answer: " + strings.Repeat("é", 400) + "…"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { wantEqual(t, "reason", reason(test.err), test.want) })
	}
}

func TestAbsent(t *testing.T) {
	repo, err := name.NewRepository("ghcr.io/acme/backend")
	if err != nil {
		t.Fatal(err)
	}
	const manifest = "/v2/acme/backend/manifests/1.2.3"
	tests := []struct {
		name, path, code string
		status           int
		want             bool
	}{
		{"manifest unknown", manifest, "MANIFEST_UNKNOWN", 404, true},
		{"name unknown", "/v2/acme/backend/tags/list", "NAME_UNKNOWN", 404, true},
		{"Harbor", manifest, "NOT_FOUND", 404, true},
		{"a layer is missing", "/v2/acme/backend/blobs/x", "BLOB_UNKNOWN", 404, false},
		{"first contact", "/v2/", "NAME_UNKNOWN", 404, false},
		{"another repository", "/v2/acme/backend2/tags/list", "NAME_UNKNOWN", 404, false},
		{"denied", manifest, "MANIFEST_UNKNOWN", 403, false},
		{"no code", manifest, "", 404, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			answer := &transport.Error{StatusCode: test.status, Request: &http.Request{URL: &url.URL{Path: test.path}}}
			if test.code != "" {
				answer.Errors = []transport.Diagnostic{{Code: transport.ErrorCode(test.code)}}
			}
			wantEqual(t, "absent", absent(fmt.Errorf("x: %w", answer), repo), test.want)
		})
	}
	wantEqual(t, "no error", absent(nil, repo), false)
	wantEqual(t, "no answer", absent(io.EOF, repo), false)
}
