package labtest

import (
	"cmp"
	"testing"
)

// stopped notes how a helper first tried to end the test.
type stopped struct {
	testing.TB
	how string
}

func (s *stopped) Helper()      {}
func (s *stopped) Skip(...any)  { s.how = cmp.Or(s.how, "skip") }
func (s *stopped) Fatal(...any) { s.how = cmp.Or(s.how, "fatal") }

func TestRegistry(t *testing.T) {
	tests := []struct{ name, address, ci, want, how string }{
		{"set", "10.1.2.3:5000", "", "10.1.2.3:5000", ""},
		{"set in CI", "10.1.2.3:5000", "true", "10.1.2.3:5000", ""},
		{"unset", "", "", "", "skip"},
		{"unset in CI", "", "true", "", "fatal"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("SLIPWAY_LAB_REGISTRY", test.address)
			t.Setenv("CI", test.ci)
			s := &stopped{TB: t}
			if got := Registry(s); got != test.want || s.how != test.how {
				t.Errorf("got %q, %q; want %q, %q", got, s.how, test.want, test.how)
			}
		})
	}
}
