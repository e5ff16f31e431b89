package migratingsqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
	"sync"

	"modernc.org/sqlite"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
	"github.com/migratingsqlite/migratingsqlite/internal/schema"
)

// A replay is what the migrations of a set make of an empty database, step by
// step. It is made in memory, once for each set in a process, and only for a
// database whose history is not known. Go migrations are left out: what they do
// is for real databases.
type replay struct {
	set *Set

	mu      sync.Mutex
	steps   []replayed // after each version; nil until needed
	err     error
	choices map[string]structure // by what is chosen
}

// structure is what some of the migrations make: answers to schema.Queries, nil
// if there are none.
type structure struct {
	answers []engine.Answer
	err     error
}

// maxChoices is how many structures of a set are kept: databases of many tenants
// are at few versions.
const maxChoices = 64

// replayed is the structure after one version.
type replayed struct {
	version int64
	names   [][]driver.Value // answers to namesQuery
}

var replays struct {
	mu   sync.Mutex
	sets map[string]*replay // by digest
}

func replayOf(s *Set) *replay {
	replays.mu.Lock()
	defer replays.mu.Unlock()
	if replays.sets == nil {
		replays.sets = map[string]*replay{}
	}
	if replays.sets[s.digest] == nil {
		replays.sets[s.digest] = &replay{set: s}
	}
	return replays.sets[s.digest]
}

const namesQuery = `SELECT type || ' ' || lower(name), tbl_name FROM main.sqlite_master
	WHERE name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name NOT LIKE 'migratingsqlite\_%' ESCAPE '\' ORDER BY 1`

// joinNames makes one string to compare, without some tables and what is on them.
func joinNames(rows [][]driver.Value, ignore []string) string {
	var b strings.Builder
	for _, row := range rows {
		if !containsFold(ignore, text(row[1])) {
			b.WriteString(text(row[0]) + "\n")
		}
	}
	return b.String()
}

// after returns the names of the objects after each version.
func (r *replay) after(ctx context.Context) ([]replayed, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.steps == nil && r.err == nil {
		err := r.run(ctx, nil, func(m *Migration, ask asker) error {
			answers, err := ask(ctx, namesQuery)
			if err == nil {
				err = answers[0].Err
			}
			if err == nil {
				r.steps = append(r.steps, replayed{version: m.Version, names: answers[0].Rows})
			}
			return err
		})
		if ctx.Err() != nil {
			r.steps = nil
			return nil, err
		}
		r.err = err
	}
	return slices.Clone(r.steps), r.err
}

// schemaOf returns the structure that some of the migrations make, without some
// tables; nil if there are none.
func (r *replay) schemaOf(ctx context.Context, chosen func(*Migration) bool, ignore []string) (*schema.Schema, error) {
	key := make([]byte, len(r.set.migrations))
	for i := range r.set.migrations {
		if m := &r.set.migrations[i]; m.Version > 0 && chosen(m) {
			key[i] = 1
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.choices[string(key)]
	if !ok {
		s.err = r.run(ctx, chosen, func(m *Migration, ask asker) (err error) {
			s.answers, err = ask(ctx, schema.Queries...)
			return err
		})
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if r.choices == nil || len(r.choices) == maxChoices {
			r.choices = map[string]structure{}
		}
		r.choices[string(key)] = s
	}
	if s.err != nil || s.answers == nil {
		return nil, s.err
	}
	return schema.Read(s.answers, ignore...)
}

// upTo chooses the migrations up to a version.
func upTo(version int64) func(*Migration) bool {
	return func(m *Migration) bool { return m.Version <= version }
}

type asker = func(context.Context, ...string) ([]engine.Answer, error)

// run applies the versioned migrations to a database in memory. Without a choice
// it calls look after each; with one, after the last of the chosen ones only.
func (r *replay) run(ctx context.Context, chosen func(*Migration) bool, look func(*Migration, asker) error) error {
	var list []Migration
	for _, m := range r.set.migrations {
		if m.Version > 0 && (chosen == nil || chosen(&m)) {
			list = append(list, m)
		}
	}
	return inMemory(ctx, func(store localStore) error {
		for i := range list {
			m := &list[i]
			if err := replayOne(ctx, m, store); err != nil {
				return fmt.Errorf("replaying %s on an empty database: %w", m, err)
			}
			if chosen == nil || i == len(list)-1 {
				if err := look(m, store.ask); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// inMemory lends an empty database in memory.
func inMemory(ctx context.Context, do func(localStore) error) error {
	c, err := sqlite.NewConnector(":memory:")
	if err != nil {
		return err
	}
	raw, err := c.Connect(ctx)
	if err != nil {
		return err
	}
	defer raw.Close()
	conn, err := newSession(ctx, raw)
	if err != nil {
		return err
	}
	defer conn.end()
	return do(localStore{conn, &waiter{}})
}

func replayOne(ctx context.Context, m *Migration, store localStore) error {
	if m.File == "" {
		return nil
	}
	if err := m.read(); err != nil {
		return err
	}
	statements, err := m.statements()
	if err != nil {
		return err
	}
	for i := range statements {
		if skip, err := skips(ctx, &statements[i], store.ask); err != nil {
			return err
		} else if skip {
			continue
		}
		if err := store.conn.exec(ctx, statements[i].Text); err != nil {
			return fmt.Errorf("%s:%d:%d: %w", m.File, statements[i].Line, statements[i].Column, err)
		}
	}
	return nil
}
