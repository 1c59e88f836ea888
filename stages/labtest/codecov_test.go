package labtest

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

const (
	codecovToken = "11111111-2222-4333-8444-555555555555"
	codecovPath  = "/upload/github/acme::::shop/upload-coverage"
)

// announcement is what the uploader says first.
func announcement(change map[string]any) string {
	body := map[string]any{
		"commitid": strings.Repeat("0a", 20), "code": "default", "branch": "main", "flags": []string{"backend"}, "version": "11.3.1",
	}
	maps.Copy(body, change)
	data, _ := json.Marshal(body)
	return string(data)
}

// container is what the uploader brings to storage.
func container(format, content string) string {
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	_, _ = w.Write([]byte(content))
	_ = w.Close()
	data, _ := json.Marshal(map[string]any{
		"report_fixes": map[string]any{}, "metadata": map[string]any{}, "network_files": []string{"backend/a.py"},
		"coverage_files": []map[string]string{{"filename": "coverage/backend.xml", "format": format, "labels": "", "data": base64.StdEncoding.EncodeToString(z.Bytes())}},
	})
	return string(data)
}

func ask(t *testing.T, method, url, token, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "token "+token)
	}
	return answered(t, req)
}

// location announces an upload and returns where its content goes.
func location(t *testing.T, c *Codecov) string {
	t.Helper()
	status, answer := ask(t, "POST", c.URL()+codecovPath, codecovToken, announcement(nil))
	var found struct {
		Location string `json:"raw_upload_location"`
	}
	if err := json.Unmarshal([]byte(answer), &found); status != 201 || err != nil {
		t.Fatalf("got %d %s", status, answer)
	}
	return found.Location
}

func TestCodecovRecordsAnUpload(t *testing.T) {
	c := NewCodecov(t, codecovToken)
	to := location(t, c)
	if !strings.HasPrefix(to, c.URL()+"/") {
		t.Errorf("storage is at %s, not behind the proxy", to)
	}
	if status, answer := ask(t, "PUT", to, "", container("base64+compressed", "<coverage/>")); status != 200 || answer != "" {
		t.Errorf("got %d %s", status, answer)
	}
	want := []CodecovUpload{{
		Service: "github", Slug: "acme::::shop", Commit: strings.Repeat("0a", 20), Branch: "main", Flags: []string{"backend"},
		Files: map[string]string{"coverage/backend.xml": "<coverage/>"}, Network: []string{"backend/a.py"},
	}}
	if got := c.Uploads(); !reflect.DeepEqual(got, want) || len(c.Refused()) > 0 {
		t.Errorf("got %+v, refused %q", got, c.Refused())
	}
}

func TestCodecovRefusesAnAnnouncement(t *testing.T) {
	for name, test := range map[string]struct {
		method, path, token, body string
		status                    int
		why                       string
	}{
		"no token":       {"POST", codecovPath, "", announcement(nil), 401, "token"},
		"other token":    {"POST", codecovPath, "x", announcement(nil), 401, "token"},
		"no JSON":        {"POST", codecovPath, codecovToken, "x", 400, "invalid character"},
		"short commit":   {"POST", codecovPath, codecovToken, announcement(map[string]any{"commitid": "0a0a0a0"}), 400, "is no commit"},
		"other report":   {"POST", codecovPath, codecovToken, announcement(map[string]any{"code": "other"}), 400, "the report is"},
		"odd flag":       {"POST", codecovPath, codecovToken, announcement(map[string]any{"flags": []string{"a b"}}), 400, "is no flag"},
		"no service":     {"POST", "/upload/forge/acme::::shop/upload-coverage", codecovToken, announcement(nil), 400, "is no service"},
		"slug in clear":  {"POST", "/upload/github/shop/upload-coverage", codecovToken, announcement(nil), 400, "is no owner"},
		"other path":     {"POST", "/upload/github/acme::::shop/commits", codecovToken, announcement(nil), 404, "not modelled"},
		"other method":   {"GET", codecovPath, codecovToken, "", 404, "not modelled"},
		"nothing stored": {"PUT", "/storage/1?signature=labStorageSecret", "", "{}", 400, "no coverage file"},
	} {
		t.Run(name, func(t *testing.T) {
			c := NewCodecov(t, codecovToken)
			status, answer := ask(t, test.method, c.URL()+test.path, test.token, test.body)
			if status != test.status || !strings.Contains(answer, test.why) || len(c.Refused()) != 1 || len(c.Uploads()) != 0 {
				t.Errorf("got %d %s, refused %q", status, answer, c.Refused())
			}
		})
	}
}

func TestCodecovRefusesContent(t *testing.T) {
	good := container("base64+compressed", "<coverage/>")
	for name, test := range map[string]struct {
		cut, token, body string
		status           int
	}{
		"with the token":    {"", codecovToken, good, 403},
		"without signature": {"?signature=labStorageSecret", "", good, 403},
		"other format":      {"", "", container("plain", "x"), 400},
		"not compressed":    {"", "", `{"coverage_files":[{"filename":"a","format":"base64+compressed","data":"eHh4"}]}`, 400},
		"cut":               {"", "", `{"coverage_files":[{"filename":"a","format":"base64+compressed","data":"eJyzSc"}]}`, 400},
	} {
		t.Run(name, func(t *testing.T) {
			c := NewCodecov(t, codecovToken)
			to := strings.TrimSuffix(location(t, c), test.cut)
			if test.cut == "" {
				to = location(t, c)
			}
			if status, answer := ask(t, "PUT", to, test.token, test.body); status != test.status {
				t.Errorf("got %d %s", status, answer)
			}
			if len(c.Refused()) != 1 || c.Uploads()[0].Files != nil {
				t.Errorf("refused %q, recorded %+v", c.Refused(), c.Uploads())
			}
		})
	}
	c := NewCodecov(t, codecovToken)
	to := strings.Replace(location(t, c), "/storage/1", "/storage/2", 1)
	if status, _ := ask(t, "PUT", to, "", good); status != 404 {
		t.Errorf("content of nothing that was announced: got %d", status)
	}
}
