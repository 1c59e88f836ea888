package dockerfile

import "testing"

func TestHasHealthcheck(t *testing.T) {
	for _, c := range []struct {
		name, text, target string
		want               bool
	}{
		{"none", "FROM a\nCMD b", "", false},
		{"one", "FROM a\nHEALTHCHECK --interval=5s CMD curl -f localhost", "", true},
		{"one in JSON", "FROM a\nHEALTHCHECK CMD [\"curl\", \"-f\", \"localhost\"]", "", true},
		{"switched off", "FROM a AS b\nHEALTHCHECK CMD c\nFROM b\nhealthcheck none", "", false},
		{"of the stage below", "FROM a AS b\nHEALTHCHECK CMD c\nFROM b\nCMD d", "", true},
		{"of another stage", "FROM a AS b\nHEALTHCHECK CMD c\nFROM a\nCOPY --from=b /d /d", "", false},
		{"of the target", "FROM a AS b\nHEALTHCHECK CMD c\nFROM a", "b", true},
		{"no target of that name", "FROM a\nHEALTHCHECK CMD c", "b", false},
		{"no Dockerfile", "", "", false},
	} {
		if got := HasHealthcheck([]byte(c.text), c.target); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}
