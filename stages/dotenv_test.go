package stages

import (
	"slices"
	"testing"
)

// TestDotenvIsOneLanguage: whatever reads lines NAME=value takes the same value from the same line.
func TestDotenvIsOneLanguage(t *testing.T) {
	for line, want := range map[string]string{
		`API_KEY=abcdefgh`:                    "abcdefgh",
		`API_KEY="abcdefgh" # prod`:           "abcdefgh",
		`API_KEY='abcdefgh'	# prod`:           "abcdefgh",
		`API_KEY=abcdefgh # prod "it"`:        "abcdefgh",
		`export API_KEY = "abcd # \"efgh\"" `: `abcd # "efgh"`,
		`API_KEY=abcd#efgh`:                   "abcd#efgh",
		`API_KEY="abcd\nefgh"`:                "abcd\nefgh",
		`API_KEY=abcd="efgh"`:                 `abcd="efgh"`,
	} {
		variables, err := dotenv(nil, line)
		if err != nil || !slices.Equal(variables, []pair{{"API_KEY", want}}) {
			t.Errorf("testVariables: %s: got %q, %v; want %q", line, variables, err, want)
		}
		secrets, err := parseBuildSecrets(line)
		if err != nil || !slices.Equal(secrets, []buildSecret{{"API_KEY", want}}) {
			t.Errorf("buildSecrets: %s: got %q, %v; want %q", line, secrets, err, want)
		}
		key, err := parseSigningKey("awskms:///alias/release\n" + line)
		if err != nil || !slices.Equal(key.credentials, []pair{{"API_KEY", want}}) {
			t.Errorf("signingKey: %s: got %+v, %v; want %q", line, key, err, want)
		}
	}
}
