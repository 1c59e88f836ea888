// Package hashivault stands in for keys in Vault: no test has any, and Cosign says that it does not know the scheme.
package hashivault
