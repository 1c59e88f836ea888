package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// unpackCommand is for the peers of bench, which start it in folders of their own.
const unpackCommand = "unpack"

// unpack writes an image of the lab's registry into a new folder: its files as root, the same as
// one layer in layer.tar, and that layer's checksum as sum.
func unpack(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return errors.New("unpack needs an image and a new folder: unpack library/python:3.13-slim DIR")
	}
	ref, dir := args[0], args[1]
	tag, err := name.ParseReference(path.Join(registryHost, ref))
	if err != nil {
		return err
	}
	img, err := remote.Image(tag, remote.WithContext(ctx))
	if err != nil {
		return err
	}
	root := filepath.Join(dir, "root")
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	layer, err := os.Create(filepath.Join(dir, "layer.tar"))
	if err != nil {
		return err
	}
	defer layer.Close()
	files := mutate.Extract(img)
	defer files.Close()
	sum := sha256.New()
	tar := exec.CommandContext(ctx, "tar", "-x", "--numeric-owner", "-C", root)
	tar.Stdin, tar.Stderr = io.TeeReader(files, io.MultiWriter(layer, sum)), os.Stderr
	if err := tar.Run(); err != nil {
		return err
	}
	return errors.Join(layer.Close(), os.WriteFile(filepath.Join(dir, "sum"), []byte(hex.EncodeToString(sum.Sum(nil))), 0o644))
}
