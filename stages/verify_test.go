package stages

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/release"
	"dagger/slipway/stages/verify"
)

func TestVerified(t *testing.T) {
	good := verify.Row{What: "image backend", Expected: "a", Found: "a", Verdict: verify.OK}
	open := verify.Row{What: "signature of backend", Expected: "a signature", Found: "none", Verdict: verify.NotChecked}
	bad := verify.Row{What: "tag 1.2 of backend", Expected: "1.2.3", Found: "1.1.0", Verdict: verify.Different}
	lost := verify.Row{What: "registry", Expected: "an answer", Found: "none", Verdict: verify.NotRead}
	for name, c := range map[string]struct {
		table verify.Table
		green bool
	}{
		"all is as it should be":  {verify.Table{good}, true},
		"not all can be checked":  {verify.Table{good, open}, true},
		"nothing can be checked":  {verify.Table{open}, false},
		"a difference":            {verify.Table{good, bad}, false},
		"somebody doesn't answer": {verify.Table{good, lost}, false},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := verified("1.2.3", c.table)
			if err != nil {
				text = err.Error()
			}
			if (err == nil) != c.green || strings.Contains(text, "1.2.3 is what was released: ") != c.green {
				t.Errorf("got %v and\n%s", err, text)
			}
			for _, row := range c.table {
				if !strings.Contains(text, row.What) {
					t.Errorf("no row %s in\n%s", row.What, text)
				}
			}
		})
	}
}

func TestRefuseUnsigned(t *testing.T) {
	r := prefixed(t, "v", "1.2.3")
	ok := verify.Row{What: "provenance of backend", Expected: "signed by key cosign.pub", Found: "statements: 1", Verdict: verify.OK}
	if err := r.refuseUnsigned(verify.Table{ok}); err != nil {
		t.Errorf("a signed image: got %v", err)
	}
	bad := verify.Row{What: "signature of backend", Expected: "signed by key cosign.pub", Found: "none for sha256:abc", Verdict: verify.Different}
	err := r.refuseUnsigned(verify.Table{ok, bad})
	const want = "1.2.3 is not shown to be what was released: signature of backend: expected signed by key cosign.pub, found none for sha256:abc"
	if err == nil || err.Error() != want || !strings.Contains(explain(err).next, "dagger call verify --version=1.2.3") {
		t.Errorf("an unsigned image: got %v, want %s", err, want)
	}
}

// TestCheckSigned: nobody is asked where signatures are not wanted, or nobody is known who has to have signed.
func TestCheckSigned(t *testing.T) {
	r := prefixed(t, "v", "1.2.3")
	r.config.RequireSigned, r.config.SignerIdentity = "off", "somebody"
	if err := r.checkSigned(t.Context(), release.Rollout{}); err != nil || !strings.Contains(strings.Join(r.found.notChecked, ""), "requireSigned is off") {
		t.Errorf("off: got %v, %q", err, r.found.notChecked)
	}
}

// TestPublicPage: without a token, a forge that shows nothing is no difference, and with one it is.
func TestPublicPage(t *testing.T) {
	answer := func(status int, body string) forge.Repository {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			w.Write([]byte(body)) //nolint:errcheck // the test sees it
		}))
		t.Cleanup(s.Close)
		return forge.Repository{Kind: forge.Gitea, Path: "acme/shop", Web: s.URL, API: s.URL}
	}
	for name, c := range map[string]struct {
		status    int
		body      string
		token     string
		read, red bool
	}{
		"none, nobody":          {200, "[]", "", false, false},
		"none, with a token":    {200, "[]", "token-123", true, false},
		"private":               {404, "{}", "", false, false},
		"refused despite token": {404, "{}", "token-123", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := prefixed(t, "v", "1.2.3")
			r.access.forge, r.access.writable = forge.New(answer(c.status, c.body), c.token), c.token != ""
			page := r.readPage(t.Context(), nil, r.observePublic(t.Context()), r.request())
			if page.Read() != c.read || (page.Err != nil) != c.red || !page.Read() && page.Err == nil && page.Why == "" {
				t.Errorf("got %+v", page)
			}
		})
	}
}
