package stages

import (
	"go/ast"
	"go/token"
	"testing"
)

// TestResultsAreReadAfterTheyAreMade: in `return x, f(&x)` Go leaves open whether x is read before or after the call.
func TestResultsAreReadAfterTheyAreMade(t *testing.T) {
	returns := 0
	for name, files := range sources(t, ".") {
		for _, file := range files {
			for _, d := range file.Decls {
				f, ok := d.(*ast.FuncDecl)
				if !ok {
					continue
				}
				ast.Inspect(f, func(n ast.Node) bool {
					made, ok := n.(*ast.ReturnStmt)
					if !ok || len(made.Results) < 2 {
						return true
					}
					returns++
					for _, x := range readAndMade(made) {
						t.Errorf("%s.%s returns %s beside a call that changes it: call first", name, f.Name.Name, x)
					}
					return true
				})
			}
		}
	}
	if returns < 500 {
		t.Errorf("%d returns of several results: something was not read", returns)
	}
}

// readAndMade are the variables that stand in a return themselves, and by their address in a call.
func readAndMade(r *ast.ReturnStmt) (both []string) {
	read := map[string]bool{}
	for _, result := range r.Results {
		if x, ok := result.(*ast.Ident); ok {
			read[x.Name] = true
		}
	}
	for _, result := range r.Results {
		call, ok := result.(*ast.CallExpr)
		if !ok {
			continue
		}
		ast.Inspect(call, func(n ast.Node) bool {
			address, ok := n.(*ast.UnaryExpr)
			if !ok || address.Op != token.AND {
				return true
			}
			on := address.X
			for s, ok := on.(*ast.SelectorExpr); ok; s, ok = on.(*ast.SelectorExpr) {
				on = s.X
			}
			if x, ok := on.(*ast.Ident); ok && read[x.Name] {
				both = append(both, x.Name)
			}
			return true
		})
	}
	return both
}
