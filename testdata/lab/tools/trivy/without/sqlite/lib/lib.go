// Package lib is what the tests of another module import.
package lib
