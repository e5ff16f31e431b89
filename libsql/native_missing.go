//go:build !(cgo && ((linux && (amd64 || arm64)) || (darwin && arm64)))

package libsql

import "errors"

// missing says why libSQL cannot be used.
const missing = "libSQL needs cgo: build with CGO_ENABLED=1 and a C compiler, on linux (amd64, arm64) or darwin (arm64)"

func openNative(*config) (native, error) { return nil, errors.New(missing) }
