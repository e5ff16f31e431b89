package migratingsqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	noopmetric "go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	nooptrace "go.opentelemetry.io/otel/trace/noop"
)

// What this driver's spans, metrics and attributes are called is part of what
// it promises, so the tests spell it out.
const (
	scopeName   = "github.com/migratingsqlite/migratingsqlite"
	upgradeSpan = "migratingsqlite.upgrade"
)

// spans is what was recorded since the test asked for it.
type spans struct {
	testing.TB
	recorder *tracetest.SpanRecorder
	provider *sdktrace.TracerProvider
}

// recordSpans makes a recorder the global tracer provider until the test ends.
func recordSpans(t testing.TB) *spans {
	t.Helper()
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	otel.SetTracerProvider(provider)
	// The provider that was there before cannot be put back: OpenTelemetry's
	// default one passes on to the first that was ever set.
	t.Cleanup(func() { otel.SetTracerProvider(nooptrace.NewTracerProvider()) })
	return &spans{t, recorder, provider}
}

// names lists the spans that have ended, in the order of their start.
func (s *spans) names() (names []string) {
	for _, span := range s.ended() {
		names = append(names, span.Name())
	}
	return names
}

func (s *spans) ended() []sdktrace.ReadOnlySpan {
	list := s.recorder.Ended()
	slices.SortStableFunc(list, func(a, b sdktrace.ReadOnlySpan) int { return a.StartTime().Compare(b.StartTime()) })
	return list
}

// one returns the only span of a name.
func (s *spans) one(name string) sdktrace.ReadOnlySpan {
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

// started waits until so many upgrades have begun: they have planned then, and
// go for the lock.
func (s *spans) started(upgrades int) {
	s.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		n := 0
		for _, span := range s.recorder.Started() {
			if span.Name() == upgradeSpan {
				n++
			}
		}
		if n >= upgrades {
			return
		}
	}
	s.Fatalf("no %d upgrades were begun", upgrades)
}

// everything is all that was recorded, as text.
func (s *spans) everything() string {
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

func events(span sdktrace.ReadOnlySpan) (names []string) {
	for _, e := range span.Events() {
		names = append(names, e.Name)
	}
	return names
}

// recordLogs returns a logger and what it has logged, a JSON object a line.
func recordLogs() (*slog.Logger, *bytes.Buffer) {
	var b bytes.Buffer
	return slog.New(slog.NewJSONHandler(&b, nil)), &b
}

func records(t testing.TB, b *bytes.Buffer) (list []map[string]any) {
	t.Helper()
	for decoder := json.NewDecoder(bytes.NewReader(b.Bytes())); decoder.More(); {
		var r map[string]any
		must(t, decoder.Decode(&r))
		list = append(list, r)
	}
	return list
}

// users is a set with a function in it, and with data that is nobody's
// business.
const seed = "correct-horse-battery-staple"

func users(t testing.TB) *migratingsqlite.Set {
	return load(t, "app", files(
		"migrations/0001_users.sql", "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT UNIQUE, password TEXT);\n"+
			"INSERT INTO users (name, password) VALUES ('ada', '"+seed+"'), ('bob', '"+seed+"-2');\n",
		"migrations/0002_prefs.sql", "ALTER TABLE users ADD COLUMN prefs TEXT",
	), migratingsqlite.Func(3, "upper", func(ctx context.Context, tx migratingsqlite.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE users SET name = upper(name), password = ?", seed+"-3")
		return err
	}, nil))
}

// An up-to-date open costs nothing, in telemetry as well.
func TestUpToDateOpenIsSilent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	set := users(t)
	must(t, with(t, path, set))

	s := recordSpans(t)
	read := recordMetrics(t)
	logger, log := recordLogs()
	must(t, with(t, path, set, migratingsqlite.WithLogger(logger)))
	must(t, with(t, path, set, migratingsqlite.WithLogger(logger), migratingsqlite.WithMode("check")))
	must(t, with(t, path, set, migratingsqlite.WithLogger(logger), migratingsqlite.WithTrace("statements")))
	want(t, len(s.recorder.Started()), 0)
	want(t, len(read()), 0)
	want(t, log.String(), "")
}

