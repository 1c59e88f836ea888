package version

import "testing"

func TestPEP440(t *testing.T) {
	for semantic, python := range map[string]string{
		"1.2.3": "1.2.3", "1.3.0-alpha.1": "1.3.0a1", "1.3.0-beta.22": "1.3.0b22", "1.3.0-rc.1": "1.3.0rc1",
		"1.3.0-dev.4": "1.3.0.dev4", "1.3.0-rc.0": "1.3.0rc0",
		"1.3.0-rc.18446744073709551615": "1.3.0rc18446744073709551615",
	} {
		t.Run(semantic, func(t *testing.T) {
			v := must(t, semantic)
			if got, err := v.PEP440(); err != nil || got != python {
				t.Errorf("got %q, %v, want %q", got, err, python)
			}
			if back, ok := FromPEP440(python); !ok || back != v {
				t.Errorf("%q came back as %q", python, back)
			}
		})
	}
}

func TestPEP440Refuses(t *testing.T) {
	for _, pre := range []string{
		"1", "hotfix.1", "rc1", "rc-1", "RC.1", "rc", "rc.x", "rc.1.2", "rc.1-2", "a.1", "b.1", "c.1", "post.1", "alpha.-1", "rc.-",
	} {
		t.Run(pre, func(t *testing.T) {
			got, err := must(t, "1.3.0-"+pre).PEP440()
			want := `version "1.3.0-` + pre + `" has no Python form (PEP 440): expected the prerelease to be alpha.N, ` +
				`beta.N, rc.N or dev.N, found "` + pre + `"; pass one like 1.3.0-rc.1`
			if got != "" || err == nil || err.Error() != want {
				t.Errorf("got %q, %v\nwant %s", got, err, want)
			}
		})
	}
}

func TestFromPEP440(t *testing.T) {
	for python, want := range map[string]string{
		"1.2.3": "1.2.3", "v1.2.3": "1.2.3", "V1.2.3": "1.2.3", " 1.2.3\n": "1.2.3", "01.002.0003": "1.2.3", "0!1.2.3": "1.2.3",
		"0.0.0": "0.0.0", "10.20.30": "10.20.30",
		"1.3.0rc1": "1.3.0-rc.1", "1.3.0-rc.1": "1.3.0-rc.1", "1.3.0.RC_1": "1.3.0-rc.1", "1.3.0c1": "1.3.0-rc.1",
		"1.3.0pre1": "1.3.0-rc.1", "1.3.0preview01": "1.3.0-rc.1", "1.3.0rc": "1.3.0-rc.0", "1.3.0rc-": "1.3.0-rc.0",
		"1.3.0a10": "1.3.0-alpha.10", "1.3.0alpha1": "1.3.0-alpha.1", "1.3.0b2": "1.3.0-beta.2", "1.3.0Beta2": "1.3.0-beta.2",
		"1.3.0.dev4": "1.3.0-dev.4", "1.3.0dev": "1.3.0-dev.0", "1.3.0-rc.0": "1.3.0-rc.0",
		"1.3": "", "1.2.3.4": "", "1!1.2.3": "", "1.3.0-1": "", "1.3.0.post1": "", "1.3.0-hotfix.1": "", "1.3.0rc1.dev2": "",
		"1.3.0+local": "", "1.3.0rc1x": "", "": "", "1.3.٠": "", "18446744073709551616.0.0": "",
	} {
		t.Run(python, func(t *testing.T) {
			v, ok := FromPEP440(python)
			if v.String() != want || ok != (want != "") {
				t.Errorf("got %q, %v, want %q", v, ok, want)
			}
		})
	}
}

func TestInSeries(t *testing.T) {
	for text, want := range map[string]bool{
		"1.2.3-rc.1": true, "1.2.3-dev.0": true, "1.2.3": false, "1.2.3-rc": false, "1.2.3-nightly.20260101": false, "1.2.3-rc.1.2": false,
	} {
		if got := must(t, text).InSeries(); got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
}
