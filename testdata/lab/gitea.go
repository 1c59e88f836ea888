package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

const (
	giteaURL    = "http://" + gitAddress
	giteaModule = "code.gitea.io/gitea"
	giteaAdmin  = "slipway"
)

var giteaService = service{
	name:  "gitea",
	where: giteaURL,
	run: func(l *lab) (*exec.Cmd, error) {
		if err := l.layOutGitea(); err != nil {
			return nil, err
		}
		return exec.Command(l.path("bin", "gitea"), "--config", l.path("gitea", "app.ini"), "web"), nil
	},
	ready: func(ctx context.Context, _ *lab) error {
		return forge{url: giteaURL}.call(ctx, http.MethodGet, "/version", nil, nil)
	},
}

// giteaConfig makes Gitea run as root: root's home, where the lab's folder is by default, is closed to every other
// user. Nobody can register, and the address is this machine's own.
const giteaConfig = `APP_NAME = Slipway lab
RUN_USER = root
RUN_MODE = prod
WORK_PATH = %[1]s
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true

[server]
PROTOCOL = http
HTTP_ADDR = %[2]s
HTTP_PORT = %[3]s
ROOT_URL = %[4]s/
STATIC_ROOT_PATH = %[5]s
OFFLINE_MODE = true
DISABLE_SSH = true
LFS_START_SERVER = false

[database]
DB_TYPE = sqlite3
PATH = %[1]s/gitea.db
SQLITE_JOURNAL_MODE = WAL

[repository]
ROOT = %[1]s/repositories
DEFAULT_BRANCH = main

[security]
INSTALL_LOCK = true
SECRET_KEY_URI = file:%[1]s/SECRET_KEY
INTERNAL_TOKEN_URI = file:%[1]s/INTERNAL_TOKEN
PASSWORD_HASH_ALGO = pbkdf2$1000$32

[oauth2]
JWT_SECRET_URI = file:%[1]s/JWT_SECRET

[service]
DISABLE_REGISTRATION = true
DEFAULT_KEEP_EMAIL_PRIVATE = false

[indexer]
ISSUE_INDEXER_TYPE = db

[queue]
TYPE = channel

[session]
PROVIDER = memory

[cron]
ENABLED = false

[actions]
ENABLED = false

[log]
MODE = console
LEVEL = warn
`

// layOutGitea writes the configuration anew, because Go's module cache may have moved, and keeps the secrets.
func (l *lab) layOutGitea() error {
	dir, err := l.mkdir("gitea")
	if err != nil {
		return err
	}
	for _, name := range []string{"SECRET_KEY", "INTERNAL_TOKEN", "JWT_SECRET"} {
		if err := l.ensureSecret(name); err != nil {
			return err
		}
	}
	static, err := l.moduleDir("gitea", giteaModule)
	if err != nil {
		return err
	}
	host, port, _ := strings.Cut(gitAddress, ":")
	config := fmt.Appendf(nil, giteaConfig, dir, host, port, giteaURL, static)
	return writePrivate(filepath.Join(dir, "app.ini"), config)
}

func (l *lab) ensureSecret(name string) error {
	file := l.path("gitea", name)
	if isFile(file) {
		return nil
	}
	secret, err := output(exec.Command(l.path("bin", "gitea"), "generate", "secret", name))
	if err != nil {
		return fmt.Errorf("gitea generate secret %s: %w", name, err)
	}
	return writePrivate(file, []byte(secret))
}

// writePrivate writes a file for root only, moved in so that an interrupt leaves none half written.
func writePrivate(file string, data []byte) error {
	if err := os.WriteFile(file+".tmp", data, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".tmp", file)
}

// setUpGitea makes what is missing of the administrator, the lab's token and the contributors.
func (l *lab) setUpGitea(ctx context.Context) error {
	if err := l.ensureAdmin(ctx); err != nil {
		return err
	}
	if err := l.ensureToken(ctx); err != nil {
		return err
	}
	h, err := readHistory()
	if err != nil {
		return err
	}
	for user := range h.Authors {
		if err := l.forge().ensureUser(ctx, h, user); err != nil {
			return fmt.Errorf("create the user %s: %w", user, err)
		}
	}
	return nil
}

