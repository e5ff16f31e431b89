package before

import (
	"testing"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
	"github.com/migratingsqlite/migratingsqlite/internal/hrana"
	"github.com/migratingsqlite/migratingsqlite/internal/script"
)

// Server is the URL of a libSQL server.
type Server string

func (s Server) open(t testing.TB) *hrana.Client {
	t.Helper()
	client, err := hrana.New(string(s), "")
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// Exec runs scripts, each in a transaction.
func (s Server) Exec(t testing.TB, scripts ...string) {
	t.Helper()
	client := s.open(t)
	defer client.Close()
	for _, text := range scripts {
		var list []engine.Statement
		sc := script.NewScanner(text)
		for st, ok := sc.Next(); ok; st, ok = sc.Next() {
			list = append(list, engine.Statement{Text: st.Text})
		}
		if _, err := client.Transact(t.Context(), list...); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
	}
}

// Read answers queries.
func (s Server) Read(t testing.TB, queries ...string) []engine.Answer {
	t.Helper()
	client := s.open(t)
	defer client.Close()
	answers, err := client.Read(t.Context(), queries...)
	for i := range answers {
		if err == nil && answers[i].Err != nil {
			t.Fatalf("%v in\n%s", answers[i].Err, queries[i])
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return answers
}
