package forge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// ChecksumsFile lists the files of a release in the form that sha256sum --check reads.
const ChecksumsFile = "checksums.txt"

// Attach attaches the files, and at last their checksums. In a draft, what differs is replaced. In a published release, what
// is there by name is kept, because somebody may have it already; so the checksums are those of what is there.
func Attach(ctx context.Context, f Attacher, r Release, files []File) (attached, kept []string, err error) {
	there, err := publishedNames(ctx, f, r)
	if err != nil {
		return nil, nil, err
	}
	var sums strings.Builder
	attach := func(file File) error {
		asset, err := f.UploadAsset(ctx, r, file)
		if err != nil {
			return fmt.Errorf("attaching %s: %w", file.Name, err)
		}
		if slices.Contains(there, file.Name) {
			kept = append(kept, file.Name)
		} else {
			attached = append(attached, file.Name)
		}
		sum, err := checksum(ctx, f, r, asset, file)
		fmt.Fprintf(&sums, "%s  %s\n", sum, file.Name)
		return err
	}
	for _, file := range files {
		if err := attach(file); err != nil {
			return attached, kept, err
		}
	}
	err = attach(File{Name: ChecksumsFile, ContentType: "text/plain", Data: []byte(sums.String())})
	return attached, kept, err
}

// publishedNames are the files that a published release has, none for a draft.
func publishedNames(ctx context.Context, f Attacher, r Release) (names []string, err error) {
	if r.Draft {
		return nil, nil
	}
	assets, err := f.Assets(ctx, r)
	for _, a := range assets {
		if !a.partial {
			names = append(names, a.Name)
		}
	}
	return names, err
}

// checksum is the file's in a draft, where it was attached as it is, and else that of what the release has by its name.
func checksum(ctx context.Context, f Attacher, r Release, a Asset, file File) (string, error) {
	digest := a.digest
	if r.Draft {
		digest = file.digest()
	}
	if sum, ok := strings.CutPrefix(digest, "sha256:"); ok {
		return sum, nil
	}
	data, err := f.DownloadAsset(ctx, a)
	if err != nil {
		return "", fmt.Errorf("reading %s, which is attached already: %w", a.Name, err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}
