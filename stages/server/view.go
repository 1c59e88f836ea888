package server

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"path"
	"strings"
	"time"
)

// viewScript runs a command in a folder of the same name as the application's that has the release's files, and links to
// everything else: docker compose sees what it will see, and nothing of the application's folder is changed.
const viewScript = `set -eu
umask 077
real=$PWD
temp=$(mktemp -d)
trap 'rm -rf -- "$temp"' EXIT
trap 'exit 1' HUP INT TERM PIPE
tar -xf - -C "$temp"
cd "$temp/$1"
shift
find . -type d -exec sh -c 'real=$1; shift
for folder; do for entry in "$real/$folder"/* "$real/$folder"/.[!.]* "$real/$folder"/..?*; do
	name="$folder/${entry##*/}"
	if test -e "$entry" && test ! -e "$name"; then ln -s -- "$entry" "$name" || exit 1; fi
done; done' sh "$real" {} +
echo "$PWD"
"$@"`

// view is the application's folder as it would be with a release's files.
type view struct {
	files []File
	pins  []byte // the file that pins images; nil before they are known
	root  string // where it was when it was last looked at
}

const viewPins = "images.json"

// ask runs docker compose in the view, and speaks of it as if it were the application's folder.
func (v *view) ask(ctx context.Context, p *project, limit time.Duration, args ...string) (string, error) {
	base := path.Base(p.conn.target.Dir)
	archive, err := v.archive(base)
	if err != nil {
		return "", err
	}
	compose := []string{"docker", "compose", "--project-directory", p.folder, "--file", p.composeFile}
	if v.pins != nil {
		compose = append(compose, "--file", "../"+viewPins)
	}
	compose = append(compose, args...)
	text, err := p.conn.run(ctx, command{args: append([]string{"sh", "-c", viewScript, "sh", base}, compose...), env: p.env, stdin: bytes.NewReader(archive), time: limit})
	v.root, text, _ = strings.Cut(text, "\n")
	if exit := new(exitError); errors.As(err, &exit) {
		exit.program = command{args: compose}.name()
		exit.output = strings.ReplaceAll(strings.TrimPrefix(exit.output, v.root+"\n"), v.root, p.conn.target.Dir)
	}
	return text, err
}

func (v *view) archive(base string) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	files := []File{{Path: viewPins, Text: v.pins}}
	for _, f := range v.files {
		f.Path = base + "/" + f.Path
		files = append(files, f)
	}
	for _, f := range files {
		header := &tar.Header{Name: f.Path, Mode: 0o600, Size: int64(len(f.Text))}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.Text); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}
