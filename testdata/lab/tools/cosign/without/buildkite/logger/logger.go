package logger

import (
	"errors"
	"io"
)

type Level struct{}

type Printer struct{}

type Logger struct{}

func NewTextPrinter(io.Writer) Printer { return Printer{} }

func NewConsoleLogger(Printer, func(int)) Logger { return Logger{} }

func (Logger) SetLevel(Level) {}

func LevelFromString(string) (Level, error) {
	return Level{}, errors.New("identities by Buildkite are left out of the lab's Cosign")
}
