package migratingsqlite

import "time"

// SetLeaseTime shortens leases for tests.
func SetLeaseTime(d time.Duration) (restore func()) {
	before := leaseTime
	leaseTime = d
	return func() { leaseTime = before }
}
