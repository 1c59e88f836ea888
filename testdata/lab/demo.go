package main

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

const (
	demoVersion = "1.2.3"
	demoPrefix  = registryHost + "/acme"
)

// demo releases the sample application the way a user would, then shows what the registry holds.
func (l *lab) demo(ctx context.Context) error {
	if err := l.up(ctx); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "slipway-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	clone := filepath.Join(dir, "shop")
	if err := l.seed(ctx, "demo-"+time.Now().UTC().Format("20060102-150405"), clone); err != nil {
		return err
	}
	progressf("the sample application is a git repository in %s", clone)
	err = l.inFolder(ctx, clone, "dagger", "call", "-m", l.repo, "--source=.",
		"--registry="+demoPrefix, "--test-services=postgres=postgres:17, redis=redis:8",
		"release", "--version="+demoVersion)
	if err != nil {
		return err
	}
	return showRegistry(ctx)
}

// showRegistry prints every tag of the released images with the digest it points to, as the registry tells them.
func showRegistry(ctx context.Context) error {
	fmt.Printf("\nIn the registry now (http://%s/v2/acme/backend/tags/list):\n", registryHost)
	for _, image := range []string{"backend", "frontend", "arq-worker"} {
		repository, err := name.NewRepository(path.Join(demoPrefix, image))
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
			fmt.Printf("  %s/%s:%-14s %s\n", demoPrefix, image, tag, found.Digest)
		}
	}
	return nil
}
