package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const suite = "trixie"

// hostPackages are what the lab's programs need on the machine itself.
var hostPackages = []string{"debootstrap", "runc", "iptables", "iproute2", "dnsmasq-base", "containernetworking-plugins", "ca-certificates"}

// forgePackages are what Gitea needs: a C compiler for its database, and git. They are a list of their own, because
// every image is made anew when the one above changes.
var forgePackages = []string{"gcc", "libc6-dev", "git"}

const forgeStep = "install forge packages"

func (l *lab) installPackages(ctx context.Context, packages []string) error {
	for _, args := range [][]string{
		{"apt-get", "update"},
		append([]string{"apt-get", "install", "-y", "--no-install-recommends"}, packages...),
	} {
		if err := l.runJob(ctx, job{log: "apt", args: args}); err != nil {
			return err
		}
	}
	return nil
}

// slimConfig keeps out of the images what none of them needs: documentation and translations, which are a third of a
// minimal root, and the indexes that apt makes of its lists, which are larger than that.
var slimConfig = map[string]string{
	"etc/dpkg/dpkg.cfg.d/slim": "path-exclude /usr/share/doc/*\npath-exclude /usr/share/man/*\npath-exclude /usr/share/locale/*\npath-exclude /usr/share/info/*\nforce-unsafe-io\n",
	"etc/apt/apt.conf.d/slim":  "Dir::Cache::pkgcache \"\";\nDir::Cache::srcpkgcache \"\";\n",
}

// debootstrap makes the root that every image of the lab stands on.
func (l *lab) debootstrap(ctx context.Context) error {
	mirror, err := debianMirror()
	if err != nil {
		return err
	}
	root := l.path("base")
	if err := os.RemoveAll(root); err != nil {
		return err
	}
	for name, text := range slimConfig {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
	}
	args := []string{"debootstrap", "--variant=minbase", "--include=ca-certificates", suite, root, mirror}
	if err := l.runJob(ctx, job{log: "debootstrap", args: args}); err != nil {
		return err
	}
	for _, dir := range []string{"var/cache/apt/archives", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "var/log"} {
		if err := emptyFolder(filepath.Join(root, dir)); err != nil {
			return err
		}
	}
	return copyCABundle(root)
}

// emptyFolder removes what is in a folder and keeps the folder.
func emptyFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

const caBundle = "/etc/ssl/certs/ca-certificates.crt"

// copyCABundle makes the images trust whom the machine trusts; the engine's own folder for
// extra certificates would run two more containers beside every exec.
func copyCABundle(root string) error {
	data, err := os.ReadFile(caBundle)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, caBundle), data, 0o644)
}

// debianMirror reads the mirror that this machine installs from.
func debianMirror() (string, error) {
	files, _ := filepath.Glob("/etc/apt/sources.list.d/*")
	for _, name := range append(files, "/etc/apt/sources.list") {
		f, err := os.Open(name)
		if err != nil {
			continue
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			for _, word := range strings.Fields(lines.Text()) {
				if strings.HasPrefix(word, "http") && strings.HasSuffix(strings.TrimSuffix(word, "/"), "/debian") {
					return word, nil
				}
			}
		}
	}
	return "", errors.New("no Debian mirror in /etc/apt: the lab reads the address of its mirror there; add a deb line for Debian")
}

// chroot runs a script in a copy-on-write view of a root: lower folders below, changes in upper.
// Downloaded packages and lists are shared by all images and stay out of them.
func (l *lab) chroot(ctx context.Context, lower []string, upper, script string) (err error) {
	work, merged := upper+".work", upper+".root"
	for _, dir := range []string{upper, work, merged, l.path("apt/lists/partial"), l.path("apt/archives/partial")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	defer os.RemoveAll(work)
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", strings.Join(lower, ":"), upper, work)
	mounts := []struct{ source, target, kind, options string }{
		{"overlay", "", "overlay", options},
		{"proc", "proc", "proc", ""},
		{"/dev", "dev", "", ""},
		{l.path("apt/lists"), "var/lib/apt/lists", "", ""},
		{l.path("apt/archives"), "var/cache/apt/archives", "", ""},
	}
	for _, m := range mounts {
		target, flags := filepath.Join(merged, m.target), uintptr(0)
		if m.kind == "" {
			flags = unix.MS_BIND
		}
		if err := unix.Mount(m.source, target, m.kind, flags, m.options); err != nil {
			return fmt.Errorf("mount %s on %s: %w", m.source, target, err)
		}
		defer func() {
			if e := unix.Unmount(target, unix.MNT_DETACH); e != nil && err == nil {
				err = fmt.Errorf("unmount %s: %w", target, e)
			}
			if m.target == "" {
				os.Remove(merged)
			}
		}()
	}
	return l.runJob(ctx, job{
		log:  "image-" + filepath.Base(upper),
		env:  []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"},
		args: []string{"chroot", merged, "/bin/sh", "-euxc", script},
	})
}
