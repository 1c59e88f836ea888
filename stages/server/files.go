package server

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// File is a file of a commit that is, or is to be, in the application's folder.
type File struct {
	Path       string `json:"path"`
	Text       []byte `json:"text"`
	Executable bool   `json:"executable,omitempty"`
	settings   bool   // it is an env_file
}

// Tree reads a commit: the files that it has at the paths or below them, in which "." is all of it.
type Tree func(ctx context.Context, paths []string) ([]File, error)

// state tells one content of a file from another, as stateScript does.
func (f File) state() string {
	state := fmt.Sprintf("%x", sha256.Sum256(f.Text))
	if f.Executable {
		state += "x"
	}
	return state
}

// shippable leaves out what is the server's own whatever the commit has, and git's own files, which no program reads: they
// keep folders that belong to a container, into which we may not write.
func shippable(f File) bool {
	return !slices.Contains([]string{".env", ".gitignore", ".gitkeep", ".gitattributes"}, path.Base(f.Path))
}

// below says whether a path is a folder or lies in it.
func below(folder, file string) bool {
	return folder == "." || file == folder || strings.HasPrefix(file, folder+"/")
}

// contentOf is one short sum of what lies at the paths; empty if nothing does.
func contentOf(files []File, paths []string) string {
	sum, any := sha256.New(), false
	for _, f := range files {
		if slices.ContainsFunc(paths, func(p string) bool { return below(p, f.Path) }) {
			fmt.Fprintf(sum, "%q %s\n", f.Path, f.state())
			any = true
		}
	}
	if !any {
		return ""
	}
	return fmt.Sprintf("%x", sum.Sum(nil))[:16]
}

// byPath sorts files and keeps the first of each path.
func byPath(files []File) []File {
	slices.SortStableFunc(files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	return slices.CompactFunc(files, func(a, b File) bool { return a.Path == b.Path })
}

func statesOf(files []File) map[string]string {
	states := map[string]string{}
	for _, f := range files {
		states[f.Path] = f.state()
	}
	return states
}

// change is what a release does to the files in the application's folder.
type change struct {
	write  []File
	remove []string // that the release before has shipped and this one does not have
	edited []string // that somebody has changed on the server, and that are written over
}

// paths are those that it touches.
func (c change) paths() []string { return slices.Concat(pathsOf(c.write), c.remove) }

func pathsOf(files []File) (paths []string) {
	for _, f := range files {
		paths = append(paths, f.Path)
	}
	return paths
}

// changeOf compares a release's files with those of the release before and with what is there. What nobody has shipped is
// left alone, and so is what the release still names though its commit does not have it any more.
func changeOf(next, before []File, there map[string]string, named []string) (c change) {
	shipped, wanted := statesOf(before), statesOf(next)
	for _, f := range next {
		if there[f.Path] == f.state() {
			continue
		}
		c.write = append(c.write, f)
		if there[f.Path] != "" && there[f.Path] != shipped[f.Path] {
			c.edited = append(c.edited, f.Path)
		}
	}
	for _, p := range slices.Sorted(maps.Keys(shipped)) {
		if wanted[p] == "" && there[p] == shipped[p] && !slices.Contains(named, p) {
			c.remove = append(c.remove, p)
		}
	}
	return c
}

const (
	isFolder = "folder"
	isAbsent = "absent"
)

// stateScript prints a line for each path that it is given: what is there.
const stateScript = `exec xargs -0 sh -c 'for f; do
if test -d "$f"; then echo folder
elif test ! -e "$f"; then echo absent
else sum=$(sha256sum < "$f") || exit 255; test ! -x "$f" && echo "${sum%% *}" || echo "${sum%% *}x"
fi; done' sh`

// states tells what is in the application's folder at each path; what is not there is left out.
func (c *Conn) states(ctx context.Context, paths []string) (map[string]string, error) {
	states := map[string]string{}
	if len(paths) == 0 {
		return states, nil
	}
	text, err := c.run(ctx, command{args: []string{"sh", "-c", stateScript}, stdin: list(paths), time: fileTime})
	if err != nil {
		return nil, err
	}
	lines := strings.Fields(text)
	if len(lines) != len(paths) {
		return nil, fmt.Errorf("sha256sum on the server has answered for %d of %d files", len(lines), len(paths))
	}
	for n, p := range paths {
		switch lines[n] {
		case isFolder:
			return nil, fmt.Errorf("%s is a folder on the server, and a file in the commit: remove the folder there, which Docker makes where a file to mount is missing", p)
		case isAbsent:
		default:
			states[p] = lines[n]
		}
	}
	return states, nil
}

// compare finds what a release would do to the files on the server.
func (c *Conn) compare(ctx context.Context, next, before []File, named []string) (change, error) {
	paths := slices.Concat(pathsOf(next), pathsOf(before))
	slices.Sort(paths)
	there, err := c.states(ctx, slices.Compact(paths))
	if err != nil {
		return change{}, err
	}
	found := changeOf(next, before, there, named)
	return found, c.mayWrite(ctx, found.paths())
}

// folderScript prints the folders of the files on its input that cannot be written to.
const folderScript = `xargs -0 sh -c 'for f; do
folder=$(dirname -- "$f")
while test ! -e "$folder"; do folder=$(dirname -- "$folder"); done
test -w "$folder" || echo "$folder"
done' sh`

// mayWrite looks for folders that are somebody else's: Docker makes what is missing as root.
func (c *Conn) mayWrite(ctx context.Context, files []string) error {
	if len(files) == 0 {
		return nil
	}
	text, err := c.run(ctx, command{args: []string{"sh", "-c", folderScript}, stdin: list(files)})
	if err != nil || text == "" {
		return err
	}
	return fmt.Errorf("%s on %s is no folder that %s may write to, and files of the release belong there: give it to that user with chown", path.Join(c.target.Dir, firstLine(text)), c.target.Host, c.target.User)
}

// list is how xargs -0 is given paths.
func list(paths []string) io.Reader { return strings.NewReader(strings.Join(paths, "\x00") + "\x00") }

// putScript writes as writeScript does, and leaves a file that is there as readable as it was.
const putScript = `umask 022 && mkdir -p -- "$(dirname -- "$1")" &&
{ test ! -e "$1" || { cp -p -- "$1" "$1.part" && chmod u+w -- "$1.part"; }; } && cat > "$1.part" &&
test "$(wc -c < "$1.part")" -eq "$2" && chmod "$3" -- "$1.part" && mv -- "$1.part" "$1"`

// put writes a file of a release. A new one can be read by containers, whichever user they run as.
func (c *Conn) put(ctx context.Context, f File) error {
	executable := "a-x"
	if f.Executable {
		executable = "a+x"
	}
	_, err := c.run(ctx, command{args: []string{"sh", "-c", putScript, "sh", f.Path, strconv.Itoa(len(f.Text)), executable}, stdin: bytes.NewReader(f.Text), time: fileTime})
	return notWritten(f.Path, err)
}

func (c *Conn) remove(ctx context.Context, file string) error {
	_, err := c.run(ctx, command{args: []string{"rm", "-f", "--", file}})
	return err
}
