package enginetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	nooptrace "go.opentelemetry.io/otel/trace/noop"
)

var telemetryScenarios = []scenario{
	{"AnUpgradeIsTraced", upgradeIsTraced},
	{"StatementsAreTraced", statementsAreTraced},
	{"AFailureIsTracedWithoutItsData", failureIsTraced},
	{"ARefusalIsTraced", refusalIsTraced},
	{"AnUpgradeIsLogged", upgradeIsLogged},
	{"AnUpToDateDatabaseIsSilent", upToDateDatabaseIsSilent},
	{"QueriesAreTraced", queriesAreTraced},
}

const upgradeSpan = "migratingsqlite.upgrade"

// traced is what was recorded since the scenario asked for it.
type traced struct {
	*world
	recorder *tracetest.SpanRecorder
	provider *sdktrace.TracerProvider
}

func (w *world) recordSpans() *traced {
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	otel.SetTracerProvider(provider)
	w.Cleanup(func() { otel.SetTracerProvider(nooptrace.NewTracerProvider()) })
	return &traced{w, recorder, provider}
}

func (s *traced) ended() []sdktrace.ReadOnlySpan {
	list := s.recorder.Ended()
	slices.SortStableFunc(list, func(a, b sdktrace.ReadOnlySpan) int { return a.StartTime().Compare(b.StartTime()) })
	return list
}

func (s *traced) names() (names []string) {
	for _, span := range s.ended() {
		names = append(names, span.Name())
	}
	return names
}

func (s *traced) one(name string) sdktrace.ReadOnlySpan {
	s.Helper()
	var found []sdktrace.ReadOnlySpan
	for _, span := range s.ended() {
		if span.Name() == name {
			found = append(found, span)
		}
	}
	if len(found) != 1 {
		s.Fatalf("%d spans are called %s; there are %q", len(found), name, s.names())
	}
	return found[0]
}

func (s *traced) everything() string {
	var b strings.Builder
	for _, span := range s.ended() {
		fmt.Fprintln(&b, span.Name(), span.Status(), attributes(span.Attributes()))
		for _, e := range span.Events() {
			fmt.Fprintln(&b, e.Name, attributes(e.Attributes))
		}
	}
	return b.String()
}

func attributes(list []attribute.KeyValue) map[string]any {
	m := map[string]any{}
	for _, a := range list {
		m[string(a.Key)] = a.Value.AsInterface()
	}
	return m
}

// record makes a logger and what it has logged.
func record() (*slog.Logger, func() []map[string]any) {
	b := &logged{}
	return slog.New(slog.NewJSONHandler(b, nil)), b.records
}

type logged struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

func (l *logged) records() (list []map[string]any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for d := json.NewDecoder(bytes.NewReader(l.all.Bytes())); d.More(); {
		var r map[string]any
		if err := d.Decode(&r); err != nil {
			panic(err)
		}
		list = append(list, r)
	}
	return list
}

// users is a set with a function in it, and with data that is nobody's
// business.
func users(w *world) *migratingsqlite.Set {
	return with(w, []string{
		"migrations/0001_users.sql", "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT UNIQUE, password TEXT);\n" +
			"INSERT INTO users (name, password) VALUES ('ada', '" + secret + "'), ('bob', '" + secret + "-2');\n",
		"migrations/0002_prefs.sql", "ALTER TABLE users ADD COLUMN prefs TEXT",
	}, 3, "upper", func(ctx context.Context, tx migratingsqlite.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE users SET name = upper(name), password = ?", secret+"-3")
		return err
	})
}

