package snapshot

import "context"

// RestoreByLockAlone restores as where one cannot look who has a file open.
func RestoreByLockAlone(ctx context.Context, snapshot, database string) (string, error) {
	return restore(ctx, snapshot, resolved(database))
}
