package server

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
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

// replacedFile keeps what a release has written over, until the release is what runs: a run that is killed leaves it behind.
const replacedFile = stateDir + "/replaced.json"

// replaced is what was there before a release's files were.
type replaced struct {
	Version string   `json:"version"` // of the release
	Files   []File   `json:"files"`
	Absent  []string `json:"absent"`
}

// place makes the release's files those of the application's folder. Each is a new file under its old name, so that a
// container keeps the one that it was started with until it is replaced itself.
func (d *deployment) place(ctx context.Context) error {
	c, err := d.conn.compare(ctx, d.files, d.filesBefore, named(d.next.compose, d.files))
	if err != nil {
		return err
	}
	if err := d.saveReplaced(ctx, c); err != nil {
		return err
	}
	name := "write the files"
	if len(c.edited) > 0 {
		name = "replace files changed on the server (" + strings.Join(c.edited, ", ") + ")"
		d.figures = append(d.figures, "files changed on the server are replaced: "+strings.Join(c.edited, ", ")+"; what they were is in "+releaseDir(d.release.Version)+"/replaced.json")
	}
	if err := d.steps(ctx, []step{{name, func(ctx context.Context) error { return d.conn.apply(ctx, c) }}}); err != nil {
		return err
	}
	d.placed = true
	return d.next.loadPinned(ctx)
}

func (c *Conn) apply(ctx context.Context, of change) error {
	for _, f := range of.write {
		if err := c.put(ctx, f); err != nil {
			return err
		}
	}
	for _, p := range of.remove {
		if err := c.remove(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (d *deployment) saveReplaced(ctx context.Context, c change) error {
	saved := replaced{Version: d.release.Version}
	paths := c.paths()
	there, err := d.conn.states(ctx, paths)
	if err != nil {
		return err
	}
	for _, p := range paths {
		if there[p] == "" {
			saved.Absent = append(saved.Absent, p)
			continue
		}
		text, err := d.conn.read(ctx, p)
		if err != nil {
			return err
		}
		saved.Files = append(saved.Files, File{Path: p, Text: []byte(text), Executable: strings.HasSuffix(there[p], "x")})
	}
	text, err := json.Marshal(saved)
	if err != nil {
		return err
	}
	return d.conn.write(ctx, replacedFile, text, "077")
}

// settle says that the files of a version are those that run.
func (d *deployment) settle(ctx context.Context, version string) error {
	_, err := d.conn.run(ctx, command{args: []string{"sh", "-c", `test ! -e "$1" || mv -- "$1" "$2"`, "sh", replacedFile, releaseDir(version) + "/replaced.json"}})
	return err
}

// readReplaced is what is kept there, nil if no release's files are on trial.
func (d *deployment) readReplaced(ctx context.Context) (*replaced, error) {
	text, err := d.conn.read(ctx, replacedFile)
	if err != nil || text == "" {
		return nil, err
	}
	saved := new(replaced)
	if err := json.Unmarshal([]byte(text), saved); err != nil {
		return nil, unreadable(replacedFile)
	}
	return saved, nil
}

// mendFiles ends what a killed run has begun: what it replaced is put back unless its release is what runs.
func (d *deployment) mendFiles(ctx context.Context) error {
	saved, err := d.readReplaced(ctx)
	if err != nil || saved == nil {
		return err
	}
	if current, _ := d.ledger.Current(); current.Version == saved.Version {
		return d.settle(ctx, saved.Version)
	}
	return d.putFilesBack(ctx)
}

// putFilesBack undoes place, and does nothing where nothing was placed.
func (d *deployment) putFilesBack(ctx context.Context) error {
	saved, err := d.readReplaced(ctx)
	if err != nil || saved == nil {
		return err
	}
	for _, f := range saved.Files {
		if err := d.conn.put(ctx, f); err != nil {
			return err
		}
	}
	for _, p := range saved.Absent {
		if err := d.conn.remove(ctx, p); err != nil {
			return err
		}
	}
	d.placed = false
	return d.conn.remove(ctx, replacedFile)
}

func unreadable(file string) error {
	return fmt.Errorf("%s on the server is not what Slipway has written: remove it there", file)
}

// filesFile keeps a release's files beside its compose file.
func filesFile(version string) string { return releaseDir(version) + "/files.json" }

// filesOf are the files that a release was deployed with; an old one knows of its compose file only.
func (c *Conn) filesOf(ctx context.Context, e Entry) ([]File, error) {
	if e.Compose == "" {
		return nil, nil
	}
	text, err := c.read(ctx, filesFile(e.Version))
	if err != nil || text == "" {
		return nil, err
	}
	var files []File
	if err := json.Unmarshal([]byte(text), &files); err != nil {
		return nil, unreadable(filesFile(e.Version))
	}
	return files, nil
}
