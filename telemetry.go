package migratingsqlite

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"runtime/debug"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
	"github.com/migratingsqlite/migratingsqlite/internal/snapshot"
)

// Every name that telemetry uses. Those that begin with db. and error. are
// OpenTelemetry's semantic conventions.
// https://opentelemetry.io/docs/specs/semconv/database/
const (
	scope = "github.com/migratingsqlite/migratingsqlite"

	spanUpgrade   = "migratingsqlite.upgrade"
	spanDowngrade = "migratingsqlite.downgrade"
	spanMigration = "migration " // and its label: migration 0007_add_prefs
	spanUndo      = "undo "      // the same, in a downgrade
	spanStatement = "statement"
	eventLocked   = "migratingsqlite.locked"   // the write lock or the lease is held from here on
	eventProgress = "migratingsqlite.progress" // of a migration in batches
	eventBackup   = "migratingsqlite.backup"   // a snapshot was taken, before anything was written

	metricUpgrade   = "migratingsqlite.upgrade.duration"   // histogram, s
	metricDowngrade = "migratingsqlite.downgrade.duration" // histogram, s
	metricMigration = "migratingsqlite.migration.duration" // histogram, s

	keySystem    = attribute.Key("db.system.name")
	keyNamespace = attribute.Key("db.namespace")
	keyOperation = attribute.Key("db.operation.name")
	keyQueryText = attribute.Key("db.query.text")
	keyErrorType = attribute.Key("error.type")

	keySet         = attribute.Key("migratingsqlite.set")
	keySets        = attribute.Key("migratingsqlite.sets") // where there are several
	keyFromVersion = attribute.Key("migratingsqlite.version.from")
	keyToVersion   = attribute.Key("migratingsqlite.version.to")
	keyPending     = attribute.Key("migratingsqlite.pending")
	keyLockWait    = attribute.Key("migratingsqlite.lock_wait_ms")
	keyOutcome     = attribute.Key("migratingsqlite.outcome")
	keyVersion     = attribute.Key("migratingsqlite.migration.version")
	keyName        = attribute.Key("migratingsqlite.migration.name")
	keyChecksum    = attribute.Key("migratingsqlite.migration.checksum")
	keyFile        = attribute.Key("migratingsqlite.migration.file")
	keyLine        = attribute.Key("migratingsqlite.migration.line")
	keyColumn      = attribute.Key("migratingsqlite.migration.column")
	keyStatements  = attribute.Key("migratingsqlite.migration.statements")
	keyRows        = attribute.Key("migratingsqlite.migration.rows_affected")
	keyRate        = attribute.Key("migratingsqlite.migration.rows_per_second")
	keyBackupPath  = attribute.Key("migratingsqlite.backup.path")
	keyBackupSize  = attribute.Key("migratingsqlite.backup.bytes")
	keyBackupTime  = attribute.Key("migratingsqlite.backup.duration_ms")
)

// The values of migratingsqlite.outcome.
const (
	outcomeApplied  = "applied"  // by this run
	outcomeUpToDate = "upToDate" // by another one, while this one waited
	outcomeUndone   = "undone"   // by a downgrade
	outcomeRefused  = "refused"
	outcomeLocked   = "locked"
	outcomeCanceled = "canceled"
	outcomeFailed   = "failed"
)

func outcomeOf(err error) string {
	var m *MigrationError
	switch {
	case err == nil:
		return outcomeApplied
	case errors.Is(err, errHeld), errors.Is(err, errLost):
		return outcomeLocked
	case errors.Is(err, ErrLocked):
		return outcomeLocked
	case errors.Is(err, errClosed), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return outcomeCanceled
	case errors.As(err, &m):
		return outcomeFailed
	case errors.Is(err, ErrChanged), errors.Is(err, ErrMissing), errors.Is(err, ErrOutOfOrder),
		errors.Is(err, ErrSchemaNewer), errors.Is(err, ErrUnknownSchema), errors.Is(err, ErrPending):
		return outcomeRefused
	}
	return outcomeFailed
}

// telemetry records one run. It begins with the first thing that is worth
// recording, so that looking at an up-to-date database costs nothing.
type telemetry struct {
	config *config
	down   *DownPlan // of a downgrade
	start  time.Time
	ctx    context.Context
	span   trace.Span
	tracer trace.Tracer
}

var version = sync.OnceValue(func() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == scope {
				return m.Version
			}
		}
	}
	return ""
})

