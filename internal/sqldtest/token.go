package sqldtest

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"
)

// NewTokenKey makes a key for [WithJWT], and a function that signs tokens for
// it. The server takes a token for 60 s longer than its expiry says.
func NewTokenKey(t testing.TB) (key string, sign func(expiry time.Time, readOnly bool) string) {
	t.Helper()
	pub, priv, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding
	return b64.EncodeToString(pub), func(expiry time.Time, readOnly bool) string {
		access := "rw"
		if readOnly {
			access = "ro"
		}
		claims, err := json.Marshal(map[string]any{"exp": expiry.Unix(), "a": access})
		if err != nil {
			t.Fatal(err)
		}
		text := b64.EncodeToString([]byte(`{"alg":"EdDSA","typ":"JWT"}`)) + "." + b64.EncodeToString(claims)
		return text + "." + b64.EncodeToString(ed25519.Sign(priv, []byte(text)))
	}
}
