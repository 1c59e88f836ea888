// Package openai stands in for one of the clients of Dagger's language models.
package openai

import (
	"context"
	"errors"

	"github.com/openai/openai-go/option"
)

var errLeftOut = errors.New("OpenAI is left out of the lab's Dagger")

type Client struct {
	Chat struct{ Completions completions }
}

func NewClient(...option.RequestOption) Client { return Client{} }

type completions struct{}

func (completions) New(context.Context, ChatCompletionNewParams, ...option.RequestOption) (*ChatCompletion, error) {
	return nil, errLeftOut
}

func (completions) NewStreaming(context.Context, ChatCompletionNewParams, ...option.RequestOption) stream {
	return stream{}
}

type stream struct{}

func (stream) Err() error      { return errLeftOut }
func (stream) Close() error    { return nil }
func (stream) Next() bool      { return false }
func (stream) Current() *chunk { return nil }

type chunk struct {
	Usage   CompletionUsage
	Choices []struct{ Delta struct{ Content string } }
}

type (
	ChatCompletionMessageParamUnion     struct{ OfAssistant *assistant }
	ChatCompletionContentPartUnionParam struct{}
	ChatCompletionMessageToolCallParam  struct {
		ID       string
		Function ChatCompletionMessageToolCallFunctionParam
	}
	ChatCompletionMessageToolCallFunctionParam struct{ Name, Arguments string }
	ChatCompletionNewParams                    struct {
		Seed          int64
		Model         string
		Messages      []ChatCompletionMessageParamUnion
		Tools         []ChatCompletionToolParam
		StreamOptions ChatCompletionStreamOptionsParam
	}
	ChatCompletionStreamOptionsParam struct{ IncludeUsage bool }
	ChatCompletionToolParam          struct{ Function FunctionDefinitionParam }
	FunctionDefinitionParam          struct {
		Name, Description string
		Parameters        FunctionParameters
		Strict            bool
	}
	FunctionParameters map[string]any
)

type assistant struct {
	ToolCalls []ChatCompletionMessageToolCallParam
}

func Opt[T any](v T) T  { return v }
func Int(i int64) int64 { return i }

func ToolMessage(_, _ string) (m ChatCompletionMessageParamUnion)                           { return m }
func UserMessage([]ChatCompletionContentPartUnionParam) (m ChatCompletionMessageParamUnion) { return m }
func SystemMessage(string) (m ChatCompletionMessageParamUnion)                              { return m }
func TextContentPart(string) (p ChatCompletionContentPartUnionParam)                        { return p }
func AssistantMessage(string) ChatCompletionMessageParamUnion {
	return ChatCompletionMessageParamUnion{OfAssistant: &assistant{}}
}

type ChatCompletion struct {
	Choices []struct {
		FinishReason string
		Message      struct {
			Content   string
			ToolCalls []ChatCompletionMessageToolCall
		}
	}
	Usage CompletionUsage
}

type CompletionUsage struct {
	PromptTokens, CompletionTokens, TotalTokens int64
	PromptTokensDetails                         struct{ CachedTokens int64 }
}

type ChatCompletionMessageToolCall struct {
	ID, Type string
	Function struct{ Name, Arguments string }
}

type ChatCompletionAccumulator struct{ ChatCompletion }

func (*ChatCompletionAccumulator) AddChunk(*chunk) {}
