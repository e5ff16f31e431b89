package migratingsqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
	"github.com/migratingsqlite/migratingsqlite/internal/schema"
	"modernc.org/sqlite"
)

// A replay is what the migrations of a set make of an empty database, step by
// step. It is made in memory, once for each set in a process, and only for a
// database whose history is not known. Go migrations are left out: what they do
// is for real databases.
type replay struct {
	set *Set

	mu    sync.Mutex
	steps []replayed // after each version; nil until needed
	err   error
}

// replayed is the structure after one version.
type replayed struct {
	version int64
	names   string         // of the objects, as one string to compare
	schema  *schema.Schema // nil until needed
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

const namesQuery = `SELECT type || ' ' || lower(name) FROM main.sqlite_master
	WHERE name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name NOT LIKE 'migratingsqlite\_%' ESCAPE '\' ORDER BY 1`

func joinNames(rows [][]driver.Value, ignore []string) string {
	var b strings.Builder
	for _, row := range rows {
		name := text(row[0])
		_, bare, _ := strings.Cut(name, " ")
		if !slices.ContainsFunc(ignore, func(i string) bool { return strings.EqualFold(i, bare) }) {
			b.WriteString(name + "\n")
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
				r.steps = append(r.steps, replayed{version: m.Version, names: joinNames(answers[0].Rows, nil)})
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

// schemaAt returns the structure after the i-th version.
func (r *replay) schemaAt(ctx context.Context, i int) (*schema.Schema, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.steps[i].schema == nil {
		at, err := r.schemaOf(ctx, func(m *Migration) bool { return m.Version <= r.steps[i].version })
		if err != nil {
			return nil, err
		}
		r.steps[i].schema = at
	}
	return r.steps[i].schema, nil
}

// schemaOf returns the structure that some of the migrations make.
func (r *replay) schemaOf(ctx context.Context, chosen func(*Migration) bool) (s *schema.Schema, err error) {
	var last asker
	err = r.run(ctx, chosen, func(m *Migration, ask asker) error {
		last = ask
		answers, err := last(ctx, schema.Queries...)
		if err == nil {
			s, err = schema.Read(answers)
		}
		return err
	})
	return s, err
}

type asker = func(context.Context, ...string) ([]engine.Answer, error)

// run applies the versioned migrations to a database in memory. Without a choice
// it calls look after each; with one, after the last of the chosen ones only.
func (r *replay) run(ctx context.Context, chosen func(*Migration) bool, look func(*Migration, asker) error) error {
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
	store := localStore{conn, &waiter{}}
	var list []Migration
	for _, m := range r.set.migrations {
		if m.Version > 0 && (chosen == nil || chosen(&m)) {
			list = append(list, m)
		}
	}
	for i := range list {
		m := &list[i]
		if err := r.apply(ctx, m, store); err != nil {
			return fmt.Errorf("replaying %s on an empty database: %w", m, err)
		}
		if chosen == nil || i == len(list)-1 {
			if err := look(m, store.ask); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *replay) apply(ctx context.Context, m *Migration, store localStore) error {
	if m.upFunc != nil {
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
