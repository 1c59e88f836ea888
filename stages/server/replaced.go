package server

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

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
	d.cutOffBefore = true
	return d.putFilesBack(ctx)
}

// putFilesBack undoes place, and does nothing where nothing was placed.
func (d *deployment) putFilesBack(ctx context.Context) error {
	saved, err := d.readReplaced(ctx)
	if err != nil || saved == nil {
		return err
	}
	there, err := d.conn.states(ctx, pathsOf(saved.Files))
	if err != nil {
		return err
	}
	for _, f := range saved.Files {
		if there[f.Path] == f.state() {
			continue // which a full disk would not take
		}
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
