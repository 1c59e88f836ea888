// Package aws stands in for keys in AWS KMS: no test has any, and Cosign says that it does not know the scheme.
package aws
