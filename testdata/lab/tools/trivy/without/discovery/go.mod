module github.com/openvex/discovery

go 1.25.0

require github.com/openvex/go-vex v0.2.7
