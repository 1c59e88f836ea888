package labtest

import "testing"

func TestGitea(t *testing.T) {
	tests := []struct{ name, address, token, ci, want, how string }{
		{"set", "http://10.1.2.3:3000/", "secret", "", "http://10.1.2.3:3000", ""},
		{"set in CI", "http://10.1.2.3:3000", "secret", "true", "http://10.1.2.3:3000", ""},
		{"unset", "", "", "", "", "skip"},
		{"without a token", "http://10.1.2.3:3000", "", "", "http://10.1.2.3:3000", "skip"},
		{"unset in CI", "", "", "true", "", "fatal"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("SLIPWAY_LAB_GITEA", test.address)
			t.Setenv("SLIPWAY_LAB_GITEA_TOKEN", test.token)
			t.Setenv("CI", test.ci)
			s := &stopped{TB: t}
			if url, token := Gitea(s); url != test.want || token != test.token || s.how != test.how {
				t.Errorf("got %q, %q, %q; want %q, %q, %q", url, token, s.how, test.want, test.token, test.how)
			}
		})
	}
}
