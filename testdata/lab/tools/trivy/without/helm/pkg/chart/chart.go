package chart

type Chart struct{ Metadata *Metadata }

type Metadata struct{ Dependencies []*Dependency }

type Dependency struct{}
