// Package cloudkms is what the tests of another module import.
package cloudkms
