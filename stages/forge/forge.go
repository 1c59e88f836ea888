// Package forge reads and writes releases, pull requests and issues on GitHub, Gitea (also Forgejo) and GitLab.
//
// Every write can be repeated: what is already there is found and kept. Rule ids in the comments (P1 to P7) are those
// of the release rules, section 6.
package forge

import (
	"context"
	"net/http"
	"time"

	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/retry"
)

// Forge is one repository on a forge. Its methods may be called by several goroutines.
type Forge interface {
	// Capabilities says what this kind of forge can do.
	Capabilities() Capabilities
	// CanRelease checks, without writing, that the token may push the tag and create its release. What could not be
	// looked at is named in unchecked.
	CanRelease(ctx context.Context, tag string) (unchecked string, err error)

	// Releases returns all releases, and the drafts that the token may see.
	Releases(ctx context.Context) ([]Release, error)
	// CreateDraft makes a draft from Tag, Commit, Title, Body and Prerelease. If one is there already, it is returned.
	CreateDraft(ctx context.Context, r Release) (Release, error)
	// AdoptDraft makes a standing draft the one of a release, with what is attached to it.
	AdoptDraft(ctx context.Context, standing, as Release) (Release, error)
	// UpdateRelease writes Title, Body, Prerelease and Latest of a release or draft, and of a draft its Tag and Commit as well.
	UpdateRelease(ctx context.Context, r Release) (Release, error)
	// Publish writes the release and makes it public. Its Git tag must exist, and its assets be uploaded (P1).
	Publish(ctx context.Context, r Release) (Release, error)

	Attacher
	Signer

	// PullRequests returns the merged pull requests that belong to the range, by number.
	PullRequests(ctx context.Context, r Range) ([]changelog.PullRequest, error)
	// Issues returns those of the numbers that are issues, by number. Since is the time before which none of them was closed.
	Issues(ctx context.Context, numbers []int, since time.Time) ([]changelog.Issue, error)
	// OpenPullRequest returns the open pull request from the branch to the base, and makes it if there is none.
	OpenPullRequest(ctx context.Context, p Proposal) (changelog.PullRequest, error)
}

// Attacher is the part of a forge that files are attached through.
type Attacher interface {
	// Assets lists what is attached to a release or draft.
	Assets(ctx context.Context, r Release) ([]Asset, error)
	// UploadAsset attaches a file and reads it back. One with this content is kept; one of the same name with other content
	// is replaced in a draft, and kept and returned in a published release.
	UploadAsset(ctx context.Context, r Release, f File) (Asset, error)
	// DownloadAsset returns the content of an asset that Assets or UploadAsset returned.
	DownloadAsset(ctx context.Context, a Asset) ([]byte, error)
}

// Hider is a forge that may publish a draft by itself.
type Hider interface {
	// Hide reads a draft back, and hides it again if it was published meanwhile.
	Hide(ctx context.Context, draft Release) (Release, error)
}

// KeepHidden makes sure that a draft is one still, on forges where it might not be. It is for the moment before something
// else is shown: nobody is to see a release that is half made.
func KeepHidden(ctx context.Context, f Attacher, r Release) (Release, error) {
	hider, ok := f.(Hider)
	if !ok || !r.Draft {
		return r, nil
	}
	return hider.Hide(ctx, r)
}

// Capabilities are the release features that not every kind of forge has (P6).
type Capabilities struct {
	Drafts, Prerelease, Latest bool
	// Eager is a forge that publishes a draft by itself when its tag is pushed.
	Eager bool
}

// Release is a release, or a draft of one.
type Release struct {
	// ID is the forge's number for it; 0 on GitLab, which knows releases by their tag.
	ID  int64
	Tag string
	// Commit is what the forge says it belongs to: a full hash, or a branch if a person made it.
	Commit      string
	Title, Body string
	Draft       bool
	Prerelease  bool
	// Latest is the mark that GitHub puts on one release. It is written only to a published one.
	Latest bool
	// Immutable is set where GitHub lets nobody change it any more (P5).
	Immutable bool
	// URL is its web page.
	URL    string
	Assets []Asset

	upload string
}

// Asset is a file attached to a release.
type Asset struct {
	ID   int64
	Name string
	Size int64
	// URL is where people download it.
	URL string

	digest   string // sha256:..., empty where the forge keeps none
	partial  bool   // an upload that broke off
	download string
}

// File is an asset to upload.
type File struct {
	Name, ContentType string
	Data              []byte
}

// Proposal is a pull request to open.
type Proposal struct {
	Branch, Base, Title, Body string
}

// New returns the forge of the repository. Without a token only what is public can be read. It makes no request.
func New(repo Repository, token string) Forge {
	return connect(repo, token, &retry.Transport{Base: http.DefaultTransport})
}

// connect is New with the transport given, so that tests need not wait.
func connect(repo Repository, token string, transport *retry.Transport) Forge {
	c := newClient(repo, token, transport)
	switch repo.Kind {
	case GitHub:
		return &gitHub{newHub(c, hubDialect{pageSize: "per_page", page: "100", sort: "updated", tag: "/git/ref/tags/"})}
	case GitLab:
		return &gitLab{c}
	default:
		// 50 is what Gitea allows unless configured otherwise; it cuts a larger number down.
		return &gitea{newHub(c, hubDialect{pageSize: "limit", page: "50", sort: "recentupdate", tag: "/tags/"})}
	}
}
