package registry

import (
	"context"
	"net/http"
	"net/url"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// CanPush finds out whether the credentials permit to push an image, by starting an upload and cancelling it. Nothing
// becomes visible, but the request is a writing one: it has no place in a dry run, nor before the gates are green.
func (c *Client) CanPush(ctx context.Context, image string) error {
	repo, err := c.repository(image)
	if err != nil {
		return err
	}
	scopes := []string{repo.Scope(transport.PushScope)}
	authorized, err := transport.NewWithContext(ctx, repo.Registry, c.auth, c.transport, scopes)
	if err != nil {
		return c.fail("asking for permission to push "+repo.Name(), err)
	}
	if err := startUpload(ctx, &http.Client{Transport: authorized}, repo); err != nil {
		return c.fail("starting an upload to "+repo.Name(), err)
	}
	return nil
}

func startUpload(ctx context.Context, client *http.Client, repo name.Repository) error {
	start := url.URL{Scheme: repo.Scheme(), Host: repo.RegistryStr(), Path: "/v2/" + repo.RepositoryStr() + "/blobs/uploads/"}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, start.String(), nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := transport.CheckError(resp, http.StatusAccepted); err != nil {
		return err
	}
	cancelUpload(ctx, client, resp)
	return nil
}

// cancelUpload is a courtesy: registries drop uploads that nobody completes.
func cancelUpload(ctx context.Context, client *http.Client, started *http.Response) {
	upload, err := started.Location()
	if err != nil || upload.Host != started.Request.URL.Host {
		return
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, upload.String(), nil)
	if err != nil {
		return
	}
	if resp, err := client.Do(req); err == nil {
		_ = resp.Body.Close()
	}
}
