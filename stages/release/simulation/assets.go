package simulation

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"dagger/slipway/stages/forge"
)

// Assets implements forge.Attacher.
func (c forgeClient) Assets(ctx context.Context, r forge.Release) (all []forge.Asset, err error) {
	err = c.p.repeated(ctx, request{what: "forge: list the files of " + r.Tag}, func(Kind) error {
		at := c.server().find(r)
		if at == nil {
			return &fault{"404: there is no such release", false}
		}
		all = slices.Clone(at.Assets)
		return nil
	})
	return all, err
}

// UploadAsset implements forge.Attacher.
func (c forgeClient) UploadAsset(ctx context.Context, r forge.Release, f forge.File) (forge.Asset, error) {
	defer c.p.hurry()()
	at, there, err := c.sameAsset(ctx, r, f)
	if err != nil || there {
		return at, err
	}
	err = c.once(ctx, func() error { return c.upload(ctx, r, f) }, func() (bool, error) {
		_, there, err := c.sameAsset(ctx, r, f)
		return there, err
	})
	if err != nil {
		return forge.Asset{}, err
	}
	at, there, err = c.sameAsset(ctx, r, f)
	if err == nil && !there {
		err = fmt.Errorf("the file %s was uploaded, and read back it is another", f.Name)
	}
	return at, err
}

func (c forgeClient) upload(ctx context.Context, r forge.Release, f forge.File) error {
	return c.p.send(ctx, request{what: "forge: upload " + f.Name + " to " + r.Tag, writes: true, guarded: true}, func(Kind) error {
		at := c.server().find(r)
		switch {
		case at == nil:
			return &fault{"404: there is no such release", false}
		case at.Immutable:
			return &fault{"422: the release is immutable", false}
		case at.data[f.Name] != "":
			return &fault{"422: there is a file of this name", false}
		}
		c.server().ids++
		at.data[f.Name] = string(f.Data)
		at.Assets = append(at.Assets, forge.Asset{ID: c.server().ids, Name: f.Name, Size: int64(len(f.Data))})
		return nil
	})
}

// sameAsset finds the file with this content. In a draft, another one of its name makes room.
func (c forgeClient) sameAsset(ctx context.Context, r forge.Release, f forge.File) (forge.Asset, bool, error) {
	all, err := c.Assets(ctx, r)
	if err != nil {
		return forge.Asset{}, false, err
	}
	for _, a := range all {
		if a.Name != f.Name {
			continue
		}
		data, err := c.DownloadAsset(ctx, a)
		if err != nil || string(data) == string(f.Data) {
			return a, err == nil, err
		}
		if !r.Draft {
			return a, true, nil // what is published is not replaced
		}
		return forge.Asset{}, false, c.removeAsset(ctx, r, a)
	}
	return forge.Asset{}, false, nil
}

func (c forgeClient) removeAsset(ctx context.Context, r forge.Release, a forge.Asset) error {
	return c.p.repeated(ctx, request{what: "forge: remove " + a.Name + " of " + r.Tag, writes: true, guarded: true}, func(Kind) error {
		if at := c.server().find(r); at != nil {
			delete(at.data, a.Name)
			at.Assets = slices.DeleteFunc(at.Assets, func(b forge.Asset) bool { return b.ID == a.ID })
		}
		return nil
	})
}

// DownloadAsset implements forge.Attacher.
func (c forgeClient) DownloadAsset(ctx context.Context, a forge.Asset) (data []byte, err error) {
	err = c.p.repeated(ctx, request{what: "forge: download " + a.Name}, func(Kind) error {
		for _, r := range slices.Concat(c.server().releases, slices.Collect(maps.Values(c.server().packages))) {
			if slices.ContainsFunc(r.Assets, func(b forge.Asset) bool { return b.ID == a.ID }) {
				data = []byte(r.data[a.Name])
			}
		}
		return nil
	})
	return data, err
}