func TestFailedMigrationIsTracedWithoutItsData(t *testing.T) {
	s := recordSpans(t)
	read := recordMetrics(t)
	logger, log := recordLogs()
	path := filepath.Join(t.TempDir(), "app.db")
	must(t, with(t, path, users(t), migratingsqlite.WithTrace("off")))
	set := load(t, "app", files(
		"0001_users.sql", "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT UNIQUE, password TEXT);\n"+
			"INSERT INTO users (name, password) VALUES ('ada', '"+seed+"'), ('bob', '"+seed+"-2');\n",
		"0002_prefs.sql", "ALTER TABLE users ADD COLUMN prefs TEXT",
		"0004_more.sql", "INSERT INTO users (name, password) VALUES ('cid', '"+seed+"-4');\n"+
			"  INSERT INTO users (name, password) VALUES ('cid', '"+seed+"-5');\n",
	), migratingsqlite.Func(3, "upper", func(context.Context, migratingsqlite.Tx) error { return nil }, nil))
	wantError(t, with(t, path, set, migratingsqlite.WithLogger(logger)), nil, "0004_more.sql:2:3", "UNIQUE")

	upgrade, migration := s.one(upgradeSpan), s.one("migration 0004_more")
	for _, span := range []sdktrace.ReadOnlySpan{upgrade, migration} {
		want(t, span.Status().Code, codes.Error)
		if !strings.Contains(span.Status().Description, "0004_more.sql:2:3: ") {
			t.Errorf("%s: the status does not say where: %s", span.Name(), span.Status().Description)
		}
		a := attributes(span.Attributes())
		want(t, a["error.type"], any("failed"))
		want(t, a["migratingsqlite.migration.file"], any("0004_more.sql"))
		want(t, a["migratingsqlite.migration.line"], any(int64(2)))
		want(t, a["migratingsqlite.migration.column"], any(int64(3)))
		if !slices.Contains(events(span), "exception") {
			t.Errorf("%s: no exception was recorded: %q", span.Name(), events(span))
		}
	}
	want(t, attributes(upgrade.Attributes())["migratingsqlite.outcome"], any("failed"))
	want(t, attributes(migration.Attributes())["migratingsqlite.migration.statements"], any(int64(1)))
	logged := records(t, log)
	want(t, len(logged), 1)
	want(t, logged[0]["level"], any("ERROR"))
	want(t, logged[0]["outcome"], any("failed"))
	for _, text := range []string{s.everything(), log.String(), fmt.Sprint(read())} {
		if text == "" || strings.Contains(text, seed) || strings.Contains(text, "VALUES") {
			t.Error("seed data or SQL was recorded, or nothing at all:", text)
		}
	}
}

func connType(t testing.TB, db *sql.DB) (name string) {
	t.Helper()
	c, err := db.Conn(context.Background())
	must(t, err)
	defer c.Close()
	must(t, c.Raw(func(conn any) error { name = fmt.Sprintf("%T", conn); return nil }))
	return name
}

func TestQueriesAreTracedByOtelsql(t *testing.T) {
	s := recordSpans(t)
	path := filepath.Join(t.TempDir(), "app.db")
	set := app(t, "0001_users.sql", "CREATE TABLE users (name)")
	db := open(t, path, migratingsqlite.WithSet(set), migratingsqlite.WithTrace("queries"))
	ctx, caller := s.provider.Tracer("test").Start(context.Background(), "caller")
	must(t, db.QueryRowContext(ctx, "SELECT count(*) FROM users").Scan(new(int)))
	caller.End()

	if name := connType(t, db); !strings.HasPrefix(name, "otelsql.") && !strings.HasPrefix(name, "*otelsql.") {
		t.Errorf("the connection is a %s", name)
	}
	var ofOurs, ofQuery int
	for _, span := range s.ended() {
		switch a := attributes(span.Attributes()); {
		case span.InstrumentationScope().Name == scopeName:
			ofOurs++
		case a["db.query.text"] == "SELECT count(*) FROM users" || a["db.statement"] == "SELECT count(*) FROM users":
			ofQuery++
			want(t, a["db.namespace"], any(path))
			want(t, a["db.system.name"], any("sqlite"))
			want(t, span.SpanContext().TraceID(), caller.SpanContext().TraceID())
		}
	}
	want(t, ofOurs, 2) // the upgrade's, untouched
	if ofQuery == 0 {
		t.Error("no span for the query:", s.everything())
	}
}

