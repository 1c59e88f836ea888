package v1

type ObjectMeta struct{ Name, Namespace string }

type GetOptions struct{}

type CreateOptions struct{}

type UpdateOptions struct{}
