module github.com/caddyserver/certmagic

go 1.26.2

require go.uber.org/zap v1.27.1
