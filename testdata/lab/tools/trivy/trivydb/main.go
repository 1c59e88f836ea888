// Command trivydb writes a small, real vulnerability database in the form that Trivy downloads:
// a tar.gz of trivy.db and metadata.json. The advisories are true ones, of packages that tests plant.
package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/aquasecurity/trivy-db/pkg/db"
	"github.com/aquasecurity/trivy-db/pkg/metadata"
	"github.com/aquasecurity/trivy-db/pkg/types"
	bolt "go.etcd.io/bbolt"
)

type advisory struct {
	ecosystem, pkg, id, title, affected, fixed string
	severity                                   types.Severity
}

var advisories = []advisory{
	{"pip", "requests", "CVE-2018-18074", "Redirect from HTTPS to HTTP does not remove Authorization header", "<=2.19.1", "2.20.0", types.SeverityHigh},
	{"pip", "jinja2", "CVE-2019-10906", "Sandbox escape through str.format_map", "<2.10.1", "2.10.1", types.SeverityHigh},
	{"pip", "pyyaml", "CVE-2020-14343", "Arbitrary code execution through full_load", "<5.4", "5.4", types.SeverityCritical},
	{"pip", "py", "CVE-2022-42969", "ReDoS through a Subversion repository with crafted info data", "<=1.11.0", "", types.SeverityHigh},
	{"npm", "lodash", "CVE-2019-10744", "Prototype pollution in defaultsDeep", "<4.17.12", "4.17.12", types.SeverityCritical},
	{"npm", "minimist", "CVE-2021-44906", "Prototype pollution through setKey", "<1.2.6", "1.2.6", types.SeverityCritical},
}

var ecosystems = map[string]types.DataSource{
	"pip": {ID: "ghsa", Name: "GitHub Security Advisory Pip", URL: "https://github.com/advisories?query=type%3Areviewed+ecosystem%3Apip"},
	"npm": {ID: "ghsa", Name: "GitHub Security Advisory Npm", URL: "https://github.com/advisories?query=type%3Areviewed+ecosystem%3Anpm"},
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: trivydb FILE.tar.gz")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "trivydb:", err)
		os.Exit(1)
	}
}

func run(file string) error {
	dir, err := os.MkdirTemp("", "trivydb")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := write(dir); err != nil {
		return err
	}
	return pack(dir, file)
}

func write(dir string) error {
	if err := db.Init(dir); err != nil {
		return err
	}
	config := db.Config{}
	err := config.BatchUpdate(func(tx *bolt.Tx) error {
		for _, a := range advisories {
			if err := put(config, tx, a); err != nil {
				return fmt.Errorf("%s: %w", a.id, err)
			}
		}
		return nil
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	now := time.Now().UTC()
	return metadata.NewClient(dir).Update(metadata.Metadata{
		Version: db.SchemaVersion, UpdatedAt: now, NextUpdate: now.Add(24 * time.Hour),
	})
}

func put(config db.Config, tx *bolt.Tx, a advisory) error {
	source := ecosystems[a.ecosystem]
	bucket := a.ecosystem + "::" + source.Name
	detail := types.Advisory{VulnerableVersions: []string{a.affected}}
	if a.fixed != "" {
		detail.PatchedVersions = []string{a.fixed}
	}
	return errors.Join(
		config.PutDataSource(tx, bucket, source),
		config.PutAdvisory(tx, []string{bucket, a.pkg}, a.id, detail),
		config.PutVulnerability(tx, a.id, types.Vulnerability{Title: a.title, Severity: a.severity.String(), References: []string{"https://nvd.nist.gov/vuln/detail/" + a.id}}),
		config.PutVulnerabilityID(tx, a.id),
	)
}

func pack(dir, file string) error {
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer out.Close()
	zip := gzip.NewWriter(out)
	archive := tar.NewWriter(zip)
	for _, name := range []string{"trivy.db", "metadata.json"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data))}); err != nil {
			return err
		}
		if _, err := archive.Write(data); err != nil {
			return err
		}
	}
	return errors.Join(archive.Close(), zip.Close(), out.Close())
}