func upgradeIsTraced(w *world) {
	s := w.recordSpans()
	set := users(w)
	db := w.open(set, "")
	ctx, caller := s.provider.Tracer("test").Start(context.Background(), "caller")
	must(w, db.PingContext(ctx))
	caller.End()

	want(w, s.names(), []string{"caller", upgradeSpan, "migration 0001_users", "migration 0002_prefs", "migration 0003_upper"})
	upgrade := s.one(upgradeSpan)
	want(w, upgrade.Parent().SpanID(), caller.SpanContext().SpanID())
	want(w, upgrade.SpanKind(), trace.SpanKindClient)
	want(w, upgrade.InstrumentationScope().Name, "github.com/migratingsqlite/migratingsqlite")
	want(w, upgrade.Status(), sdktrace.Status{})
	want(w, len(upgrade.Events()), 1)
	want(w, upgrade.Events()[0].Name, "migratingsqlite.locked")
	want(w, attributes(upgrade.Attributes()), map[string]any{
		"db.system.name": "sqlite", "db.namespace": w.Namespace,
		"migratingsqlite.set":          "app",
		"migratingsqlite.version.from": int64(0), "migratingsqlite.version.to": int64(3),
		"migratingsqlite.pending": int64(3), "migratingsqlite.lock_wait_ms": int64(0),
		"migratingsqlite.outcome": "applied",
	})
	for i, m := range set.Migrations() {
		span := s.one("migration " + m.String())
		want(w, span.Parent().SpanID(), upgrade.SpanContext().SpanID())
		want(w, span.Status(), sdktrace.Status{})
		if span.StartTime().Before(upgrade.StartTime()) || span.EndTime().After(upgrade.EndTime()) {
			w.Errorf("%s is not inside of the upgrade", m)
		}
		wanted := map[string]any{
			"db.system.name": "sqlite", "db.namespace": w.Namespace, "migratingsqlite.set": "app",
			"migratingsqlite.migration.version": m.Version, "migratingsqlite.migration.name": m.Name,
			"migratingsqlite.migration.checksum":      m.Checksum,
			"migratingsqlite.migration.statements":    []int64{2, 1, 1}[i],
			"migratingsqlite.migration.rows_affected": []int64{2, 0, 2}[i],
		}
		if m.File != "" {
			wanted["migratingsqlite.migration.file"] = m.File
		}
		want(w, attributes(span.Attributes()), wanted)
	}
	if text := s.everything(); strings.Contains(text, secret) || strings.Contains(text, "INSERT") {
		w.Error("data or SQL was recorded:", text)
	}
}

func statementsAreTraced(w *world) {
	s := w.recordSpans()
	set := app(w, "0001_users.sql", "CREATE TABLE users (name);\nINSERT INTO users VALUES ('ada');")
	must(w, w.upWith(set, "_migrate_trace=statements"))
	want(w, s.names(), []string{upgradeSpan, "migration 0001_users", "statement CREATE TABLE", "statement INSERT"})
	span := s.one("statement INSERT")
	migration := s.one("migration 0001_users")
	want(w, span.Parent().SpanID(), migration.SpanContext().SpanID())
	want(w, span.SpanKind(), trace.SpanKindClient)
	want(w, attributes(span.Attributes()), map[string]any{
		"db.system.name": "sqlite", "db.namespace": w.Namespace, "db.operation.name": "INSERT", "db.query.text": "INSERT INTO users VALUES ('ada');",
	})
	if span.StartTime().Before(migration.StartTime()) || span.EndTime().After(migration.EndTime()) {
		w.Error("the statement is not inside of the migration")
	}

	w = w.another()
	s = w.recordSpans()
	must(w, w.upWith(set, "_migrate_trace=off"))
	want(w, s.names(), nil)

	w = w.another()
	s = w.recordSpans()
	wantError(w, w.upWith(app(w, "0001_a.sql", "CREATE TABLE a (x);\nINSERT INTO a VALUES (1);\nINSERT INTO b VALUES (1)"), "_migrate_trace=statements"), nil, "0001_a.sql:3:1")
	want(w, s.names(), []string{upgradeSpan, "migration 0001_a", "statement CREATE TABLE", "statement INSERT", "statement INSERT"})
	failed := s.ended()[4]
	want(w, failed.Status().Code, codes.Error)
	want(w, attributes(failed.Attributes())["db.query.text"], any("INSERT INTO b VALUES (1)"))
}

