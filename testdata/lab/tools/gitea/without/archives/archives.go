// Package archives stands in for the formats of `gitea dump`.
package archives

import (
	"context"
	"errors"
	"io"
	"io/fs"
)

type ArchiverAsync interface {
	ArchiveAsync(context.Context, io.Writer, <-chan ArchiveAsyncJob) error
}

type ArchiveAsyncJob struct {
	File   FileInfo
	Result chan<- error
}

type FileInfo struct {
	fs.FileInfo
	NameInArchive string
	Open          func() (fs.File, error)
}

type none struct{}

func (none) ArchiveAsync(context.Context, io.Writer, <-chan ArchiveAsyncJob) error {
	return errors.New("dumps are left out of the lab's Gitea")
}

type (
	Zip               struct{ none }
	Tar               struct{ none }
	CompressedArchive struct {
		none
		Compression, Archival any
	}
)

type Sz struct{}
type Gz struct{}
type Xz struct{}
type Bz2 struct{}
type Brotli struct{}
type Lz4 struct{}
type Zstd struct{}
