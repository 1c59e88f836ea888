package verify

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"dagger/slipway/stages/attest"
)

// provenance has to be of this version, of its commit, and by whom the certificate says.
func (j *judge) provenance(a Attached) error {
	built, err := attest.ReadProvenance(a.Says.Predicate)
	if err != nil {
		return fmt.Errorf("a predicate that is not readable: %w", err)
	}
	if v := j.Request.Version.String(); built.Version != v {
		return fmt.Errorf("one of version %s, not of %s", orNone(built.Version), v)
	}
	if j.commit != "" && !slices.Contains(built.Commits, j.commit) {
		return fmt.Errorf("one of commit %s, not of %s", orNone(short(strings.Join(built.Commits, ", "))), short(j.commit))
	}
	if signer, ok := certified(a.Data); a.Type == attest.BundleType && ok && !sameOwner(built.Builder, signer) {
		return fmt.Errorf("builder %s, signed by %s", orNone(built.Builder), signer)
	}
	return nil
}

// certified is whom the certificate of a bundle names; none if it is signed by a key.
func certified(bundle []byte) (string, bool) {
	var b struct {
		Material struct {
			Certificate struct {
				Bytes []byte `json:"rawBytes"`
			} `json:"certificate"`
		} `json:"verificationMaterial"`
	}
	if json.Unmarshal(bundle, &b) != nil || len(b.Material.Certificate.Bytes) == 0 {
		return "", false
	}
	c, err := x509.ParseCertificate(b.Material.Certificate.Bytes)
	switch {
	case err != nil:
		return "a certificate that is not readable", true
	case len(c.URIs) > 0:
		return c.URIs[0].String(), true
	}
	return strings.Join(c.EmailAddresses, ", "), true
}

// sameOwner says whether a builder may be who has signed: a job is, and a run of the same repository. A laptop claims nothing.
func sameOwner(builder, signer string) bool {
	if builder == signer || builder == attest.Laptop {
		return true
	}
	of, err := url.Parse(builder)
	by, other := url.Parse(signer)
	return err == nil && other == nil && of.Host != "" && of.Host == by.Host && repository(of.Path) == repository(by.Path)
}

// parts end the repository in the address of a job or of a run.
var parts = regexp.MustCompile(`//|/-/|/\.github/|/actions/`)

func repository(path string) string {
	if at := parts.FindStringIndex(path); at != nil {
		path = path[:at[0]]
	}
	return strings.Trim(path, "/")
}

// contained is what of both kinds of SBOM says which image they are of.
type contained struct {
	Metadata struct {
		Component struct {
			PURL string `json:"purl"`
		} `json:"component"`
	} `json:"metadata"`
	Packages []struct {
		Purpose string `json:"primaryPackagePurpose"`
		Refs    []struct {
			Locator string `json:"referenceLocator"`
		} `json:"externalRefs"`
	} `json:"packages"`
}

// describes wants the list of contents to be of this image: its subject alone could have been written onto another's list.
func describes(i Image, s attest.Statement) error {
	var c contained
	if err := json.Unmarshal(s.Predicate, &c); err != nil {
		return fmt.Errorf("a predicate that is not readable: %w", err)
	}
	addresses := []string{c.Metadata.Component.PURL}
	for _, p := range c.Packages {
		for _, ref := range p.Refs {
			if p.Purpose == "CONTAINER" {
				addresses = append(addresses, ref.Locator)
			}
		}
	}
	named := false
	for _, address := range addresses {
		digest, ok := digestOf(address)
		if ok && !slices.Contains(i.digests(), digest) {
			return fmt.Errorf("a list of the contents of %s", short(digest))
		}
		named = named || ok
	}
	if !named {
		return errors.New("a list of contents that does not say of which image")
	}
	return nil
}

// digestOf reads the digest of a package URL such as pkg:oci/shop@sha256%3A…?repository_url=….
func digestOf(purl string) (string, bool) {
	_, rest, ok := strings.Cut(purl, "@")
	if !ok || !strings.HasPrefix(purl, "pkg:oci/") {
		return "", false
	}
	rest, _, _ = strings.Cut(rest, "?")
	digest, err := url.QueryUnescape(rest)
	return digest, err == nil
}
