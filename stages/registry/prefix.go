package registry

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

const example = "expected something like ghcr.io/acme or 10.1.2.3:5000"

var (
	hostPattern = regexp.MustCompile(`^(?:\[([0-9a-f:.]+)\]|([a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*))(?::([0-9]{1,5}))?$`)
	pathPattern = regexp.MustCompile(`^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$`)
	// A last label like this makes resolvers read the whole host as an IPv4 address in one of its old spellings.
	numberPattern = regexp.MustCompile(`(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$`)
)

// checkPrefix says in words what is wrong with the place for images. Nothing is repaired.
func checkPrefix(prefix string) error {
	host, path, hasPath := strings.Cut(prefix, "/")
	switch {
	case prefix == "":
		return errors.New("no registry is given: " + example)
	case strings.ContainsAny(prefix, "@?"):
		// Not quoted: what stands there may be a password.
		return errors.New("the registry must not contain user information or a query: " + example +
			", and the credentials as registryUser and registryToken")
	case strings.Contains(prefix, "://"):
		return fmt.Errorf("the registry %q must not start with a scheme: %s", prefix, example)
	case strings.ToLower(prefix) != prefix:
		return fmt.Errorf("the registry %q must be all lower-case", prefix)
	case strings.HasSuffix(prefix, "/"):
		return fmt.Errorf("the registry %q must not end with a slash", prefix)
	case hasPath && !pathPattern.MatchString(path):
		return fmt.Errorf("the registry %q has an invalid path %q: use a-z and 0-9, with single . _ - or / between them",
			prefix, path)
	case !hasPath && (host == "docker.io" || host == "index.docker.io"):
		return fmt.Errorf("the registry %q needs your account: expected something like docker.io/acme", prefix)
	}
	return checkHost(host)
}

// checkHost accepts host, host:port, an IPv4 address and an IPv6 address in brackets.
func checkHost(host string) error {
	parts := hostPattern.FindStringSubmatch(host)
	if parts == nil {
		return fmt.Errorf("the registry host %q is not valid: %s", host, example)
	}
	v6, label, port := parts[1], parts[2], parts[3]
	if n, _ := strconv.Atoi(port); port != "" && (n < 1 || n > 65535) {
		return fmt.Errorf("the registry host %q has no valid port: expected 1 to 65535", host)
	}
	if v6 == "" && label != "localhost" && !strings.ContainsAny(host, ".:") {
		return fmt.Errorf("the registry must start with a host, and %q is none: %s, or docker.io/acme for Docker Hub",
			host, example)
	}
	if v6 != "" || numberPattern.MatchString(label) {
		if ip, err := netip.ParseAddr(v6 + label); err != nil || ip.Is6() != (v6 != "") {
			return fmt.Errorf("the registry host %q is not a valid IP address", host)
		}
	}
	return nil
}

// checkReachable refuses the machine's own loopback, which means another machine inside a function's container.
func checkReachable(prefix string) error {
	host, _, _ := strings.Cut(prefix, "/")
	parts := hostPattern.FindStringSubmatch(host)
	ip, err := netip.ParseAddr(parts[1] + parts[2])
	ip = ip.Unmap()
	local := err == nil && (ip.IsLoopback() || ip.IsUnspecified())
	if !local && parts[2] != "localhost" && !strings.HasSuffix(parts[2], ".localhost") {
		return nil
	}
	return fmt.Errorf("the registry %s is a loopback address, and functions run in containers that have a loopback of "+
		"their own: use an address of that machine which containers can reach, such as its address in the local network",
		host)
}
