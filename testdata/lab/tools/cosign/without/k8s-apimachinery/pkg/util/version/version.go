package version

import "errors"

type Version struct{}

func ParseSemantic(string) (Version, error) { return Version{}, errors.ErrUnsupported }

func (Version) Major() uint { return 0 }

func (Version) Minor() uint { return 0 }
