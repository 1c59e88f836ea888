// Package getter stands in for the downloads, from four clouds, of Trivy's plugins, VEX repositories and Terraform modules.
// What it does is the one thing that a scan needs of it: it unpacks the database, which Trivy has fetched by then.
package getter

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
)

type ClientMode uint

const (
	ClientModeInvalid ClientMode = iota
	ClientModeAny
	ClientModeFile
	ClientModeDir
)

type Getter any

type FileGetter struct{ Copy bool }

type HttpGetter struct {
	Netrc  bool
	Client *http.Client
}

var Getters = map[string]Getter{}

type ClientOption func(*Client) error

func WithInsecure() ClientOption { return func(*Client) error { return nil } }

type Client struct {
	Ctx           context.Context
	Src, Dst, Pwd string
	Getters       map[string]Getter
	Mode          ClientMode
	Options       []ClientOption
}

func (c *Client) Get() error {
	if filepath.IsAbs(c.Src) {
		return c.unpack()
	}
	return errors.New("the download of " + c.Src + " is left out of the lab's Trivy")
}

func (c *Client) unpack() error {
	if err := os.MkdirAll(c.Dst, 0o700); err != nil {
		return err
	}
	if out, err := exec.CommandContext(c.Ctx, "tar", "-xf", c.Src, "-C", c.Dst).CombinedOutput(); err != nil {
		return fmt.Errorf("tar: %w: %s", err, out)
	}
	return nil
}
