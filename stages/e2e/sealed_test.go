package e2e

import (
	"fmt"
	"net"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"dagger/slipway/stages/labtest"
)

// spy stands in for Trivy: it connects to the lab's registry whenever it is called, and says whether it could.
const spy = `#!/bin/bash
# %[3]s
(exec 3<>/dev/tcp/%[1]s/%[2]s) 2>/tmp/why && reached=yes
case "$1" in
image) [ "$reached" ] || { cat /tmp/why >&2; exit 1; } ;;
version) echo '{"VulnerabilityDB": {"UpdatedAt": "'"$(date -u +%%FT%%TZ)"'"}}' ;;
*) echo "the registry was reached: ${reached:-no, $(cat /tmp/why)}" >&2; exit 3 ;;
esac
`

// TestScanHasNoNetwork: where the database is fetched Trivy gets to a registry; where it scans it does not.
func TestScanHasNoNetwork(t *testing.T) {
	t.Parallel()
	s, registry := newSmallShop(t), labtest.Registry(t)
	host, port, err := net.SplitHostPort(registry)
	if err != nil {
		t.Fatal(err)
	}
	trivy := imageWith(t, path.Join(NewPrefix(t), "spy"), "python:3.13-slim", "usr/local/bin/trivy", fmt.Sprintf(spy, host, port, time.Now()))
	r := s.Call(t, "--images=", "--tool-images="+toolsWith(t, "trivy", trivy), "scan")
	refused(t, r, "Security Scan error: the scan of the repository did not finish: Trivy ended with exit code 3", "the registry was reached: no, ", "Operation not permitted")
	if strings.Contains(r.Output(), "the registry was reached: yes") {
		t.Error("a scan reached the registry")
	}
}

// imageWith is an image of the lab with one more program.
func imageWith(t *testing.T, to, from, file, text string) string {
	t.Helper()
	source, err := name.ParseReference(path.Join(labtest.Registry(t), "library", from))
	if err != nil {
		t.Fatal(err)
	}
	img, err := remote.Image(source)
	if err != nil {
		t.Fatal(err)
	}
	layer := static.NewLayer(archive(t, map[string]string{file: text}), types.DockerUncompressedLayer)
	if img, err = mutate.AppendLayers(img, layer); err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(to)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img); err != nil {
		t.Fatal(err)
	}
	return ref.Name()
}
