package forge

import "context"

type Attacher interface {
	Assets(ctx context.Context, r Release) ([]Asset, error)
	UploadAsset(ctx context.Context, r Release, f File) (Asset, error)
	DownloadAsset(ctx context.Context, a Asset) ([]byte, error)
}

const ChecksumsFile = "checksums.txt"

func Attach(ctx context.Context, f Attacher, r Release, files []File) (attached, kept []string, err error) {
	panic(0)
}
