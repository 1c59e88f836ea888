package server

import (
	"context"
	"fmt"
	"net/http"
	"path"
)

// Serve lets a server reach a handler of ours under an address of its own, for as long as the connection stands.
func Serve(ctx context.Context, env Environment, address string, handler http.Handler) (stop func(), err error) {
	conn, err := Connect(ctx, env.Target, env.Login)
	if err != nil {
		return nil, err
	}
	listener, err := conn.client.Listen("tcp", address)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("%s does not let %s listen on %s: %w", env.Target.Host, env.Target.User, address, err)
	}
	go http.Serve(listener, handler) //nolint:errcheck // it ends with the connection
	return conn.Close, nil
}

// PutDotenv writes the server's .env where docker compose looks for it, beside the compose file, for its owner alone.
func PutDotenv(ctx context.Context, env Environment, text []byte) error {
	conn, err := Connect(ctx, env.Target, env.Login)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.write(ctx, path.Join(path.Dir(env.ComposeFile), ".env"), text, "077")
}
