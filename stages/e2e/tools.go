package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// tools is the setting toolImages for the lab, whose registry has the tools under their tags, with digests of its own. Empty
// where the engine pulls from the registries that everybody has: Slipway's own pins are tried there.
func tools() string { return os.Getenv("SLIPWAY_LAB_TOOLS") }

// toolsWith is the same with another image for one of them.
func toolsWith(t testing.TB, name, image string) string {
	t.Helper()
	all := []string{name + "=" + image}
	for tool := range strings.SplitSeq(tools(), ",") {
		if !strings.HasPrefix(tool, name+"=") {
			all = append(all, tool)
		}
	}
	return strings.Join(all, ",")
}

// callLab is dagger, which gives every call of Slipway the lab's tools. What the call says of its own comes later, and wins.
const callLab = `#!/bin/sh
for argument do
	shift
	set -- "$@" "$argument"
	if [ "$argument" = call ] && [ -z "${called:-}" ]; then
		called=yes
		set -- "$@" "--tool-images=$SLIPWAY_LAB_TOOLS"
	fi
done
exec "$SLIPWAY_LAB_DAGGER" "$@"
`

// useLab puts it before the real one: tests call dagger themselves, and in lines of the README that they run as they stand.
var useLab = sync.OnceValue(func() error {
	real, err := exec.LookPath("dagger")
	if err != nil || tools() == "" {
		return nil // without an engine the tests say so themselves
	}
	dir, err := os.MkdirTemp("", "slipway-dagger-")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "dagger"), []byte(callLab), 0o755); err != nil {
		return err
	}
	os.Setenv("SLIPWAY_LAB_DAGGER", real)
	os.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	return nil
})
