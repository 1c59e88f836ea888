// Package html2text stands in for the plain text of mails that Gitea receives.
package html2text

import "errors"

type Options struct{}

func FromString(string, ...Options) (string, error) {
	return "", errors.New("mails are left out of the lab's Gitea")
}
