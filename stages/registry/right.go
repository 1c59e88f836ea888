package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"dagger/slipway/stages/retry"
)

// cancelTime is short, because registries throw away an upload that nobody goes on with.
const cancelTime = 10 * time.Second

// CanPush opens an upload, as every push begins, and cancels it, so that credentials that may only read are found before
// anything was built. What the registry's answer leaves open is named in unchecked.
func (c *Client) CanPush(ctx context.Context, image string) (unchecked string, err error) {
	repo, err := c.repository(image)
	if err != nil {
		return "", err
	}
	err = c.tryUpload(ctx, repo)
	var answer *transport.Error
	switch {
	case err == nil:
		return "", nil
	case !errors.As(err, &answer) || retry.Temporary(answer.StatusCode) || forbids(answer):
		return "", c.fail("looking whether "+repo.Name()+" may be pushed", err)
	case absent(err, repo):
		return fmt.Sprintf("whether %s may be pushed: the repository does not exist yet (%s); create it, unless the registry "+
			"does so at the first push", repo.Name(), c.secrets.Replace(answered(answer))), nil
	}
	return fmt.Sprintf("whether %s may be pushed: the registry answered %s to a trial upload", repo.Name(),
		c.secrets.Replace(answered(answer))), nil
}

// forbids recognises a definite no, which some registries give with another status.
func forbids(answer *transport.Error) bool {
	return answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden ||
		slices.ContainsFunc(answer.Errors, func(d transport.Diagnostic) bool {
			return d.Code == transport.DeniedErrorCode || d.Code == transport.UnauthorizedErrorCode
		})
}

// tryUpload makes no use of the library's own check, which knows no context and cancels after the process has ended.
func (c *Client) tryUpload(ctx context.Context, repo name.Repository) error {
	authorized, err := transport.NewWithContext(ctx, repo.Registry, c.auth, c.transport, []string{repo.Scope(transport.PushScope)})
	if err != nil {
		return err
	}
	client := &http.Client{Transport: authorized}
	at := fmt.Sprintf("%s://%s/v2/%s/blobs/uploads/", repo.Scheme(), repo.RegistryStr(), repo.RepositoryStr())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at, http.NoBody)
	if err != nil {
		return err
	}
	opened, err := client.Do(req)
	if err != nil {
		return err
	}
	defer opened.Body.Close()
	if err := transport.CheckError(opened, http.StatusAccepted); err != nil {
		return err
	}
	cancel(ctx, client, opened)
	return nil
}

// cancel leaves it at that when the registry cannot: the upload is empty.
func cancel(ctx context.Context, client *http.Client, opened *http.Response) {
	at, err := opened.Location()
	if err != nil || at.Host != opened.Request.URL.Host {
		return
	}
	ctx, stop := context.WithTimeout(ctx, cancelTime)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, at.String(), nil)
	if err != nil {
		return
	}
	if answer, err := client.Do(req); err == nil {
		_ = answer.Body.Close()
	}
}
