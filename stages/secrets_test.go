package stages

import (
	"go/ast"
	"testing"
)

func TestSecretsEndBeforeTheLineBreak(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "",
		"token-123":                 "token-123",
		"token-123\n":               "token-123",
		"token-123\r\n":             "token-123",
		"token-123\n\n":             "token-123",
		" token-123 ":               " token-123 ",
		"first line\nsecond line\n": "first line\nsecond line",
	} {
		if got := withoutLineBreak(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// A secret of the settings as it is may end with a line break, which secretText takes away: a token that the engine gave to
// a program in that form would be another than the one that was checked.
func TestNoProgramGetsASecretAsItWasSet(t *testing.T) {
	gives := []string{"WithSecretVariable", "WithMountedSecret", "WithRegistryAuth"}
	calls := 0
	for _, file := range sources(t, ".")["stages"] {
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			on, ok := call.Fun.(*ast.SelectorExpr)
			for _, method := range gives {
				if !ok || on.Sel.Name != method {
					continue
				}
				calls++
				for _, argument := range call.Args {
					if setting, ok := argument.(*ast.SelectorExpr); ok && isConfig(setting.X) {
						t.Errorf("%s is given the setting %s as it is", method, setting.Sel.Name)
					}
				}
			}
			return true
		})
	}
	if calls < 3 {
		t.Errorf("%d programs are given a secret: something was not read", calls)
	}
}

func isConfig(e ast.Expr) bool {
	on, ok := e.(*ast.SelectorExpr)
	return ok && on.Sel.Name == "config"
}
