package option

type RequestOption struct{}

func WithHeader(_, _ string) RequestOption { return RequestOption{} }
func WithAPIKey(string) RequestOption      { return RequestOption{} }
func WithBaseURL(string) RequestOption     { return RequestOption{} }
