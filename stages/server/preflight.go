package server

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Preview is what a deployment would do to a server.
type Preview struct {
	Ledger   Ledger
	Edited   []string          // files that it would replace although somebody has changed them there
	Services map[string]string // the images that it would pin, by service
	Shipped  []string          // files of the commit that go there
	Beside   []string          // services whose new containers start beside the old ones
	Singles  []Single          // services that are stopped before their successors start
	Warnings []string          // what does not keep it from being deployed
}

// Preflight finds out, changing nothing, whether a release could be deployed to a server: docker compose reads its compose
// file there, with the server's own settings, as it will when it is deployed. What the release itself cannot do there is an
// error of type Failure. Without images only the server is looked at.
func Preflight(ctx context.Context, env Environment, release Release) (p Preview, err error) {
	conn, ledger, err := visit(ctx, env)
	if err != nil {
		return p, err
	}
	defer conn.Close()
	p.Ledger = ledger
	if len(release.Images) == 0 {
		return p, nil
	}
	if err = conn.preview(ctx, &p, env, release); err != nil && !errors.Is(err, errLost) {
		err = untouched(err)
	}
	return p, err
}

func (c *Conn) preview(ctx context.Context, p *Preview, env Environment, release Release) error {
	next, err := c.plan(ctx, env, release)
	if err != nil {
		return err
	}
	p.Services, p.Warnings = next.pins, next.compose.warnings(release.Images)
	for _, f := range next.shipped {
		p.Shipped = append(p.Shipped, f.Path)
	}
	before, err := c.before(ctx, p.Ledger, next)
	if err != nil {
		return err
	}
	there, err := c.ownProject(ctx, next.project)
	if err != nil {
		return err
	}
	if err := p.readFound(ctx, next, there); err != nil {
		return err
	}
	p.Beside, p.Singles = next.rolling(env, next.pins, there), next.singles(env, next.pins, there)
	change, err := c.compare(ctx, next.shipped, before, named(next.compose, next.shipped))
	p.Edited = change.edited
	return err
}

// readFound insists that a first deployment leaves what it finds as it has to: settings where they are, and what would be put
// back if it fails such that it can be.
func (p *Preview) readFound(ctx context.Context, next *planned, there []container) error {
	if _, ours := p.Ledger.Current(); ours {
		return nil
	}
	if err := next.spareSettings(ctx); err != nil {
		return err
	}
	found, _, err := next.found(there)
	if err != nil || found == nil {
		return err
	}
	if err := found.load(ctx); err != nil {
		return found.lost(err)
	}
	return nil
}

// planned is a release as it will be on the server, which has nothing of it yet.
type planned struct {
	*project
	shipped []File // of the commit: the compose file, and what it reads and mounts
	pins    map[string]string
}

// plan has docker compose read a release, finds what of the commit belongs to it, and pins its images.
func (c *Conn) plan(ctx context.Context, env Environment, release Release) (*planned, error) {
	read, err := release.readBy(ctx, env.ComposeFile)
	if err != nil {
		return nil, err
	}
	p := &planned{project: c.project(release.Version, release.refs(), env.ComposeFile)}
	p.view = &view{files: read}
	if err := p.load(ctx); err != nil {
		return nil, err
	}
	if err := p.compose.refusal(release.Images); err != nil {
		return nil, err
	}
	if p.pins, err = p.compose.pin(release.Images); err != nil {
		return nil, err
	}
	if err := env.checkMigration(p.compose, p.pins); err != nil {
		return nil, err
	}
	if err := c.hasExternal(ctx, env, p.compose); err != nil {
		return nil, err
	}
	p.shipped = read
	if sources := p.compose.sources(); len(sources) > 0 {
		mounted, err := release.Tree(ctx, sources)
		if err != nil {
			return nil, err
		}
		p.shipped = byPath(slices.Concat(read, slices.DeleteFunc(mounted, func(f File) bool { return !shippable(f) })))
	}
	p.view.pins, err = pinText(p.pins, p.compose.contents(p.shipped))
	return p, err
}

// spareSettings keeps a first deployment from putting what the commit shows to everybody in the place of settings and secrets
// that somebody has written on the server: with others, the application would run and look healthy.
func (p *planned) spareSettings(ctx context.Context) error {
	secrets := map[string]bool{}
	for _, s := range p.compose.Secrets {
		secrets[s.File] = true
	}
	own := slices.DeleteFunc(slices.Clone(p.shipped), func(f File) bool { return !f.settings && !secrets[f.Path] })
	there, err := p.conn.states(ctx, pathsOf(own))
	if err != nil {
		return err
	}
	differ := pathsOf(slices.DeleteFunc(own, func(f File) bool {
		f.Executable = strings.HasSuffix(there[f.Path], "x") // which no settings depend on
		return there[f.Path] == "" || there[f.Path] == f.state()
	}))
	if len(differ) == 0 {
		return nil
	}
	return fmt.Errorf("%s on %s differs from the commit, and a first deployment does not write over settings: give the server the text of the commit if that is the newer one, or take it out of the repository (git rm --cached %s), and the server keeps its own",
		strings.Join(differ, ", "), p.conn.target.Host, strings.Join(differ, " "))
}

// hasExternal insists on what compose expects somebody else to have made. On a throw-away server nobody could have.
func (c *Conn) hasExternal(ctx context.Context, env Environment, a compose) error {
	networks, volumes := a.external()
	for kind, names := range map[string][]string{"network": networks, "volume": volumes} {
		for _, name := range names {
			_, err := c.run(ctx, command{args: []string{"docker", kind, "inspect", "--format", "{{.Name}}", name}})
			missing := errors.As(err, new(*exitError))
			if missing && env.Throwaway {
				_, err = c.run(ctx, command{args: []string{"docker", kind, "create", name}})
			} else if missing {
				return fmt.Errorf("the compose file expects the external %s %s, and it is not on %s: make it there with docker %s create %s", kind, name, c.target.Host, kind, name)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// before are the files of what runs, which has to be the same project: another name means other containers and volumes.
func (c *Conn) before(ctx context.Context, ledger Ledger, next *planned) ([]File, error) {
	current, ok := ledger.Current()
	if !ok {
		return nil, nil
	}
	p := c.project(current.Version, current.Images, current.Compose)
	if kept, err := c.read(ctx, p.pinFile()); err != nil || kept == "" {
		return nil, err
	}
	if err := p.loadPinned(ctx); err != nil {
		return nil, err
	}
	if err := p.sameName(next.project); err != nil {
		return nil, err
	}
	return c.filesOf(ctx, current)
}

func (p *project) sameName(next *project) error {
	if p.compose.Name == next.compose.Name {
		return nil
	}
	return fmt.Errorf("the project is called %s on the server and would be called %s, with other containers and volumes: expected name: %s as the first line of %s",
		p.compose.Name, next.compose.Name, p.compose.Name, path.Clean(next.composeFile))
}
