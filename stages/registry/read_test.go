package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"dagger/slipway/stages/labtest"
)

func TestTags(t *testing.T) {
	eachRegistry(t, func(t *testing.T, b *bench) {
		b.push(t, "backend", "c0ffee", "latest", "1.2.0", "1", "nightly")
		got, err := b.client.Tags(t.Context(), "backend")
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "tags", strings.Join(got, " "), "1 1.2.0 latest nightly")
		wantEqual(t, "writes", b.writes(), "")
	})
}

func TestTagsOfAbsentImage(t *testing.T) {
	eachRegistry(t, func(t *testing.T, b *bench) {
		got, err := b.client.Tags(t.Context(), "backend")
		if len(got) != 0 || err != nil {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

// shortPages makes the registry behind it answer with pages of two tags.
func shortPages(t *testing.T, target string) string {
	t.Helper()
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: target})
		query := r.Out.URL.Query()
		query.Set("n", "2")
		r.Out.URL.RawQuery = query.Encode()
	}}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// pages answers a tag list in three pages, linked in the way of the distribution specification.
func pages(t *testing.T) string {
	t.Helper()
	next := map[string]string{"": "b", "b": "d", "d": ""}
	tags := map[string]string{"": `"a","b"`, "b": `"c","d"`, "d": `"e"`}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		last := r.URL.Query().Get("last")
		if next[last] != "" {
			w.Header().Set("Link", fmt.Sprintf(`<%s?n=2&last=%s>; rel="next"`, r.URL.Path, next[last]))
		}
		_, _ = fmt.Fprintf(w, `{"tags":[%s]}`, tags[last])
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func TestTagsReadsAllPages(t *testing.T) {
	t.Run("made pages", func(t *testing.T) {
		b := newBench(t, pages(t))
		got, err := b.client.Tags(t.Context(), "backend")
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "tags", strings.Join(got, " "), "a b c d e")
	})
	t.Run("lab", func(t *testing.T) {
		target := labtest.Registry(t)
		b := newBench(t, shortPages(t, target))
		b.direct = strings.Replace(b.direct, strings.Split(b.direct, "/")[0], target, 1)
		b.push(t, "backend", "c0ffee", "a", "b", "c", "d", "e")
		got, err := b.client.Tags(t.Context(), "backend")
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "tags", strings.Join(got, " "), "a b c d e")
		wantEqual(t, "pages", len(b.Requests()), 1+3)
	})
}

func TestTagsWithLostPageIsAnError(t *testing.T) {
	b := newBench(t, pages(t))
	b.Fault(labtest.Fault{Path: `/tags/list$`, Skip: 2, Status: 403, Body: denied})
	got, err := b.client.Tags(t.Context(), "backend")
	wantError(t, err, "403")
	wantEqual(t, "tags", len(got), 0)
}

// What leaves open whether there are tags is never read as "no tags".
func TestTagsNotKnown(t *testing.T) {
	html := "<html>not here</html>"
	tests := []struct {
		name    string
		fault   labtest.Fault
		tries   int
		message string
	}{
		{"401", labtest.Fault{Status: 401}, 1, "the registry answered 401 Unauthorized: either registryUser and registryToken"},
		{"403", labtest.Fault{Status: 403, Body: denied}, 1,
			"answered 403 Forbidden (DENIED: requested access is denied): either registryUser and registryToken do not " +
				"permit this, or the repository does not exist"},
		{"401 that says the name is unknown", labtest.Fault{Status: 401, Body: `{"errors":[{"code":"NAME_UNKNOWN"}]}`}, 1, "401"},
		{"404 of something else", labtest.Fault{Status: 404, Body: html}, 1, "check the registry's address"},
		{"404 with another code", labtest.Fault{Status: 404, Body: `{"errors":[{"code":"UNSUPPORTED"}]}`}, 1, "404 Not Found (UNSUPPORTED)"},
		{"500", labtest.Fault{Status: 500}, 6, "answered 500 Internal Server Error, again and again"},
		{"503", labtest.Fault{Status: 503}, 6, "answered 503"},
		{"reset", labtest.Fault{Reset: true}, 6, "no usable answer"},
		{"no JSON", labtest.Fault{Status: 200, Body: html}, 1, "no usable answer"},
		{"too long a wait", labtest.Fault{Status: 429, Header: http.Header{"Retry-After": {"3600"}}}, 1, "asks to wait 1h0m0s"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := inProcess(t)
			b.push(t, "backend", "c0ffee", "1.2.0")
			test.fault.Path = `/tags/list$`
			b.Fault(test.fault)
			got, err := b.client.Tags(t.Context(), "backend")
			wantError(t, err, "reading the tags of "+b.client.prefix+"/backend: ", test.message)
			wantEqual(t, "tags", len(got), 0)
			wantEqual(t, "requests after the first contact", len(b.Requests())-1, test.tries)
		})
	}
}

func TestTagsOfNoRegistryAtAll(t *testing.T) {
	b := inProcess(t)
	b.Fault(labtest.Fault{Path: `^/v2/$`, Status: 404, Body: `{"errors":[{"code":"NOT_FOUND"}]}`})
	_, err := b.client.Tags(t.Context(), "backend")
	wantError(t, err, "404")
}

