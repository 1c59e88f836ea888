package stages

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"path"
	"slices"
	"strings"

	"dagger/slipway/stages/attest"
)

// nameList says which image a list of contents is of.
func nameList(kind string, text []byte, repository, tag, digest string) ([]byte, error) {
	if kind == attest.SPDX {
		return nameSPDX(text, repository, tag, digest)
	}
	return nameSBOM(text, repository, tag, digest)
}

// nameSBOM says which image the list is of, in the terms that Trivy has for images of a registry: what it has scanned is
// an archive, from before there was a digest.
func nameSBOM(text []byte, repository, tag, digest string) ([]byte, error) {
	var sbom map[string]any
	if err := json.Unmarshal(text, &sbom); err != nil {
		return nil, err
	}
	metadata, _ := sbom["metadata"].(map[string]any)
	image, ok := metadata["component"].(map[string]any)
	if !ok {
		return nil, errors.New("expected metadata.component, found none")
	}
	image["name"], image["purl"] = repository+":"+tag, imagePURL(repository, digest)
	properties, _ := image["properties"].([]any)
	image["properties"] = append(slices.DeleteFunc(properties, isArchiveID),
		property("RepoDigest", repository+"@"+digest), property("RepoTag", repository+":"+tag))
	return encodeList(sbom)
}

func encodeList(list any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(list)
	return out.Bytes(), err
}

const trivyProperty = "aquasecurity:trivy:"

func property(name, value string) map[string]any {
	return map[string]any{"name": trivyProperty + name, "value": value}
}

// isArchiveID finds the digest of the configuration that the archive had. Labels have changed it.
func isArchiveID(p any) bool {
	fields, _ := p.(map[string]any)
	return fields["name"] == trivyProperty+"ImageID"
}

// uuidLength is how much of a document's namespace differs from list to list.
const uuidLength = len("aa9c527d-0dac-495a-9ece-4db86ea73ec3")

// nameSPDX is nameSBOM for SPDX.
func nameSPDX(text []byte, repository, tag, digest string) ([]byte, error) {
	var list map[string]any
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, err
	}
	packages, _ := list["packages"].([]any)
	image := imageAmong(packages)
	namespace, _ := list["documentNamespace"].(string)
	if image == nil || len(namespace) < uuidLength {
		return nil, errors.New("expected a documentNamespace and a package of the purpose CONTAINER, found none")
	}
	name := repository + ":" + tag
	list["name"], image["name"], image["versionInfo"] = name, name, digest
	list["documentNamespace"] = "http://trivy.dev/container_image/" + name + "-" + namespace[len(namespace)-uuidLength:]
	image["externalRefs"] = []any{map[string]any{
		"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": imagePURL(repository, digest),
	}}
	notes, _ := image["annotations"].([]any)
	image["annotations"] = slices.DeleteFunc(notes, isArchiveNote)
	return encodeList(list)
}

func imageAmong(packages []any) map[string]any {
	for _, p := range packages {
		if fields, _ := p.(map[string]any); fields["primaryPackagePurpose"] == "CONTAINER" {
			return fields
		}
	}
	return nil
}

// isArchiveNote finds what was said of the archive alone.
func isArchiveNote(p any) bool {
	fields, _ := p.(map[string]any)
	text, _ := fields["comment"].(string)
	return slices.ContainsFunc([]string{"ImageID: ", "Reference: ", "RepoTag: "}, func(prefix string) bool { return strings.HasPrefix(text, prefix) })
}

// imagePURL names an image as advisories and other scanners do.
func imagePURL(repository, digest string) string {
	where := url.Values{"repository_url": {repository}}
	return "pkg:oci/" + strings.ToLower(path.Base(repository)) + "@" + url.QueryEscape(digest) + "?" + where.Encode()
}
