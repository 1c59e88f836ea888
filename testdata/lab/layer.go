package main

import (
	"archive/tar"
	"compress/gzip"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// writeLayer packs a folder, or the changes that overlayfs left in one, as an image layer.
func writeLayer(root, file string) (err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	out, err := os.Create(file + ".tmp")
	if err != nil {
		return err
	}
	defer out.Close()
	zip, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
	if err != nil {
		return err
	}
	w := &layerWriter{tar: tar.NewWriter(zip), root: root, links: map[uint64]string{}}
	if err := filepath.WalkDir(root, w.add); err != nil {
		return err
	}
	for _, c := range []io.Closer{w.tar, zip, out} {
		if err := c.Close(); err != nil {
			return err
		}
	}
	return os.Rename(file+".tmp", file)
}

type layerWriter struct {
	tar   *tar.Writer
	root  string
	links map[uint64]string // inode of a file with several names -> its first name
}

func (w *layerWriter) add(path string, entry fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	name, err := filepath.Rel(w.root, path)
	if err != nil || name == "." {
		return err
	}
	info, err := entry.Info()
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSocket != 0 {
		return nil
	}
	stat := info.Sys().(*syscall.Stat_t)
	if stat.Mode&unix.S_IFMT == unix.S_IFCHR && stat.Rdev == 0 {
		return w.tar.WriteHeader(whiteout(name))
	}
	return w.write(path, name, info, stat)
}

// whiteout is the image format's word for a file that overlayfs has marked as removed.
func whiteout(name string) *tar.Header {
	return &tar.Header{Name: filepath.Join(filepath.Dir(name), ".wh."+filepath.Base(name)), Typeflag: tar.TypeReg, Mode: 0o644}
}

func (w *layerWriter) write(path, name string, info fs.FileInfo, stat *syscall.Stat_t) error {
	link := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		target, err := os.Readlink(path)
		if err != nil {
			return err
		}
		link = target
	}
	header, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return err
	}
	header.Name = name
	header.Uname, header.Gname = "", ""
	if info.IsDir() {
		header.Name += "/"
		if isOpaque(path) {
			if err := w.tar.WriteHeader(&tar.Header{Name: name + "/.wh..wh..opq", Typeflag: tar.TypeReg, Mode: 0o644}); err != nil {
				return err
			}
		}
	}
	if info.Mode().IsRegular() && stat.Nlink > 1 {
		if first, seen := w.links[stat.Ino]; seen {
			header.Typeflag, header.Linkname, header.Size = tar.TypeLink, first, 0
			return w.tar.WriteHeader(header)
		}
		w.links[stat.Ino] = name
	}
	if err := w.tar.WriteHeader(header); err != nil || !info.Mode().IsRegular() {
		return err
	}
	return w.copyFile(path)
}

func (w *layerWriter) copyFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w.tar, f)
	return err
}

// isOpaque tells a folder that hides the one of the same name below.
func isOpaque(path string) bool {
	value := make([]byte, 8)
	n, err := unix.Lgetxattr(path, "trusted.overlay.opaque", value)
	return err == nil && strings.TrimRight(string(value[:n]), "\x00") == "y"
}
