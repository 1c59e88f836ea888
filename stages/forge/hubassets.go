package forge

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
)

func (h hub) Assets(ctx context.Context, r Release) ([]Asset, error) {
	found, err := all[hubAsset](ctx, h.client, call{
		what: "read the assets of release " + r.Tag, right: toRead,
		url: fmt.Sprintf("%s/releases/%d/assets", h.base, r.ID), query: h.list(),
	})
	assets := make([]Asset, len(found))
	for i, a := range found {
		assets[i] = h.asset(a)
	}
	return assets, err
}

func (h hub) DownloadAsset(ctx context.Context, a Asset) ([]byte, error) {
	got, err := h.send(ctx, call{
		what: "download the asset " + a.Name, right: toRead, url: a.download, accept: "application/octet-stream",
	})
	return got.body, err
}

// upload attaches the file with post, unless it is there already, and reads it back (P1).
func (h hub) upload(ctx context.Context, r Release, f File, post func() error) (Asset, error) {
	there, err := h.settle(ctx, r, f)
	if err != nil || there.Name != "" {
		return there.Asset, err
	}
	err = h.create(ctx, post, func() (bool, error) {
		there, err := h.settle(ctx, r, f)
		return there.same, err
	})
	if err != nil {
		return Asset{}, err
	}
	there, err = h.settle(ctx, r, f)
	if err == nil && !there.same {
		err = fmt.Errorf("the asset %s of release %s was uploaded, but reading it back gave something else: run again",
			f.Name, r.Tag)
	}
	return there.Asset, err
}

// comparedAsset is an asset with a file's name, and whether it has its content.
type comparedAsset struct {
	Asset
	same bool
}

// settle returns the asset with the file's name that stays, without a name if there is none. From a draft it removes what
// has not the file's content, from a published release only what broke off.
func (h hub) settle(ctx context.Context, r Release, f File) (stays comparedAsset, err error) {
	assets, err := h.Assets(ctx, r)
	if err != nil {
		return comparedAsset{}, err
	}
	for _, a := range assets {
		if a.Name != f.Name {
			continue
		}
		same, err := h.holds(ctx, a, f)
		if err != nil {
			return comparedAsset{}, err
		}
		published := !r.Draft && !a.partial
		switch {
		case same && !stays.same, published && stays.Name == "":
			stays = comparedAsset{a, same}
		case published:
		default:
			if err := h.deleteAsset(ctx, r, a); err != nil {
				return comparedAsset{}, err
			}
		}
	}
	return stays, nil
}

// holds compares by the forge's digest if it has one, else by the content.
func (h hub) holds(ctx context.Context, a Asset, f File) (bool, error) {
	if a.partial || a.Size != int64(len(f.Data)) {
		return false, nil
	}
	if a.digest != "" {
		return a.digest == f.digest(), nil
	}
	data, err := h.DownloadAsset(ctx, a)
	return bytes.Equal(data, f.Data), err
}

func (f File) digest() string {
	sum := sha256.Sum256(f.Data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func (h hub) deleteAsset(ctx context.Context, r Release, a Asset) error {
	at := fmt.Sprintf("%s/releases/assets/%d", h.base, a.ID)
	if h.repo.Kind == Gitea {
		at = fmt.Sprintf("%s/releases/%d/assets/%d", h.base, r.ID, a.ID)
	}
	_, err := h.send(ctx, call{what: "delete the asset " + a.Name, right: toWrite, method: http.MethodDelete, url: at})
	if statusOf(err) == http.StatusNotFound {
		return nil // A first try whose answer was lost.
	}
	return err
}
