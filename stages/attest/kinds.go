package attest

import (
	"encoding/json"
	"strings"
)

// names are what kinds are called in plans, reports and errors.
var names = map[string]string{
	CycloneDX: "SBOM (CycloneDX)", SPDX: "SBOM (SPDX)", Provenance: "provenance", VEX: "VEX", Signature: "signature",
}

// Name is what a kind is called.
func Name(kind string) string {
	if name, ok := names[kind]; ok {
		return name
	}
	return kind
}

// Names are what several kinds are called together, each word once and in their order.
func Names(kinds []string) string {
	var all []string
	for _, kind := range kinds {
		all = append(all, Name(kind))
	}
	text := strings.Join(all, ", ")
	return strings.Replace(text, names[CycloneDX]+", "+names[SPDX], "SBOM (CycloneDX and SPDX)", 1)
}

// Always are the kinds that every image of a release gets.
func Always() []string { return []string{CycloneDX, SPDX, Provenance} }

// PerPlatform says whether a kind tells platforms apart: what is in an image differs between them, and how it was made does not.
func PerPlatform(kind string) bool { return kind == CycloneDX || kind == SPDX }

// About is a statement about digests of what has this name.
func About(name string, digests []string, kind string, predicate json.RawMessage) Statement {
	s := Statement{PredicateType: kind, Predicate: predicate}
	for _, digest := range digests {
		algorithm, hex, _ := strings.Cut(digest, ":")
		s.Subjects = append(s.Subjects, Subject{Name: name, Digest: map[string]string{algorithm: hex}})
	}
	return s
}

// IsOf says whether the statement is about these digests, and about no others.
func (s Statement) IsOf(digests []string) bool {
	if len(s.Subjects) != len(digests) {
		return false
	}
	for _, digest := range digests {
		if !s.Of(digest) {
			return false
		}
	}
	return true
}
