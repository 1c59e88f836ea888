// Package sets is what `cosign copy` keeps the names of tags in.
package sets

type Set[T comparable] map[T]struct{}

func New[T comparable](items ...T) Set[T] {
	s := Set[T]{}
	s.Insert(items...)
	return s
}

func (s Set[T]) Insert(items ...T) {
	for _, item := range items {
		s[item] = struct{}{}
	}
}

func (s Set[T]) Has(item T) bool {
	_, has := s[item]
	return has
}
