package attest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// ignored is an entry of an ignore file. Whether the file is in order is for the gate to say.
type ignored struct {
	ID        string
	Paths     []string
	PURLs     []string
	Statement string
	Until     time.Time `yaml:"expired_at"`
}

// vexDocument is a document of OpenVEX 0.2.0, see https://github.com/openvex/spec.
type vexDocument struct {
	Context    string         `json:"@context"`
	ID         string         `json:"@id"`
	Author     string         `json:"author"`
	Timestamp  string         `json:"timestamp"`
	Version    int            `json:"version"`
	Statements []vexStatement `json:"statements"`
}

type vexStatement struct {
	Vulnerability struct {
		Name string `json:"name"`
	} `json:"vulnerability"`
	Products []vexProduct `json:"products"`
	Status   string       `json:"status"`
	Notes    string       `json:"status_notes"`
	Impact   string       `json:"impact_statement,omitempty"`
	Action   string       `json:"action_statement,omitempty"`
}

type vexProduct struct {
	ID            string       `json:"@id"`
	Subcomponents []vexProduct `json:"subcomponents,omitempty"`
}

// OpenVEX tells consumers of an image, which its purls name, what the ignore file says of vulnerabilities that are known in
// it; nil if that is nothing. The same file at the same commit says the same, byte by byte, until an entry ends. Entries that
// hold for some paths only are left out and returned: OpenVEX knows no paths, so they would say more than was meant.
func OpenVEX(file []byte, purls []string, author string, committed, now time.Time) (predicate json.RawMessage, untold []string, err error) {
	var ignores struct{ Vulnerabilities []ignored }
	if err := yaml.Unmarshal(file, &ignores); err != nil {
		return nil, nil, fmt.Errorf("expected an ignore file in YAML: %w", err)
	}
	d := vexDocument{Context: "https://openvex.dev/ns/v0.2.0", Author: author, Timestamp: committed.UTC().Format(time.RFC3339), Version: 1}
	for _, i := range ignores.Vulnerabilities {
		switch {
		case !i.Until.After(now):
		case len(i.Paths) > 0:
			untold = append(untold, i.ID)
		default:
			d.Statements = append(d.Statements, i.vex(purls))
		}
	}
	if len(d.Statements) == 0 {
		return nil, untold, nil
	}
	if predicate, err = d.encode(); err != nil {
		return nil, nil, err
	}
	// The name comes from what it says, as that of other tools' documents.
	sum := sha256.Sum256(predicate)
	d.ID = "https://openvex.dev/docs/public/vex-" + hex.EncodeToString(sum[:])
	predicate, err = d.encode()
	return predicate, untold, err
}

const affected = "affected:"

// vex says that the image is not affected, which is what ignoring a finding means, unless the statement says that it is.
func (i ignored) vex(purls []string) vexStatement {
	s := vexStatement{Status: "not_affected", Impact: strings.TrimSpace(i.Statement), Notes: "holds until " + i.Until.Format(time.DateOnly) + ", 00:00 UTC"}
	s.Vulnerability.Name = i.ID
	if len(s.Impact) >= len(affected) && strings.EqualFold(s.Impact[:len(affected)], affected) {
		s.Status, s.Action, s.Impact = "affected", strings.TrimSpace(s.Impact[len(affected):]), ""
	}
	var packages []vexProduct
	for _, purl := range i.PURLs {
		packages = append(packages, vexProduct{ID: purl})
	}
	for _, purl := range purls {
		s.Products = append(s.Products, vexProduct{ID: purl, Subcomponents: packages})
	}
	return s
}

func (d vexDocument) encode() (json.RawMessage, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(d)
	return bytes.TrimSpace(out.Bytes()), err
}
