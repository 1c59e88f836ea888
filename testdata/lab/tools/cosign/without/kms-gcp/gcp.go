// Package gcp stands in for keys in Google Cloud KMS: no test has any, and Cosign says that it does not know the scheme.
package gcp