func TestTimeIsOver(t *testing.T) {
	b := inProcess(t)
	b.Fault(labtest.Fault{Path: `/tags/list$`, Hang: true})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := b.client.Tags(ctx, "backend"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// A step has ten minutes, however long its context would wait.
func TestNoWaitThatIsLongerThanAStep(t *testing.T) {
	b := inProcess(t)
	b.Fault(labtest.Fault{Path: `/tags/list$`, Status: 429, Header: http.Header{"Retry-After": {"1800"}}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	_, err := b.client.Tags(ctx, "backend")
	wantError(t, err, "asks to wait 30m0s, but only 10m0s are left")
	wantEqual(t, "waits", len(b.waits), 0)
}

func TestInspect(t *testing.T) {
	eachRegistry(t, func(t *testing.T, b *bench) {
		digest := b.push(t, "backend", "c0ffee", "1.2.0")
		for _, ref := range []string{"1.2.0", digest} {
			got, found, err := b.client.Inspect(t.Context(), "backend", ref)
			if !found || err != nil {
				t.Fatalf("%s: %t, %v", ref, found, err)
			}
			wantEqual(t, "name", got.Name, "backend")
			wantEqual(t, "digest", got.Digest, digest)
			wantEqual(t, "revision", got.Revision(), "c0ffee")
			wantEqual(t, "version", got.Version(), "9.8.7")
			wantEqual(t, "platforms", strings.Join(got.Platforms, " "), "linux/amd64")
		}
		wantEqual(t, "writes", b.writes(), "")
	})
}

func TestInspectAbsent(t *testing.T) {
	eachRegistry(t, func(t *testing.T, b *bench) {
		digest := b.push(t, "backend", "c0ffee", "1.2.0")
		for image, ref := range map[string]string{"backend": "1.2.1", "frontend": "1.2.0", "worker": digest} {
			if got, found, err := b.client.Inspect(t.Context(), image, ref); found || err != nil {
				t.Errorf("%s %s: %v, %t, %v", image, ref, got, found, err)
			}
		}
	})
}

// index pushes an index of the images under a tag and returns its digest.
func (b *bench) index(t *testing.T, name, tag string, entries ...mutate.IndexAddendum) string {
	t.Helper()
	made := mutate.AppendManifests(empty.Index, entries...)
	if err := remote.WriteIndex(b.ref(t, name+":"+tag), made); err != nil {
		t.Fatal(err)
	}
	digest, err := made.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

func entry(image v1.Image, os string) mutate.IndexAddendum {
	return mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: os, Architecture: "arm64"}}}
}

func TestInspectIndexReadsItsFirstImage(t *testing.T) {
	eachRegistry(t, func(t *testing.T, b *bench) {
		digest := b.index(t, "backend", "1.2.0",
			entry(newImage(t, "attestation"), "unknown"), entry(newImage(t, "first"), "linux"), entry(newImage(t, "second"), "linux"))
		got, found, err := b.client.Inspect(t.Context(), "backend", "1.2.0")
		if !found || err != nil {
			t.Fatal(found, err)
		}
		wantEqual(t, "digest", got.Digest, digest)
		wantEqual(t, "revision", got.Revision(), "first")
		wantEqual(t, "platforms", strings.Join(got.Platforms, " "), "linux/arm64")
	})
}

func TestInspectIndexWithoutImage(t *testing.T) {
	b := inProcess(t)
	b.index(t, "backend", "1.2.0", entry(newImage(t, "attestation"), "unknown"))
	_, _, err := b.client.Inspect(t.Context(), "backend", "1.2.0")
	wantError(t, err, "the index holds no image")
}

func TestInspectNotKnown(t *testing.T) {
	for _, status := range []int{401, 403, 404, 500} {
		for _, path := range []string{`/manifests/`, `/blobs/`} {
			t.Run(fmt.Sprint(status, path), func(t *testing.T) {
				b := inProcess(t)
				b.push(t, "backend", "c0ffee", "1.2.0")
				b.Fault(labtest.Fault{Path: path, Status: status})
				_, found, err := b.client.Inspect(t.Context(), "backend", "1.2.0")
				wantError(t, err, fmt.Sprint(status))
				wantEqual(t, "found", found, false)
			})
		}
	}
}

func TestWrongNamesMakeNoRequest(t *testing.T) {
	b := inProcess(t)
	digest := "sha256:" + strings.Repeat("0a", 32)
	ctx := t.Context()
	_, tags := b.client.Tags(ctx, "Backend")
	_, tag := Tag(ctx, b.client, b, Move{"backend", "a/b", digest})
	_, noDigest := Tag(ctx, b.client, b, Move{"backend", "1.2.0", "1.1.0"})
	_, once := TagOnce(ctx, b.client, b, Move{"Backend", "1.2.0", digest})
	_, _, image := b.client.Inspect(ctx, "Backend", "1.2.0")
	_, _, ref := b.client.Inspect(ctx, "backend", "../1.2.0")
	for i, err := range []error{
		tags, image, ref, tag, noDigest, once, b.client.Put(ctx, "backend", "a/b", digest),
		b.client.Put(ctx, "backend", "1.2.0", "1.1.0"), b.client.Remove(ctx, "backend", "a/b"),
	} {
		if err == nil {
			t.Errorf("case %d: no error", i)
		}
	}
	wantEqual(t, "requests", len(b.Requests()), 0)
}
