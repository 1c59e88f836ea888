package artifacts

type Artifact struct {
	Namespace, Kind, Name string
	Labels                map[string]string
	Images                []string
	Credentials           []struct{ Username, Password string }
	RawResource           map[string]any
}
