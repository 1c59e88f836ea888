// Package option is what the tests of another module import.
package option
