package report

import (
	"fmt"
	"strings"
)

// Few shows the first few of a list that may be long.
func Few(items []string) string {
	const shown = 5
	if len(items) <= shown {
		return strings.Join(items, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(items[:shown], ", "), len(items)-shown)
}
