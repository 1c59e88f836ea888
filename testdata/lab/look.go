package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// looks are the ways in which a page is looked at. Chromium calls the light scheme 1 and the dark one 0.
var looks = []struct{ name, size, scheme string }{
	{"wide-light", "1280,900", "1"},
	{"wide-dark", "1280,900", "0"},
	{"narrow-light", "360,800", "1"},
	{"narrow-dark", "360,800", "0"},
}

// look opens a page in a real browser, writes pictures of it and fails if it had something to say on its console.
func (l *lab) look(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return errors.New("look needs a page and a folder for the pictures: look FILE.html DIR")
	}
	if _, err := exec.LookPath("chromium"); err != nil {
		if err := l.installPackages(ctx, []string{"chromium"}); err != nil {
			return err
		}
	}
	page, err := filepath.Abs(args[0])
	if err != nil {
		return err
	}
	if _, err := os.Stat(page); err != nil {
		return err
	}
	if err := os.MkdirAll(args[1], 0o755); err != nil {
		return err
	}
	var all []error
	for _, at := range looks {
		picture := filepath.Join(args[1], at.name+".png")
		all = append(all, l.picture(ctx, page, picture, "--window-size="+at.size, "--blink-settings=preferredColorScheme="+at.scheme))
	}
	return errors.Join(all...)
}

// picture runs the browser once, with a profile that is made for it.
func (l *lab) picture(ctx context.Context, page, picture string, options ...string) error {
	profile, err := os.MkdirTemp("", "slipway-look-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(profile)
	args := append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr", "--v=0",
		"--user-data-dir=" + profile, "--screenshot=" + picture,
	}, options...)
	log := "look-" + strings.TrimSuffix(filepath.Base(picture), ".png")
	address := url.URL{Scheme: "file", Path: page}
	if err := l.runJob(ctx, job{log: log, args: append(append([]string{"chromium"}, args...), address.String())}); err != nil {
		return err
	}
	return console(l.path("logs", log+".log"), picture)
}

// console finds what a page has printed in the browser's log.
func console(log, picture string) error {
	f, err := os.Open(log)
	if err != nil {
		return err
	}
	defer f.Close()
	var said []error
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "CONSOLE") {
			said = append(said, fmt.Errorf("%s: %s", picture, lines.Text()))
		}
	}
	return errors.Join(append(said, lines.Err())...)
}
