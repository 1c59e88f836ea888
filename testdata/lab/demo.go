package main

import "context"

func (l *lab) demo(ctx context.Context) error { return l.up(ctx) }
