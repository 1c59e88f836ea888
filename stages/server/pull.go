package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// pull gets every image while the old ones still run. It is also the proof that the server may have them: by its own login,
// and only where that is not enough with the credentials of the settings, which may do more than to pull.
func (d *deployment) pull(ctx context.Context) error {
	var login []string
	for _, image := range d.release.Images {
		err := d.conn.pull(ctx, login, image.Ref())
		if login == nil && d.release.Registry.Token != "" && refused(err) {
			if login, err = d.credentials(ctx); err == nil {
				err = d.conn.pull(ctx, login, image.Ref())
			}
		}
		if exit := new(exitError); errors.As(err, &exit) {
			return fmt.Errorf("the server cannot pull %s: %s", image.Ref(), exit.output)
		}
		if err != nil {
			return err
		}
	}
	if _, err := d.next.askWithin(ctx, pullTime, "pull", "--quiet", "--policy", "missing", "--ignore-buildable"); err != nil {
		return err
	}
	return d.next.readExposed(ctx, d.pins)
}

func (c *Conn) pull(ctx context.Context, login []string, ref string) error {
	args := append(append([]string{"docker"}, login...), "pull", "--quiet", ref)
	_, err := c.run(ctx, command{args: args, time: pullTime})
	return err
}

// refusals are what registries say to one who is not logged in, or not as the right one. Some say that there is no image.
var refusals = []string{"denied", "unauthorized", "authentication required", "credentials", "unauthenticated", "forbidden", "docker login", "manifest unknown", "not found"}

// refused tells a registry that has said no from one that was not reached, or a server that is full.
func refused(err error) bool {
	exit := new(exitError)
	return errors.As(err, &exit) && slices.ContainsFunc(refusals, func(sign string) bool {
		return strings.Contains(strings.ToLower(exit.output), sign)
	})
}

// has says whether the server holds an image, so that a rollback does not hang on a registry that is down.
func (c *Conn) has(ctx context.Context, ref string) bool {
	_, err := c.run(ctx, command{args: []string{"docker", "image", "inspect", "--format", "{{.Id}}", ref}})
	return err == nil
}

// secretScript writes into a folder that has to be there: the one of a lock that has ended is gone, and nobody else would
// take away what is written there.
const secretScript = `umask 077 && cat > "$1"`

// credentials are written to the server's memory, and go with the lock.
func (d *deployment) credentials(ctx context.Context) ([]string, error) {
	text, err := d.release.Registry.dockerConfig()
	if err != nil {
		return nil, err
	}
	file := d.hold.temp + "/config.json"
	_, err = d.conn.run(ctx, command{args: []string{"sh", "-c", secretScript, "sh", file}, stdin: bytes.NewReader(text)})
	return []string{"--config", d.hold.temp}, notWritten(file, err)
}
