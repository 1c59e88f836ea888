package report

// Signed is who has signed the images of a release: a key or an identity.
type Signed struct {
	Key      string `json:"key,omitempty"` // SHA-256 of the public key, in base64, as the signatures name it
	Identity string `json:"identity,omitempty"`
	Issuer   string `json:"issuer,omitempty"` // who vouches for the identity
	Check    string `json:"check,omitempty"`  // the command by which anybody sees that
}

// String says who it was.
func (s Signed) String() string {
	if s.Key != "" {
		return "by key sha256:" + s.Key
	}
	return "by " + s.Identity + " (" + s.Issuer + ")"
}
