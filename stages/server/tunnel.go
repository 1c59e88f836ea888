package server

import (
	"context"
	"fmt"
	"net/http"
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

// Put writes a file into the application's folder, for its owner alone.
func Put(ctx context.Context, env Environment, file string, text []byte) error {
	conn, err := Connect(ctx, env.Target, env.Login)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.write(ctx, file, text, "077")
}
