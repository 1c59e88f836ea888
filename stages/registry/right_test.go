package registry

import (
	"net/http"
	"strings"
	"testing"

	"dagger/slipway/stages/labtest"
)

const readOnly = ": either registryUser and registryToken do not permit this, or the repository does not exist"

func TestCanPush(t *testing.T) {
	const uploads = `/blobs/uploads/$`
	code := func(code, message string) string {
		return `{"errors":[{"code":"` + code + `","message":"` + message + `"}]}`
	}
	tests := []struct {
		name           string
		fault          labtest.Fault
		unchecked, err string
		opened         int // requests that open an upload
		cancelled      int // requests that cancel one
	}{
		{"it may", labtest.Fault{Path: "never"}, "", "", 1, 1},
		{"it may, after a fault", labtest.Fault{Path: uploads, Status: 503, Times: 2}, "", "", 3, 1},
		{"the upload cannot be cancelled", labtest.Fault{Method: "DELETE", Status: 405, Body: code("UNSUPPORTED", "")}, "", "", 1, 1},
		{"the answer names no upload", labtest.Fault{Path: uploads, Status: 202}, "", "", 1, 0},
		{"the upload is elsewhere", labtest.Fault{Path: uploads, Status: 202, Header: http.Header{"Location": {"http://elsewhere.invalid/x"}}},
			"", "", 1, 0},
		{"401", labtest.Fault{Path: uploads, Status: 401}, "", "the registry answered 401 Unauthorized" + readOnly, 1, 0},
		{"403", labtest.Fault{Path: uploads, Status: 403, Body: denied}, "",
			"the registry answered 403 Forbidden (DENIED: requested access is denied)" + readOnly, 1, 0},
		{"denied with another status", labtest.Fault{Path: uploads, Status: 404, Body: denied}, "", "404 Not Found (DENIED: requested access is denied)" + readOnly, 1, 0},
		{"no such repository yet", labtest.Fault{Path: uploads, Status: 404, Body: code("NAME_UNKNOWN", "no repository backend")},
			"the repository does not exist yet (404 Not Found (NAME_UNKNOWN: no repository backend)); create it, unless the " +
				"registry does so at the first push", "", 1, 0},
		{"404 of something else", labtest.Fault{Path: uploads, Status: 404, Body: "<html>"},
			"the registry answered 404 Not Found to a trial upload", "", 1, 0},
		{"405", labtest.Fault{Path: uploads, Status: 405, Body: code("UNSUPPORTED", "no uploads")},
			"the registry answered 405 Method Not Allowed (UNSUPPORTED: no uploads) to a trial upload", "", 1, 0},
		{"a push made in one request", labtest.Fault{Path: uploads, Status: 201}, "answered 201 Created to a trial upload", "", 1, 0},
		{"away", labtest.Fault{Path: uploads, Status: 503}, "", "answered 503 Service Unavailable, again and again", 6, 0},
		{"broken", labtest.Fault{Path: uploads, Reset: true}, "", "no usable answer", 6, 0},
		{"away from the start", labtest.Fault{Path: "^/v2/$", Status: 503}, "", "answered 503", 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := inProcess(t)
			b.Fault(test.fault)
			unchecked, err := b.client.CanPush(t.Context(), "backend")
			repository := b.client.prefix + "/backend"
			switch {
			case test.err != "":
				wantError(t, err, "looking whether "+repository+" may be pushed: ", test.err)
			case err != nil:
				t.Error(err)
			}
			if !strings.Contains(unchecked, test.unchecked) || (unchecked == "") != (test.unchecked == "") {
				t.Errorf("unchecked %q, want %q", unchecked, test.unchecked)
			}
			if unchecked != "" {
				wantEqual(t, "it begins", strings.HasPrefix(unchecked, "whether "+repository+" may be pushed: "), true)
			}
			wantEqual(t, "opened", strings.Count(b.requests(), "POST /v2/"), test.opened)
			wantEqual(t, "cancelled", strings.Count(b.requests(), "DELETE /v2/"), test.cancelled)
		})
	}
}

func TestCanPushLeavesNothing(t *testing.T) {
	eachRegistry(t, func(t *testing.T, b *bench) {
		unchecked, err := b.client.CanPush(t.Context(), "backend")
		if unchecked != "" || err != nil {
			t.Errorf("got %q, %v", unchecked, err)
		}
		if tags, err := b.client.Tags(t.Context(), "backend"); len(tags) != 0 || err != nil {
			t.Errorf("tags afterwards: %v, %v", tags, err)
		}
	})
}

func TestCanPushWithCredentials(t *testing.T) {
	for _, scheme := range []string{"Basic", "Bearer"} {
		b := inProcess(t)
		prefix := b.guard(t, scheme)
		if unchecked, err := b.connect(t, prefix, canary).CanPush(t.Context(), "backend"); unchecked != "" || err != nil {
			t.Errorf("%s: got %q, %v", scheme, unchecked, err)
		}
		_, err := b.connect(t, prefix, Auth{User: "robots", Token: "canary-canary"}).CanPush(t.Context(), "backend")
		wantError(t, err, "may be pushed: the registry answered 401", "registryUser and registryToken")
		wantNoSecret(t, err.Error())
	}
	// A registry may send back what it was sent.
	b := inProcess(t)
	b.Fault(labtest.Fault{Path: `/uploads/$`, Status: 405, Body: `{"errors":[{"code":"UNSUPPORTED","message":"` + forms(canary)[1] + `"}]}`})
	unchecked, err := b.connect(t, b.client.prefix, canary).CanPush(t.Context(), "backend")
	if err != nil || unchecked == "" {
		t.Errorf("got %q, %v", unchecked, err)
	}
	wantNoSecret(t, unchecked)
	if _, err := b.client.CanPush(t.Context(), "Backend"); err == nil {
		t.Error("a wrong name is accepted")
	}
}
