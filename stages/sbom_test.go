package stages

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestNameSBOM: the list names the image by the digest it was pushed with, and keeps all else.
func TestNameSBOM(t *testing.T) {
	scanned := `{"bomFormat": "CycloneDX", "version": 1, "metadata": {"timestamp": "2026-01-02T03:04:05Z", "component": {
		"bom-ref": "b", "type": "container", "name": "/image.tar", "properties": [
			{"name": "aquasecurity:trivy:ImageID", "value": "sha256:archive"},
			{"name": "aquasecurity:trivy:DiffID", "value": "sha256:layer"}]}},
		"components": [{"name": "a<b>", "purl": "pkg:pypi/a@1"}]}`
	named, err := nameSBOM([]byte(scanned), "registry.example.com:5000/team/API", "1.2.3", "sha256:d1")
	if err != nil {
		t.Fatal(err)
	}
	want := `{"bomFormat": "CycloneDX", "version": 1, "metadata": {"timestamp": "2026-01-02T03:04:05Z", "component": {
		"bom-ref": "b", "type": "container", "name": "registry.example.com:5000/team/API:1.2.3",
		"purl": "pkg:oci/api@sha256%3Ad1?repository_url=registry.example.com%3A5000%2Fteam%2FAPI", "properties": [
			{"name": "aquasecurity:trivy:DiffID", "value": "sha256:layer"},
			{"name": "aquasecurity:trivy:RepoDigest", "value": "registry.example.com:5000/team/API@sha256:d1"},
			{"name": "aquasecurity:trivy:RepoTag", "value": "registry.example.com:5000/team/API:1.2.3"}]}},
		"components": [{"name": "a<b>", "purl": "pkg:pypi/a@1"}]}`
	if got := compact(t, string(named)); got != compact(t, want) {
		t.Errorf("got  %s\nwant %s", got, compact(t, want))
	}
	if !strings.Contains(string(named), "a<b>") {
		t.Errorf("names are written in another way: %s", named)
	}
	for _, bad := range []string{"", "[]", "{}", `{"metadata": {"component": "image"}}`} {
		if _, err := nameSBOM([]byte(bad), "r", "1.2.3", "sha256:d"); err == nil {
			t.Errorf("%q is no list of contents, and was taken as one", bad)
		}
	}
}

// TestNameSPDX: the same in SPDX.
func TestNameSPDX(t *testing.T) {
	scanned := `{"spdxVersion": "SPDX-2.3", "name": "image.tar", "documentNamespace": "http://trivy.dev/container_image/image.tar-aa9c527d-0dac-495a-9ece-4db86ea73ec3",
		"packages": [{"name": "a<b>", "primaryPackagePurpose": "LIBRARY"}, {"name": "image.tar", "primaryPackagePurpose": "CONTAINER", "annotations": [
			{"comment": "DiffID: sha256:layer"}, {"comment": "ImageID: sha256:archive"}, {"comment": "RepoTag: other:1"}, {"comment": "Reference: other:1"}, {"comment": "Size: 10240"}]}]}`
	named, err := nameSPDX([]byte(scanned), "registry.example.com:5000/team/API", "1.2.3", "sha256:d1")
	if err != nil {
		t.Fatal(err)
	}
	want := `{"spdxVersion": "SPDX-2.3", "name": "registry.example.com:5000/team/API:1.2.3",
		"documentNamespace": "http://trivy.dev/container_image/registry.example.com:5000/team/API:1.2.3-aa9c527d-0dac-495a-9ece-4db86ea73ec3",
		"packages": [{"name": "a<b>", "primaryPackagePurpose": "LIBRARY"}, {"name": "registry.example.com:5000/team/API:1.2.3", "versionInfo": "sha256:d1", "primaryPackagePurpose": "CONTAINER",
			"externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "pkg:oci/api@sha256%3Ad1?repository_url=registry.example.com%3A5000%2Fteam%2FAPI"}],
			"annotations": [{"comment": "DiffID: sha256:layer"}, {"comment": "Size: 10240"}]}]}`
	if got := compact(t, string(named)); got != compact(t, want) {
		t.Errorf("got  %s\nwant %s", got, compact(t, want))
	}
	for _, bad := range []string{"", "[]", "{}", `{"documentNamespace": "x", "packages": [{"primaryPackagePurpose": "CONTAINER"}]}`, `{"documentNamespace": "aa9c527d-0dac-495a-9ece-4db86ea73ec3", "packages": ["a"]}`} {
		if _, err := nameSPDX([]byte(bad), "r", "1.2.3", "sha256:d"); err == nil {
			t.Errorf("%q is no list of contents, and was taken as one", bad)
		}
	}
}

// compact writes JSON without spaces and with its keys in order.
func compact(t *testing.T, text string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
