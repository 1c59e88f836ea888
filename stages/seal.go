package stages

import (
	_ "embed"

	"dagger/slipway/internal/dagger"
)

// seal cuts a program off from every network, and from what else in its container has one.
//
//go:embed seal.py
var seal string

const (
	trivyPath = "/usr/local/bin/trivy"
	sealPath  = "/slipway/seal.py"
)

// sealed is how every scan is started.
var sealed = []string{"python3", sealPath, trivyPath}

// sealedTrivy is Trivy where a scan runs: it reads what others have written, and its own releases were attacked once. The
// engine gives every container a network, so the program runs in an image that can cut it off. It is on the engine's own
// platform, because an emulator knows nothing of the filter.
func (r *Run) sealedTrivy() *dagger.Container {
	return r.dag.Container().From(r.config.tools["python"]).
		WithMountedFile(trivyPath, r.tool("trivy").File(trivyPath)).
		WithMountedFile(sealPath, r.dag.File("seal.py", seal)).
		WithEntrypoint(sealed)
}
