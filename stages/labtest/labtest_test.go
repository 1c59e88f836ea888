package labtest

import (
	"cmp"
	"net"
	"path/filepath"
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

func TestHistories(t *testing.T) {
	tests := []struct{ name, dir, ci, how string }{
		{"set", filepath.Join("a", "b"), "true", ""},
		{"unset", "", "", "skip"},
		{"unset in CI", "", "true", "fatal"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("SLIPWAY_LAB_HISTORIES", test.dir)
			t.Setenv("CI", test.ci)
			s := &stopped{TB: t}
			if got := Histories(s); got != test.dir || s.how != test.how {
				t.Errorf("got %q, %q; want %q, %q", got, s.how, test.dir, test.how)
			}
		})
	}
}

func TestListenForContainers(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	busy := taken.Addr().String()
	tries := portTries
	portTries = 1
	t.Cleanup(func() { portTries = tries })
	tests := []struct {
		name, addresses, ci, how string
		listens                  bool
	}{
		{"the first free one", busy + ",127.0.0.1:0", "true", "", true},
		{"none is free", busy + "," + busy, "", "fatal", false},
		{"unset", "", "", "skip", false},
		{"unset in CI", "", "true", "fatal", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("SLIPWAY_LAB_PROXIES", test.addresses)
			t.Setenv("CI", test.ci)
			s := &stopped{TB: t}
			if got := ListenForContainers(s, "127.0.0.1:1"); (got != nil) != test.listens || s.how != test.how {
				t.Errorf("got %v, %q; want %t, %q", got, s.how, test.listens, test.how)
			}
		})
	}
}
