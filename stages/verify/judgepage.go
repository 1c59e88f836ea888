package verify

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/report"
)

// ReportFile is the report among the files of a release.
const ReportFile = "report.json"

// page is the release on the forge with its files.
func (j *judge) page() {
	page := j.Page.Is
	if page.Release.Tag == "" || page.Release.Draft {
		j.add(Different, "release page", "published", "%s", map[bool]string{true: "a draft", false: "none"}[page.Release.Draft])
		return
	}
	sums, listed := page.Files[forge.ChecksumsFile]
	if !listed {
		j.add(Different, forge.ChecksumsFile, "on the release page", "none")
		return
	}
	j.checksums(sums)
	j.signature()
	j.report()
}

// checksums: the files are those of the list, no more and no less.
func (j *judge) checksums(sums []byte) {
	want := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(sums)); lines.Scan(); {
		sum, name, _ := strings.Cut(lines.Text(), "  ")
		want[name] = sum
	}
	good := 0
	for _, name := range sortedKeys(want) {
		data, there := j.Page.Is.Files[name]
		found := sha256.Sum256(data)
		switch sum := hex.EncodeToString(found[:]); {
		case !there:
			j.add(Different, "file "+name, "sha256 "+short(want[name]), "none")
		case sum != want[name]:
			j.add(Different, "file "+name, "sha256 "+short(want[name]), "%s", short(sum))
		default:
			good++
		}
	}
	for _, name := range sortedKeys(j.Page.Is.Files) {
		if want[name] == "" && name != forge.ChecksumsFile && name != forge.SignatureFile {
			j.add(Different, "file "+name, "a line in "+forge.ChecksumsFile, "none")
		}
	}
	if good > 0 {
		j.add(OK, "files of the release", "as "+forge.ChecksumsFile+" says", "%d of them", good)
	}
}

func (j *judge) signature() {
	what := "signature of " + forge.ChecksumsFile
	_, signed := j.Page.Is.Files[forge.SignatureFile]
	switch {
	case !j.known():
		j.add(NotChecked, what, j.signedBy(), "%s, and %s", map[bool]string{true: "one", false: "none"}[signed], noSigner)
	case !signed:
		j.add(Different, what, j.signedBy(), "none")
	case j.Page.Is.Doubt != nil:
		j.add(Different, what, j.signedBy(), "%v", j.Page.Is.Doubt)
	default:
		j.add(OK, what, j.signedBy(), "%s", forge.SignatureFile)
	}
}

// report: the release says of itself what everybody else says of it.
func (j *judge) report() {
	text, there := j.Page.Is.Files[ReportFile]
	if !there {
		j.add(Different, ReportFile, "on the release page", "none")
		return
	}
	said, err := report.Parse(text)
	if err != nil {
		j.add(Different, ReportFile, "a report", "%v", err)
		return
	}
	j.same("version in "+ReportFile, j.Request.Version.String(), said.Version)
	j.ofCommit("commit in "+ReportFile, said.Commit)
	digests := map[string]string{}
	for _, i := range said.Images {
		digests[i.Name] = i.Digest
	}
	for _, name := range j.Request.Images {
		if want := j.digest(name); want != "" {
			j.same(name+" in "+ReportFile, want, digests[name])
		}
	}
}