func (l *lab) ensureAdmin(ctx context.Context) error {
	found, err := forge{url: giteaURL}.hasUser(ctx, giteaAdmin)
	if found || err != nil {
		return err
	}
	_, err = l.giteaUsers(ctx, "create", "--admin", "--username", giteaAdmin, "--fullname", "Slipway",
		"--email", giteaAdmin+"@example.com", "--random-password", "--must-change-password=false")
	return err
}

// ensureToken replaces a token that is gone or that Gitea does not take.
func (l *lab) ensureToken(ctx context.Context) error {
	if l.forge().call(ctx, http.MethodGet, "/user", nil, nil) == nil {
		return nil
	}
	// Gitea keeps the name of every token it has given out, and wants a new one.
	name := "lab-" + time.Now().UTC().Format("20060102T150405.000")
	out, err := l.giteaUsers(ctx, "generate-access-token", "--username", giteaAdmin, "--token-name", name, "--scopes", "all", "--raw")
	if err != nil {
		return err
	}
	token := tokenPattern.FindString(out) // before or behind it stand Gitea's words on running as root
	if token == "" {
		return errors.New("gitea printed no token")
	}
	return writePrivate(l.path("gitea", "token"), []byte(token))
}

// giteaUsers runs a command on Gitea's users; its output may be a secret and goes into no log.
func (l *lab) giteaUsers(ctx context.Context, args ...string) (string, error) {
	args = append([]string{"--config", l.path("gitea", "app.ini"), "admin", "user"}, args...)
	out, err := output(exec.CommandContext(ctx, l.path("bin", "gitea"), args...))
	if err != nil {
		err = fmt.Errorf("gitea admin user %s: %w", args[4], err)
	}
	return out, err
}

// tokenPattern is a line that is a token.
var tokenPattern = regexp.MustCompile(`(?m)^[0-9a-f]{40}$`)

// giteaToken is empty until up has made one.
func (l *lab) giteaToken() string {
	token, _ := os.ReadFile(l.path("gitea", "token"))
	return string(token)
}

// A forge speaks to Gitea's API, if told so in the name of another user.
type forge struct {
	url, token, user string
}

func (l *lab) forge() forge { return forge{url: giteaURL, token: l.giteaToken()} }

func (f forge) as(user string) forge {
	f.user = user
	return f
}

// A statusError is an answer that is no success.
type statusError struct {
	code int
	text string
}

func (e *statusError) Error() string { return e.text }

func hasStatus(err error, code int) bool {
	e := new(statusError)
	return errors.As(err, &e) && e.code == code
}

// call sends a value as JSON and reads the answer into result, either of which may be nil.
func (f forge) call(ctx context.Context, method, path string, value, result any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, f.url+"/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if f.token != "" {
		request.Header.Set("Authorization", "token "+f.token)
	}
	if f.user != "" {
		request.Header.Set("Sudo", f.user)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= 300 {
		return &statusError{response.StatusCode, fmt.Sprintf("%s %s: %s: %s", method, path, response.Status, bytes.TrimSpace(text))}
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(text, result)
}

func (f forge) hasUser(ctx context.Context, name string) (bool, error) {
	err := f.call(ctx, http.MethodGet, "/users/"+name, nil, nil)
	if hasStatus(err, http.StatusNotFound) {
		return false, nil
	}
	return err == nil, err
}

// ensureUser makes an account for a contributor, so that Gitea knows whose the commits are. Nobody signs in with its
// password: the lab's token acts for everybody.
func (f forge) ensureUser(ctx context.Context, h history, user string) error {
	found, err := f.hasUser(ctx, user)
	if found || err != nil {
		return err
	}
	name, email := h.person(user)
	return f.call(ctx, http.MethodPost, "/admin/users", map[string]any{
		"username": user, "full_name": name, "email": email, "password": rand.Text(), "must_change_password": false,
	}, nil)
}
