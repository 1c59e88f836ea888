// Package getter stands in for the downloads, from four clouds, of Trivy's plugins, VEX repositories and Terraform modules.
package getter

import (
	"context"
	"errors"
	"net/http"
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
	return errors.New("the download of " + c.Src + " is left out of the lab's Trivy")
}
