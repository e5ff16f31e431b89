package main

import (
	"context"
	"fmt"
	"os/user"

	"github.com/migratingsqlite/migratingsqlite"
)

// welcome greets the user, whose name SQL does not know.
func welcome(ctx context.Context, tx migratingsqlite.Tx) error {
	name := "stranger"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO notes (text) VALUES (?)", fmt.Sprintf("Welcome, %s.", name))
	return err
}