func TestOutcomesAreTraced(t *testing.T) {
	edited := app(t, "0001_users.sql", "CREATE TABLE users (nome)")
	newer := app(t, "0001_users.sql", "CREATE TABLE users (name)", "0002_prefs.sql", "ALTER TABLE users ADD COLUMN prefs")
	for _, test := range []struct {
		name, dsn, outcome string
		set                *migratingsqlite.Set
		hold               bool
		err                error
	}{
		{"edited", "", "refused", edited, false, migratingsqlite.ErrChanged},
		{"check", "?_migrate=check", "refused", newer, false, migratingsqlite.ErrPending},
		{"locked", "?_migrate_timeout=20ms", "locked", newer, true, migratingsqlite.ErrLocked},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.db")
			must(t, with(t, path, app(t, "0001_users.sql", "CREATE TABLE users (name)")))
			if test.hold {
				c, err := plain(t, path).Conn(t.Context())
				must(t, err)
				defer c.Close()
				_, err = c.ExecContext(t.Context(), "BEGIN IMMEDIATE")
				must(t, err)
			}
			s := recordSpans(t)
			read := recordMetrics(t)
			logger, log := recordLogs()
			wantError(t, with(t, path+test.dsn, test.set, migratingsqlite.WithLogger(logger)), test.err)
			upgrade := s.one(upgradeSpan)
			want(t, s.names(), []string{upgradeSpan})
			want(t, upgrade.Status().Code, codes.Error)
			a := attributes(upgrade.Attributes())
			want(t, a["migratingsqlite.outcome"], any(test.outcome))
			want(t, a["error.type"], any(test.outcome))
			want(t, a["migratingsqlite.version.from"], any(int64(1)))
			want(t, read(), map[string]uint64{"migratingsqlite.upgrade.duration s " + test.outcome: 1})
			logged := records(t, log)
			want(t, len(logged), 1)
			want(t, logged[0]["level"], any("ERROR"))
			want(t, logged[0]["outcome"], any(test.outcome))
		})
	}
}

