package release

type Release struct{ Manifest string }
