package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

const demoVersion = "1.2.3"

// demo releases the sample application the way a user would, then shows what the registry and the forge hold and what the
// staging server answers.
func (l *lab) demo(ctx context.Context) error {
	if err := l.up(ctx); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "slipway-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// A name of its own, because a version is released once.
	name := "demo-" + time.Now().UTC().Format("20060102-150405")
	clone, prefix := filepath.Join(dir, "shop"), path.Join(registryHost, name)
	if err := l.seed(ctx, name, clone); err != nil {
		return err
	}
	progressf("the sample application is a git repository in %s", clone)
	known, err := os.ReadFile(l.path("ssh", "known_hosts"))
	if err != nil {
		return err
	}
	site := staging.site(name)
	if err := site.prepare(ctx, l); err != nil {
		return err
	}
	err = l.inFolder(ctx, clone, "dagger", l.call("--source=.", "--registry="+prefix,
		"--staging="+site.setting(), "--ssh-key=file://"+l.path("ssh", "deploy"), "--known-hosts="+string(known), "--health-url="+site.address(),
		"--forge=gitea", "--forge-token=env://SLIPWAY_LAB_GITEA_TOKEN", "--test-services=postgres=postgres:17, redis=redis:8",
		"release", "--version="+demoVersion)...)
	if err != nil {
		return err
	}
	if err := showRegistry(ctx, prefix); err != nil {
		return err
	}
	if err := l.showForge(ctx, name); err != nil {
		return err
	}
	return site.show(ctx)
}

// showForge prints the release as the forge tells it.
func (l *lab) showForge(ctx context.Context, name string) error {
	var release struct {
		URL    string `json:"html_url"`
		Body   string
		Assets []struct{ Name string }
	}
	if err := l.forge().call(ctx, http.MethodGet, "/repos/slipway/"+name+"/releases/tags/v"+demoVersion, nil, &release); err != nil {
		return err
	}
	fmt.Printf("\nOn the forge now (%s):\n", release.URL)
	for _, a := range release.Assets {
		fmt.Printf("  %s\n", a.Name)
	}
	fmt.Printf("\n%s\n", release.Body)
	return nil
}

// showRegistry prints every tag of the released images with the digest it points to, as the registry tells them.
func showRegistry(ctx context.Context, prefix string) error {
	fmt.Printf("\nIn the registry now (http://%s/v2/%s/backend/tags/list):\n", registryHost, path.Base(prefix))
	for _, image := range []string{"backend", "frontend", "arq-worker"} {
		repository, err := name.NewRepository(path.Join(prefix, image))
		if err != nil {
			return err
		}
		tags, err := remote.List(repository, remote.WithContext(ctx))
		if err != nil {
			return err
		}
		for _, tag := range tags {
			found, err := remote.Head(repository.Tag(tag), remote.WithContext(ctx))
			if err != nil {
				return err
			}
			fmt.Printf("  %s/%s:%-14s %s\n", prefix, image, tag, found.Digest)
		}
	}
	return nil
}
