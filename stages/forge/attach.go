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

// SignatureFile is a Sigstore bundle that signs the checksums, and by them all files of a release.
const SignatureFile = ChecksumsFile + ".sigstore.json"

// Signing signs a file, and returns the bundle.
type Signing func(ctx context.Context, name string, data []byte) (bundle []byte, err error)

// Attach attaches the files, and at last their checksums with what signs them. In a draft, what differs is replaced. In a
// published release, what is there by name is kept, because somebody may have it already; so the checksums are those of what
// is there, and the signature is of the checksums that are there. Without sign, nothing is signed.
func Attach(ctx context.Context, f Attacher, r Release, files []File, sign Signing) (attached, kept []string, err error) {
	there, err := publishedNames(ctx, f, r)
	if err != nil {
		return nil, nil, err
	}
	a := attacher{Attacher: f, release: r, there: there}
	var sums strings.Builder
	for _, file := range files {
		sum, err := a.attach(ctx, file)
		if err != nil {
			return a.attached, a.kept, err
		}
		fmt.Fprintf(&sums, "%s  %s\n", sum, file.Name)
	}
	err = a.attachSums(ctx, File{Name: ChecksumsFile, ContentType: "text/plain", Data: []byte(sums.String())}, sign)
	return a.attached, a.kept, err
}

// attacher attaches to one release, and keeps what it has done.
type attacher struct {
	Attacher
	release        Release
	there          []string // in a published release
	attached, kept []string
}

func (a *attacher) upload(ctx context.Context, file File) (Asset, error) {
	asset, err := a.UploadAsset(ctx, a.release, file)
	if err != nil {
		return asset, fmt.Errorf("attaching %s: %w", file.Name, err)
	}
	if slices.Contains(a.there, file.Name) {
		a.kept = append(a.kept, file.Name)
	} else {
		a.attached = append(a.attached, file.Name)
	}
	return asset, nil
}

func (a *attacher) attach(ctx context.Context, file File) (sum string, err error) {
	asset, err := a.upload(ctx, file)
	if err != nil {
		return "", err
	}
	return checksum(ctx, a, a.release, asset, file)
}

func (a *attacher) attachSums(ctx context.Context, sums File, sign Signing) error {
	asset, err := a.upload(ctx, sums)
	if err != nil || sign == nil {
		return err
	}
	if slices.Contains(a.there, SignatureFile) {
		a.kept = append(a.kept, SignatureFile)
		return nil
	}
	if slices.Contains(a.there, sums.Name) {
		if sums.Data, err = a.DownloadAsset(ctx, asset); err != nil {
			return fmt.Errorf("reading %s, which is attached already: %w", sums.Name, err)
		}
	}
	bundle, err := sign(ctx, sums.Name, sums.Data)
	if err != nil {
		return err
	}
	_, err = a.upload(ctx, File{Name: SignatureFile, ContentType: "application/json", Data: bundle})
	return err
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
