package strvals

import "errors"

func ParseInto(string, map[string]any) error { return errors.ErrUnsupported }

func ParseIntoString(string, map[string]any) error { return errors.ErrUnsupported }

func ParseIntoFile(string, map[string]any, func([]rune) (any, error)) error {
	return errors.ErrUnsupported
}
