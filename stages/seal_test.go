package stages

import (
	"go/ast"
	"os/exec"
	"path"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// reach tries what a program can do to get out, and prints what it got.
const reach = `
import ctypes, os, socket, sys

def tried(name, make):
    try:
        print(name, "open" if make() else "refused")
    except OSError:
        print(name, "refused")

for family in "AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK":
    tried(family, lambda: socket.socket(getattr(socket, family), socket.SOCK_DGRAM))
call = ctypes.CDLL(None).syscall
tried("io_uring", lambda: call(425, 1, 0) >= 0)
tried("x32", lambda: call(0x40000000 | 41, 2, 1, 0) >= 0)
tried("memory", lambda: os.open(f"/proc/{os.getppid()}/mem", os.O_RDWR))
print("file", "open" if os.open(sys.argv[1], os.O_RDONLY) else "refused")
`

// TestSealed: a program that was sealed opens no socket of any kind, and does not get at its neighbours that could; files it
// reads as before.
func TestSealed(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil || runtime.GOOS != "linux" {
		t.Skip("needs python3 on Linux")
	}
	run := func(before ...string) map[string]string {
		t.Helper()
		args := append(before, python, "-c", reach, "seal.py")
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		found := map[string]string{}
		for line := range strings.Lines(string(out)) {
			name, what, _ := strings.Cut(strings.TrimSpace(line), " ")
			found[name] = what
		}
		return found
	}
	if free := run(); free["AF_INET"] != "open" || free["AF_UNIX"] != "open" {
		t.Fatalf("the attempt itself does not work: %v", free)
	}
	got := run(python, "seal.py")
	for _, name := range []string{"AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK", "io_uring", "x32", "memory"} {
		if got[name] != "refused" {
			t.Errorf("%s is %s", name, got[name])
		}
	}
	if got["file"] != "open" {
		t.Error("a file can no longer be read")
	}
	out, err := exec.Command(python, "-c", "import platform, runpy, sys; platform.machine = lambda: 'riscv64'; sys.argv = ['seal.py', 'true']; runpy.run_path('seal.py', run_name='__main__')").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "cannot be cut off from the network on this engine (KeyError('riscv64')), so it is not run") {
		t.Errorf("on a machine that the filter is not made for: %v, %s", err, out)
	}
}

// TestScannersGetNothing: a scanner's container has no secret, no socket and no rights of its own, and Trivy is started
// sealed, except to fetch its database.
func TestScannersGetNothing(t *testing.T) {
	gives := []string{"WithSecretVariable", "WithMountedSecret", "WithRegistryAuth", "WithUnixSocket", "WithServiceBinding",
		"InsecureRootCapabilities", "ExperimentalPrivilegedNesting"}
	// The functions through which the container goes.
	scanners := []string{"trivy", "sealedTrivy", "scanner", "scan", "scanSecrets", "scanConfiguration", "scanTree", "scanLayers", "scanArchive",
		"runTrivy", "scanLocks", "showLocks", "showExport", "execRetried", "withArchives"}
	var seen, started []string
	for _, file := range sources(t, ".")["stages"] {
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !slices.Contains(scanners, f.Name.Name) {
				continue
			}
			seen = append(seen, f.Name.Name)
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.Ident:
					if slices.Contains(gives, n.Name) {
						t.Errorf("%s gives a scanner %s", f.Name.Name, n.Name)
					}
				case *ast.BasicLit:
					if strings.Contains(n.Value, "trivy ") {
						started = append(started, f.Name.Name)
					}
				}
				return true
			})
		}
	}
	slices.Sort(seen)
	slices.Sort(scanners)
	if !slices.Equal(seen, scanners) {
		t.Errorf("looked at %q, expected %q", seen, scanners)
	}
	if !slices.Equal(started, []string{"trivy"}) {
		t.Errorf("Trivy is started in a shell by %q, expected only where its database is fetched", started)
	}
	if !slices.Equal(sealed, []string{"python3", sealPath, trivyPath}) || path.Base(trivyPath) != "trivy" {
		t.Errorf("a scan is started as %q", sealed)
	}
}