func failureIsTraced(w *world) {
	must(w, w.up(app(w, "0001_users.sql", "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT UNIQUE, password TEXT)")))
	s := w.recordSpans()
	logger, records := record()
	set := app(w, "0001_users.sql", "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT UNIQUE, password TEXT)",
		"0004_more.sql", "INSERT INTO users (name, password) VALUES ('cid', '"+secret+"-4');\n"+
			"  INSERT INTO users (name, password) VALUES ('cid', '"+secret+"-5');\n")
	wantError(w, w.up(set, migratingsqlite.WithLogger(logger)), nil, "0004_more.sql:2:3", "UNIQUE")

	upgrade, migration := s.one(upgradeSpan), s.one("migration 0004_more")
	for _, span := range []sdktrace.ReadOnlySpan{upgrade, migration} {
		want(w, span.Status().Code, codes.Error)
		if !strings.Contains(span.Status().Description, "0004_more.sql:2:3: ") {
			w.Errorf("%s: the status does not say where: %s", span.Name(), span.Status().Description)
		}
		a := attributes(span.Attributes())
		want(w, a["error.type"], any("failed"))
		want(w, a["migratingsqlite.migration.file"], any("0004_more.sql"))
		want(w, a["migratingsqlite.migration.line"], any(int64(2)))
		want(w, a["migratingsqlite.migration.column"], any(int64(3)))
		if !slices.ContainsFunc(span.Events(), func(e sdktrace.Event) bool { return e.Name == "exception" }) {
			w.Errorf("%s: no exception was recorded", span.Name())
		}
	}
	want(w, attributes(upgrade.Attributes())["migratingsqlite.outcome"], any("failed"))
	want(w, attributes(migration.Attributes())["migratingsqlite.migration.statements"], any(int64(1)))
	logged := records()
	want(w, len(logged), 1)
	want(w, logged[0]["level"], any("ERROR"))
	want(w, logged[0]["outcome"], any("failed"))
	want(w, logged[0]["database"], any(w.Namespace))
	for _, text := range []string{s.everything(), fmt.Sprint(logged)} {
		if strings.Contains(text, secret) || strings.Contains(text, "VALUES") {
			w.Error("data or SQL was recorded:", text)
		}
	}
}

func refusalIsTraced(w *world) {
	must(w, w.up(app(w, one...)))
	s := w.recordSpans()
	logger, records := record()
	wantError(w, w.upWith(app(w, three...), "_migrate=check", migratingsqlite.WithLogger(logger)), migratingsqlite.ErrPending)
	want(w, s.names(), []string{upgradeSpan})
	a := attributes(s.one(upgradeSpan).Attributes())
	want(w, a["migratingsqlite.outcome"], any("refused"))
	want(w, a["migratingsqlite.version.from"], any(int64(1)))
	want(w, a["migratingsqlite.pending"], any(int64(1)))
	want(w, len(records()), 1)
	want(w, records()[0]["outcome"], any("refused"))
}

func upgradeIsLogged(w *world) {
	for i, wanted := range []struct {
		params string
		app    map[string]any
	}{
		{"_migrate_to=2&_migrate_trace=off", map[string]any{"from": 0., "to": 2., "pending": 2.}},
		{"", map[string]any{"from": 2., "to": 3., "pending": 1.}},
	} {
		logger, records := record()
		must(w, w.upWith(users(w), wanted.params, migratingsqlite.WithLogger(logger)))
		logged := records()
		want(w, len(logged), 1)
		r := logged[0]
		want(w, r["level"], any("INFO"))
		want(w, r["msg"], any("migratingsqlite: the database was upgraded"))
		want(w, r["database"], any(w.Namespace))
		want(w, r["app"], any(wanted.app))
		want(w, r["applied"], any([]float64{2, 1}[i]))
		if d, _ := r["duration"].(float64); d <= 0 || d > float64(20*time.Second) {
			w.Error("the duration is", d)
		}
		if strings.Contains(fmt.Sprint(r), secret) {
			w.Error("data was logged:", r)
		}
	}
}

func upToDateDatabaseIsSilent(w *world) {
	set := users(w)
	must(w, w.up(set))
	s := w.recordSpans()
	logger, records := record()
	must(w, w.up(set, migratingsqlite.WithLogger(logger)))
	must(w, w.upWith(set, "_migrate=check&_migrate_trace=statements", migratingsqlite.WithLogger(logger)))
	want(w, len(s.recorder.Started()), 0)
	want(w, records(), nil)
}

func queriesAreTraced(w *world) {
	s := w.recordSpans()
	db := w.open(app(w, "0001_users.sql", "CREATE TABLE users (name)"), "_migrate_trace=queries")
	ctx, caller := s.provider.Tracer("test").Start(context.Background(), "caller")
	must(w, db.QueryRowContext(ctx, "SELECT count(*) FROM users").Scan(new(int)))
	caller.End()
	found := false
	for _, span := range s.ended() {
		a := attributes(span.Attributes())
		if a["db.query.text"] == "SELECT count(*) FROM users" || a["db.statement"] == "SELECT count(*) FROM users" {
			found = true
			want(w, a["db.namespace"], any(w.Namespace))
			want(w, span.SpanContext().TraceID(), caller.SpanContext().TraceID())
		}
	}
	if !found {
		w.Error("no span for the query:", s.everything())
	}
}
