package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const cosignVersion = "v3.1.3"

// cosign makes what only the tests of signatures need, so that no other start of the lab pays for it.
func (l *lab) cosign(ctx context.Context) error {
	unlock, err := l.ready(ctx, l.cosignSteps)
	if err != nil {
		return err
	}
	defer unlock()
	return l.pushImage(ctx, cosignImage)
}

var cosignProgram = program{module: "cosign", packages: []string{"github.com/sigstore/cosign/v3/cmd/cosign"}}

// cosignPath is where the real image has the program.
const cosignPath = "/ko-app/cosign"

// cosignUser is whom it runs as, which an engine looks up in the image.
var cosignUser = map[string]string{
	"passwd": "nonroot:x:65532:65532::/home/nonroot:/sbin/nologin\n",
	"group":  "nonroot:x:65532:\n",
}

var (
	cosignLayer = layer{name: "cosign", fill: (*lab).fillCosign}
	cosignImage = image{ref: "sigstore/cosign/cosign:" + cosignVersion, layers: []string{"cosign"}, config: v1.Config{Entrypoint: []string{cosignPath}, User: "65532"}}
)

func (l *lab) cosignSteps() ([]step, error) {
	steps, err := l.programSteps(cosignProgram)
	if err != nil {
		return nil, err
	}
	mock, err := l.mockFiles()
	if err != nil {
		return nil, err
	}
	return append(steps,
		step{name: "layer " + cosignLayer.name, from: cosignPath + fmt.Sprint(cosignUser), needs: []string{"compile cosign"}, make: func(ctx context.Context) error { return l.makeLayer(ctx, cosignLayer) }},
		step{name: "sigstore mock", from: nodeVersion + fmt.Sprint(mock), make: func(ctx context.Context) error { return l.makeMock(ctx, mock) }},
	), nil
}

func (l *lab) fillCosign(_ context.Context, root string) error {
	etc := filepath.Join(root, "etc")
	if err := os.MkdirAll(etc, 0o755); err != nil {
		return err
	}
	for name, text := range cosignUser {
		if err := os.WriteFile(filepath.Join(etc, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return copyFile(l.path("bin", "cosign"), filepath.Join(root, cosignPath), 0o755)
}

// mockFiles are the imitation of Sigstore, by name.
func (l *lab) mockFiles() (map[string]string, error) {
	files := map[string]string{}
	for _, name := range []string{"package.json", "package-lock.json", "sigstore.js", "token.js"} {
		data, err := os.ReadFile(filepath.Join(l.tool("sigstore"), name))
		if err != nil {
			return nil, err
		}
		files[name] = string(data)
	}
	return files, nil
}

// makeMock installs it beside the Node.js of the lab's images, which is a program of this machine too.
func (l *lab) makeMock(ctx context.Context, files map[string]string) error {
	dir, err := l.mkdir("sigstore")
	if err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	usr := l.path("roots", "node", "usr", "local")
	node := filepath.Join(usr, "bin", "node")
	npm := filepath.Join(usr, "lib", "node_modules", "npm", "bin", "npm-cli.js")
	if err := l.runJob(ctx, job{log: "npm-sigstore", dir: dir, args: []string{node, npm, "ci", "--no-audit", "--no-fund"}}); err != nil {
		return err
	}
	return copyFile(node, filepath.Join(dir, "node"), 0o755)
}
