package releaseutil

import "sort"

func SplitManifests(string) map[string]string { return nil }

type BySplitManifestsOrder = sort.StringSlice