// begin starts the span of the run, as a child of the span in ctx.
func (t *telemetry) begin(ctx context.Context, p *plan) context.Context {
	if t.span != nil {
		return t.ctx
	}
	if t.config.trace == traceOff {
		t.tracer = noop.NewTracerProvider().Tracer(scope)
	} else {
		t.tracer = otel.GetTracerProvider().Tracer(scope, trace.WithInstrumentationVersion(version()))
	}
	name := spanUpgrade
	if t.down != nil {
		name = spanDowngrade
	}
	t.ctx, t.span = t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(t.start))
	if t.recording() {
		t.span.SetAttributes(keySystem.String("sqlite"), keyNamespace.String(t.config.database))
	}
	t.plan(p)
	return t.ctx
}

func (t *telemetry) recording() bool { return t.span != nil && t.span.IsRecording() }

// plan records what a run is about to do. Version numbers are those of the set;
// of the last one where there are several.
func (t *telemetry) plan(p *plan) {
	if !t.recording() {
		return
	}
	if d := t.down; d != nil {
		t.span.SetAttributes(keySet.String(d.Set), keyFromVersion.Int64(d.From), keyToVersion.Int64(d.To), keyPending.Int(len(d.Steps)))
		return
	}
	s := p.last()
	t.span.SetAttributes(keySet.String(s.set.name), keyFromVersion.Int64(s.from), keyToVersion.Int64(s.after()), keyPending.Int(p.pending()))
	if len(t.config.sets) > 1 {
		t.span.SetAttributes(keySets.StringSlice(setNames(t.config.sets)))
	}
}

// waited records how long a run waited for the lock, and whether it got it.
func (t *telemetry) waited(d time.Duration, locked bool) {
	if !t.recording() {
		return
	}
	t.span.SetAttributes(keyLockWait.Int64(d.Milliseconds()))
	if locked {
		t.span.AddEvent(eventLocked)
	}
}

// backedUp records a snapshot.
func (t *telemetry) backedUp(s *snapshot.Snapshot, took time.Duration) {
	if t.recording() {
		t.span.AddEvent(eventBackup, trace.WithAttributes(keyBackupPath.String(s.Path), keyBackupSize.Int64(s.Size), keyBackupTime.Int64(took.Milliseconds())))
	}
}

// end ends the span of the run, and writes the log record of one that did
// something.
func (t *telemetry) end(outcome string, p *plan, r *report, err error) {
	if t.span == nil {
		return
	}
	elapsed := time.Since(t.start)
	if t.recording() {
		t.span.SetAttributes(keyOutcome.String(outcome))
		fail(t.span, err)
	}
	t.span.End()
	log, did := t.log(), "upgraded"
	attrs := []slog.Attr{slog.String("database", t.config.database), slog.Duration("duration", elapsed)}
	if d := t.down; d != nil {
		did = "downgraded"
		measure(t.ctx, metricDowngrade, "Duration of downgrades of a database.", elapsed, keyOutcome.String(outcome))
		attrs = append(attrs, slog.Group(d.Set, "from", d.From, "to", d.To, "steps", len(d.Steps)))
	} else {
		measure(t.ctx, metricUpgrade, "Duration of upgrades of a database.", elapsed, keyOutcome.String(outcome))
	}
	if r.Backup != "" {
		attrs = append(attrs, slog.String("backup", r.Backup))
	}
	for _, s := range p.sets {
		if s.set.name != ownSet && t.down == nil {
			attrs = append(attrs, slog.Group(s.set.name, "from", s.from, "to", s.after(), "pending", len(s.pending)))
		}
	}
	var panicked *panicError
	if errors.As(err, &panicked) {
		attrs = append(attrs, slog.String("stack", string(panicked.stack)))
	}
	repeated := outcome == outcomeRefused && t.config.repeats(err) // a busy pool asks again and again
	for _, s := range p.sets {
		if s.doubt != "" && !repeated {
			log.LogAttrs(t.ctx, slog.LevelWarn, "migratingsqlite: the database is not as it is said to be",
				slog.String("database", t.config.database), slog.String("baseline", s.doubt))
		}
	}
	switch {
	case repeated:
	case err != nil:
		log.LogAttrs(t.ctx, slog.LevelError, "migratingsqlite: the database was not "+did, append(attrs,
			slog.String("outcome", outcome), slog.String("error", err.Error()))...)
	case outcome == outcomeUndone:
		log.LogAttrs(t.ctx, slog.LevelInfo, "migratingsqlite: the database was downgraded", append(attrs, slog.Duration("lock_wait", r.LockWait))...)
	case outcome == outcomeApplied:
		log.LogAttrs(t.ctx, slog.LevelInfo, "migratingsqlite: the database was upgraded", append(attrs,
			slog.Int("applied", r.applied()), slog.Duration("lock_wait", r.LockWait))...)
	}
}

