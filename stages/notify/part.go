package notify

import (
	"net/url"
	"regexp"
	"slices"

	"dagger/slipway/stages/redact"
)

// part is a piece of a message: one of these, which every service shows in its own way.
type part struct {
	text  string // a paragraph
	facts []fact
	links []link
	notes []string // small print
}

type fact struct{ name, value string }

// link has a label of our own, and an address that was checked.
type link struct{ label, address string }

func paragraph(s string) part { return part{text: s} }

func facts(all ...fact) []part {
	all = slices.DeleteFunc(all, func(f fact) bool { return redact.OneLine(f.value) == "" })
	if len(all) == 0 {
		return nil
	}
	return []part{{facts: all}}
}

func notes(all ...string) []part {
	all = slices.DeleteFunc(all, func(s string) bool { return redact.OneLine(s) == "" })
	if len(all) == 0 {
		return nil
	}
	return []part{{notes: all}}
}

func links(all ...link) []part {
	var checked []link
	for _, l := range all {
		if address := safe(l.address); address != "" {
			checked = append(checked, link{l.label, address})
		}
	}
	if checked == nil {
		return nil
	}
	return []part{{links: checked}}
}

// plainHost leaves out the punctuation that a URL may have in its host.
var plainHost = regexp.MustCompile(`^[\p{L}\p{N}._:\[\]-]+$`)

// safe is an address without user information and with everything else encoded, or nothing if it is none.
func safe(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || !plainHost.MatchString(u.Host) {
		return ""
	}
	u.User = nil
	u.RawQuery = u.Query().Encode() // the parts of a URL other than this are encoded by String
	if size(entities.Replace(u.String())) > maxAddress {
		return ""
	}
	return u.String()
}

// maxAddress keeps all links of a message within one section of Slack's.
const maxAddress = 1000
