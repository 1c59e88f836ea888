// Package load stands in for policies in CUE, which Cosign reads with --policy only: no test gives one.
package load

import (
	"errors"
	"log"
)

// The real one does so, too: without, there is a time in each error that Cosign prints.
func init() { log.SetFlags(0) }

type Instance struct{ Err error }

func Instances([]string, *struct{}) []*Instance {
	return []*Instance{{errors.New("policies in CUE are left out of the lab's Cosign")}}
}