// slow is a set whose function waits until it is told to go on.
func slow(t testing.TB, goOn <-chan struct{}) *migratingsqlite.Set {
	return load(t, "app", nil, migratingsqlite.Func(1, "wait", func(ctx context.Context, tx migratingsqlite.Tx) error {
		select {
		case <-goOn:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		_, err := tx.ExecContext(ctx, "CREATE TABLE a (x)")
		return err
	}, nil))
}

func TestClosingDuringAnUpgradeIsTraced(t *testing.T) {
	s := recordSpans(t)
	db := open(t, filepath.Join(t.TempDir(), "app.db"), migratingsqlite.WithSet(slow(t, nil)))
	result := make(chan error)
	go func() { result <- db.Ping() }()
	s.started(1)
	must(t, db.Close())
	if err := <-result; err == nil {
		t.Error("no error")
	}
	upgrade := s.one(upgradeSpan)
	want(t, attributes(upgrade.Attributes())["migratingsqlite.outcome"], any("canceled"))
	want(t, upgrade.Status().Code, codes.Error)
}

// Two connectors do the same upgrade at once: one applies it, and the other,
// which had planned to, finds that it is done.
func TestWaitingForAnotherUpgradeIsTraced(t *testing.T) {
	s := recordSpans(t)
	read := recordMetrics(t)
	logger, log := recordLogs()
	path := filepath.Join(t.TempDir(), "app.db")
	goOn := make(chan struct{})
	result := make(chan error, 2)
	for i := range 2 {
		db := open(t, path, migratingsqlite.WithSet(slow(t, goOn)), migratingsqlite.WithLogger(logger))
		go func() { result <- db.Ping() }()
		s.started(i + 1)
	}
	time.Sleep(20 * time.Millisecond) // so that the wait can be measured
	close(goOn)
	must(t, <-result)
	must(t, <-result)

	var outcomes []string
	for _, span := range s.ended() {
		if span.Name() == upgradeSpan {
			want(t, span.Status(), sdktrace.Status{})
			outcomes = append(outcomes, attributes(span.Attributes())["migratingsqlite.outcome"].(string))
		}
	}
	slices.Sort(outcomes)
	want(t, outcomes, []string{"applied", "upToDate"})
	want(t, s.one("migration 0001_wait").Status(), sdktrace.Status{})
	want(t, read(), map[string]uint64{
		"migratingsqlite.upgrade.duration s applied":   1,
		"migratingsqlite.upgrade.duration s upToDate":  1,
		"migratingsqlite.migration.duration s applied": 1, // with the driver's own
	})
	want(t, len(records(t, log)), 1) // who did nothing says nothing
}

func TestLockWaitIsTraced(t *testing.T) {
	s := recordSpans(t)
	logger, log := recordLogs()
	path := filepath.Join(t.TempDir(), "app.db")
	set := app(t, "0001_a.sql", "CREATE TABLE a (x)")
	holder, err := plain(t, path).Conn(t.Context())
	must(t, err)
	defer holder.Close()
	_, err = holder.ExecContext(t.Context(), "BEGIN IMMEDIATE")
	must(t, err)

	db := open(t, path, migratingsqlite.WithSet(set), migratingsqlite.WithLogger(logger))
	result := make(chan error)
	go func() { result <- db.Ping() }()
	s.started(1)
	time.Sleep(50 * time.Millisecond)
	_, err = holder.ExecContext(t.Context(), "ROLLBACK")
	must(t, err)
	must(t, <-result)

	upgrade := s.one(upgradeSpan)
	ms, _ := attributes(upgrade.Attributes())["migratingsqlite.lock_wait_ms"].(int64)
	if took := upgrade.EndTime().Sub(upgrade.StartTime()).Milliseconds(); ms <= 0 || ms > took {
		t.Errorf("it waited for %d ms of %d", ms, took)
	}
	want(t, events(upgrade), []string{"migratingsqlite.locked"})
	if wait, _ := records(t, log)[0]["lock_wait"].(float64); wait <= 0 {
		t.Error("the log record does not say how long it waited:", log)
	}
}

// recordMetrics makes a reader the global meter provider until the test ends.
// It returns what reads the histograms' counts, by name, unit and outcome.
func recordMetrics(t testing.TB) (read func() map[string]uint64) {
	t.Helper()
	reader := sdkmetric.NewManualReader()
	otel.SetMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	t.Cleanup(func() { otel.SetMeterProvider(noopmetric.NewMeterProvider()) })
	return func() map[string]uint64 {
		t.Helper()
		var all metricdata.ResourceMetrics
		must(t, reader.Collect(context.Background(), &all))
		counts := map[string]uint64{}
		for _, scope := range all.ScopeMetrics {
			want(t, scope.Scope.Name, scopeName)
			for _, m := range scope.Metrics {
				for _, point := range m.Data.(metricdata.Histogram[float64]).DataPoints {
					if point.Sum <= 0 || m.Description == "" {
						t.Errorf("%s: %+v", m.Name, point)
					}
					a := attributes(point.Attributes.ToSlice())
					want(t, len(a), 1) // few values, so that few series come of it
					counts[fmt.Sprint(m.Name, " ", m.Unit, " ", a["migratingsqlite.outcome"])] += point.Count
				}
			}
		}
		return counts
	}
}

func TestUpgradeIsMeasured(t *testing.T) {
	read := recordMetrics(t)
	must(t, with(t, filepath.Join(t.TempDir(), "app.db"), users(t), migratingsqlite.WithTrace("off")))
	want(t, read(), map[string]uint64{
		"migratingsqlite.upgrade.duration s applied":   1,
		"migratingsqlite.migration.duration s applied": 3,
	})
}

func TestUpgradeIsLogged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	logger, log := recordLogs()
	before := slog.Default()
	slog.SetDefault(logger)
	defer slog.SetDefault(before)
	must(t, with(t, path, users(t), migratingsqlite.WithTo(2), migratingsqlite.WithTrace("off")))

	own, ownLog := recordLogs()
	must(t, with(t, path, users(t), migratingsqlite.WithLogger(own)))

	for i, b := range []*bytes.Buffer{log, ownLog} {
		logged := records(t, b)
		want(t, len(logged), 1)
		r := logged[0]
		want(t, r["level"], any("INFO"))
		want(t, r["msg"], any("migratingsqlite: the database was upgraded"))
		want(t, r["database"], any(path))
		want(t, r["app"], any([]map[string]any{
			{"from": 0., "to": 2., "pending": 2.}, {"from": 2., "to": 3., "pending": 1.},
		}[i]))
		want(t, r["applied"], any([]float64{2, 1}[i]))
		if duration, _ := r["duration"].(float64); duration <= 0 {
			t.Error("no duration:", b)
		}
		if strings.Contains(b.String(), seed) {
			t.Error("seed data was logged:", b)
		}
	}
}

