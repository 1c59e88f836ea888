// Package azure stands in for keys in Azure Key Vault: no test has any, and Cosign says that it does not know the scheme.
package azure
