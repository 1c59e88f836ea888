package server

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// foundRelease is where it is kept how what ran before the first deployment of ours can be put back.
const foundRelease = "found"

// findRelease is the release of ours that the ledger names, if all is kept that it takes to come back to it.
func (d *deployment) findRelease(ctx context.Context) error {
	current, ok := d.ledger.Current()
	if !ok {
		return nil
	}
	d.before = current
	p := d.conn.project(current.Version, current.Images, current.Compose)
	kept, err := d.conn.read(ctx, p.pinFile())
	if err != nil || kept == "" {
		return err
	}
	d.previous, d.ours = p, true
	if d.filesBefore, err = d.conn.filesOf(ctx, current); err != nil {
		return err
	}
	if err := p.loadPinned(ctx); err != nil {
		return err
	}
	_, err = d.conn.ownProject(ctx, p)
	return err
}

// ownProject are the containers of a project, which nobody else may use: docker compose tells projects by their names alone,
// and would take the containers of another folder's for its own. Nor may the folder run under another name.
func (c *Conn) ownProject(ctx context.Context, p *project) ([]container, error) {
	all, err := c.labelled(ctx, projectLabel)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	own := c.inside(p.folder)
	folders := []string{c.target.Dir, own}
	for _, one := range all {
		folders = append(folders, cmp.Or(one.Config.Labels[folderLabel], own))
	}
	text, err := c.run(ctx, command{args: append([]string{"realpath", "-m", "--"}, folders...)})
	if err != nil {
		return nil, err
	}
	real := strings.Split(strings.TrimSpace(text), "\n")
	if len(real) != len(folders) {
		return nil, fmt.Errorf("realpath on the server has answered for %d of %d folders", len(real), len(folders))
	}
	return among(all, real[0], real[1], real[2:], p.compose.Name)
}

// among finds a project's own containers among all, whose folders are given beside them: those that were started in the
// application's folder, home, or below. Its compose file is in that folder, or below.
func among(all []container, home, folder string, folders []string, name string) (own []container, err error) {
	strays := map[string]bool{}
	for n, c := range all {
		switch is := c.Config.Labels[projectLabel]; {
		case is == name && !below(home, folders[n]):
			return nil, fmt.Errorf("the project %s belongs to the folder %s on the server already, and its containers would be taken for ours: expected another name as the first line of the compose file, such as name: %s-%s",
				name, folders[n], path.Base(path.Dir(home)), path.Base(home))
		case is == name && !c.oneOff():
			own = append(own, c)
		case folders[n] == folder && c.Config.Labels[folderLabel] != "" && c.running():
			strays[is] = true
		}
	}
	if len(own) == 0 && len(strays) > 0 {
		names := slices.Sorted(maps.Keys(strays))
		return nil, fmt.Errorf("what runs in %s on the server is the project %s, and would stay beside %s: expected name: %s as the first line of the compose file, or an empty server",
			folder, strings.Join(names, ", "), name, names[0])
	}
	return own, nil
}

// adopt makes what runs on a server that Slipway has not deployed to before something that can be put back, whoever has
// started it and from which files.
func (d *deployment) adopt(ctx context.Context, there []container) error {
	found, ran, err := d.next.found(there)
	if err != nil || found == nil {
		return err
	}
	pins, err := d.pinFound(ctx, ran)
	if err != nil {
		return err
	}
	text, err := pinText(pins, nil)
	if err != nil {
		return err
	}
	if err := d.conn.write(ctx, found.pinFile(), text, "077"); err != nil {
		return err
	}
	if err := found.loadPinned(ctx); err != nil {
		return found.lost(err)
	}
	found.onlyThese(ran)
	d.previous = found
	if d.before.Version == "" {
		d.before = Entry{Version: foundRelease, Images: pins}
	}
	return nil
}

// found is what runs of a project that no release of ours has started, with its containers; nil if nothing does. What the
// release does not have is none of its business.
func (p *project) found(there []container) (*project, []container, error) {
	ran := slices.DeleteFunc(slices.Clone(there), func(c container) bool { return !c.running() || !p.keeps(c.service()) })
	if len(ran) == 0 {
		return nil, nil, nil // there is nothing to come back to
	}
	found := p.conn.startedFrom(ran)
	if len(found.files) == 0 {
		return nil, nil, fmt.Errorf("it is not known from which compose file %s runs: %s", namesOf(ran)[0], startedAnew)
	}
	return found, ran, nil
}

// lost is a project whose own compose file cannot be read any more.
func (p *project) lost(err error) error {
	return fmt.Errorf("what runs in %s was started from %s, and could not be put back from there (%w): %s", p.conn.target.Dir, p.composeFile, err, startedAnew)
}

// startedAnew is what makes something that runs known.
const startedAnew = "expected its compose file there, as it was; start it from there once more, or stop it for good with docker compose down"

// onlyThese makes what ran, and nothing else, what has to run: somebody may have asked for profiles, or for single services.
func (p *project) onlyThese(ran []container) {
	for name, s := range p.compose.Services {
		s.inactive = len(of(ran, name)) == 0
		p.compose.Services[name] = s
	}
}

// startedFrom is the project as it was started, which its containers tell.
func (c *Conn) startedFrom(there []container) *project {
	p := &project{conn: c, version: foundRelease}
	for _, one := range there {
		labels := one.Config.Labels
		p.name, p.folder = labels[projectLabel], labels[folderLabel]
		p.envFiles = appendNew(p.envFiles, p.folder, labels[envFileLabel])
		p.files = appendNew(p.files, p.folder, labels[filesLabel])
	}
	p.composeFile = strings.Join(p.files, ":")
	return p
}

// appendNew adds the files of a list that are not there yet. Old versions of compose wrote them as they were given.
func appendNew(files []string, folder, list string) []string {
	for _, file := range strings.Split(list, ",") {
		if file != "" && !path.IsAbs(file) {
			file = path.Join(folder, file)
		}
		if file != "" && !slices.Contains(files, file) {
			files = append(files, file)
		}
	}
	return files
}

// foundImage is the name that an image gets by which it is put back.
const foundImage = "slipway-" + foundRelease + ":"

// pinFound gives names of ours to the very images of the services that the release replaces: the tags that they were started
// by may mean something else by now, and one that was built on the server is in no registry.
func (d *deployment) pinFound(ctx context.Context, there []container) (map[string]string, error) {
	pins := map[string]string{}
	for _, c := range there {
		if d.pins[c.service()] == "" {
			continue
		}
		pins[c.service()] = foundImage + shortID(c.Image)
		if _, err := d.conn.run(ctx, command{args: []string{"docker", "tag", c.Image, pins[c.service()]}}); err != nil {
			return nil, err
		}
	}
	return pins, nil
}

// forgetFound takes those names away again, when nobody comes back to them. What is used stays.
func (d *deployment) forgetFound(ctx context.Context) {
	if d.previous == nil || d.ours {
		return
	}
	for _, s := range d.previous.compose.Services {
		if strings.HasPrefix(s.Image, foundImage) {
			_, _ = d.conn.run(ctx, command{args: []string{"docker", "image", "rm", s.Image}})
		}
	}
}

// shortID is the beginning of an image's hash, as Docker shows it.
func shortID(id string) string {
	hash := strings.TrimPrefix(id, "sha256:")
	return hash[:min(12, len(hash))]
}