// A log record stands in the trace that it belongs to.
func TestLogRecordCarriesTheSpan(t *testing.T) {
	s := recordSpans(t)
	h := &spanOfRecord{Handler: slog.DiscardHandler}
	must(t, with(t, filepath.Join(t.TempDir(), "app.db"), users(t), migratingsqlite.WithLogger(slog.New(h))))
	want(t, h.span.SpanID(), s.one(upgradeSpan).SpanContext().SpanID())
}

type spanOfRecord struct {
	slog.Handler
	span trace.SpanContext
}

func (h *spanOfRecord) Enabled(context.Context, slog.Level) bool { return true }

func (h *spanOfRecord) Handle(ctx context.Context, _ slog.Record) error {
	h.span = trace.SpanContextFromContext(ctx)
	return nil
}

func TestSeveralSetsAreTraced(t *testing.T) {
	s := recordSpans(t)
	one := load(t, "one", files("0001_a.sql", "CREATE TABLE a (x)"))
	two := load(t, "two", files("0001_b.sql", "CREATE TABLE b (x)"))
	must(t, open(t, filepath.Join(t.TempDir(), "app.db"), migratingsqlite.WithSet(one, two)).Ping())
	a := attributes(s.one(upgradeSpan).Attributes())
	want(t, a["migratingsqlite.sets"], any([]string{"one", "two"}))
	want(t, a["migratingsqlite.pending"], any(int64(2)))
	want(t, attributes(s.one("migration 0001_a").Attributes())["migratingsqlite.set"], any("one"))
	want(t, attributes(s.one("migration 0001_b").Attributes())["migratingsqlite.set"], any("two"))
}

// SQLite quotes the place of a syntax error, which may be a string.
func TestSyntaxErrorIsTracedWithoutItsData(t *testing.T) {
	s := recordSpans(t)
	logger, log := recordLogs()
	path := filepath.Join(t.TempDir(), "app.db")
	set := app(t, "0001_users.sql", "CREATE TABLE users (name TEXT); INSERT INTO users VALUES ('x' '"+seed+"');")
	err := with(t, path, set, migratingsqlite.WithLogger(logger))
	wantError(t, err, nil, "0001_users.sql:1:33: near a string: syntax error")
	recorded := strings.Join(rows(t, path, "SELECT error FROM migratingsqlite_history WHERE status = 'failed'"), "")
	for _, text := range []string{err.Error(), s.everything(), log.String(), recorded} {
		if text == "" || strings.Contains(text, seed) {
			t.Error("seed data was recorded, or nothing at all:", text)
		}
	}
}
