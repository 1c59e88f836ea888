// Package zstd stands in for the reader, written in C, of RPM packages.
package zstd

import (
	"errors"
	"io"
)

type reader struct{}

func NewReader(io.Reader) io.ReadCloser { return reader{} }

func (reader) Read([]byte) (int, error) {
	return 0, errors.New("RPM packages are left out of the lab's Gitea")
}

func (reader) Close() error { return nil }