// migration starts the span of one migration. The driver's own books are not
// worth one.
func (t *telemetry) migration(d *done) (context.Context, func()) {
	m := d.migration
	start := time.Now()
	if d.set == ownSet {
		return t.ctx, func() { d.duration = time.Since(start) }
	}
	name, outcome := spanMigration, outcomeApplied
	if d.status == statusRolledBack {
		name, outcome = spanUndo, outcomeUndone
	}
	ctx, span := t.tracer.Start(t.ctx, name+m.String())
	if span.IsRecording() {
		span.SetAttributes(keySystem.String("sqlite"), keyNamespace.String(t.config.database), keySet.String(d.set),
			keyVersion.Int64(m.Version), keyName.String(m.Name), keyChecksum.String(m.Checksum))
		if m.File != "" {
			span.SetAttributes(keyFile.String(m.File))
		}
	}
	return ctx, func() {
		d.duration = time.Since(start)
		if span.IsRecording() {
			span.SetAttributes(keyStatements.Int(d.statements), keyRows.Int64(d.rows))
			fail(span, d.err)
		}
		span.End()
		if d.err != nil {
			outcome = outcomeOf(d.err)
		}
		measure(ctx, metricMigration, "Duration of single migrations.", d.duration, keyOutcome.String(outcome))
	}
}

// How often a migration in batches tells how far it is.
const (
	progressEvents  = time.Second
	progressRecords = 10 * time.Second
)

// progress returns what a migration in batches calls after each, with the rows
// that it has changed and those of them that this run has.
func (t *telemetry) progress(ctx context.Context, d *done) func(rows, ours int64) {
	start := time.Now()
	var event, record time.Time
	record = start // a short one is told of when the run is done
	return func(rows, ours int64) {
		now := time.Now()
		rate := float64(ours) / max(now.Sub(start).Seconds(), 1e-3)
		if span := trace.SpanFromContext(ctx); now.Sub(event) >= progressEvents && span.IsRecording() {
			event = now
			span.AddEvent(eventProgress, trace.WithAttributes(keyRows.Int64(rows), keyRate.Float64(rate)))
		}
		if now.Sub(record) >= progressRecords {
			record = now
			t.log().LogAttrs(ctx, slog.LevelInfo, "migratingsqlite: a migration goes on", slog.String("database", t.config.database),
				slog.String("migration", d.migration.String()), slog.Int64("rows", rows), slog.Float64("rows_per_second", math.Round(rate)))
		}
	}
}

func (t *telemetry) log() *slog.Logger {
	if t.config.logger != nil {
		return t.config.logger
	}
	return slog.Default()
}

// statement starts the span of one statement, if they are asked for.
func (t *telemetry) statement(ctx context.Context, set, kind, text string) (context.Context, func(error)) {
	if t.config.trace != traceStatements || set == ownSet {
		return ctx, func(error) {}
	}
	ctx, span := t.tracer.Start(ctx, spanStatement+" "+kind, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(keySystem.String("sqlite"), keyNamespace.String(t.config.database), keyOperation.String(kind), keyQueryText.String(text)))
	return ctx, func(err error) {
		fail(span, err)
		span.End()
	}
}

// statements records those that ran in a transaction that is over, one after the
// other. err is the error of the one behind those that went well.
func (t *telemetry) statements(ctx context.Context, set string, list []guarded, answers []engine.Answer, first int, start time.Time, well int, err error) {
	if t.config.trace != traceStatements || set == ownSet {
		return
	}
	for i, st := range list {
		kind := st.Kind.String()
		_, span := t.tracer.Start(ctx, spanStatement+" "+kind, trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(start),
			trace.WithAttributes(keySystem.String("sqlite"), keyNamespace.String(t.config.database), keyOperation.String(kind), keyQueryText.String(st.Text)))
		if i == well {
			fail(span, err)
		}
		if first+i < len(answers) { // the one that failed has none
			start = start.Add(answers[first+i].Duration)
		}
		span.End(trace.WithTimestamp(start))
	}
}

// fail records an error, with its position.
func fail(span trace.Span, err error) {
	if err == nil {
		return
	}
	span.SetStatus(codes.Error, err.Error())
	attrs := []attribute.KeyValue{keyErrorType.String(outcomeOf(err))}
	var m *MigrationError
	if errors.As(err, &m) && m.File != "" {
		attrs = append(attrs, keyFile.String(m.File))
		if m.Line > 0 {
			attrs = append(attrs, keyLine.Int(m.Line), keyColumn.Int(m.Column))
		}
	}
	span.SetAttributes(attrs...)
	span.RecordError(err)
}

func measure(ctx context.Context, name, description string, d time.Duration, attrs ...attribute.KeyValue) {
	h, err := otel.GetMeterProvider().Meter(scope).Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(description))
	if err == nil {
		h.Record(ctx, d.Seconds(), metric.WithAttributes(attrs...))
	}
}
