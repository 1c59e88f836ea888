package bom

type Component struct {
	Namespace, Name, Version string
	Properties               map[string]string
	Containers               []Container
}

type Container struct{ ID, Version, Repository, Registry, Digest string }

type NodeInfo struct {
	NodeName, KubeletVersion, ContainerRuntimeVersion, OsImage string
	Properties                                                 map[string]string
	Images                                                     []string
}

type ClusterInfo struct {
	Name, Type, Version string
	Properties          map[string]string
}
