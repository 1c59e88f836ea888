package azure

import "github.com/openai/openai-go/option"

func WithEndpoint(_, _ string) option.RequestOption { return option.RequestOption{} }
func WithAPIKey(string) option.RequestOption        { return option.RequestOption{} }
