package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// spanPrinter prints traces as indented trees. Children end before their
// parents do, so it keeps them until the parent comes.
type spanPrinter struct {
	w        io.Writer
	children map[trace.SpanID][]sdktrace.ReadOnlySpan
	printed  int
}

// ExportSpans is called for each span as it ends, one call at a time.
func (p *spanPrinter) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	if p.children == nil {
		p.children = map[trace.SpanID][]sdktrace.ReadOnlySpan{}
	}
	for _, s := range spans {
		if parent := s.Parent(); parent.IsValid() {
			p.children[parent.SpanID()] = append(p.children[parent.SpanID()], s)
		} else {
			p.print(s, 0)
		}
	}
	return nil
}

func (p *spanPrinter) Shutdown(context.Context) error { return nil }

func (p *spanPrinter) print(s sdktrace.ReadOnlySpan, depth int) {
	p.printed++
	indent := strings.Repeat("  ", depth)
	took := s.EndTime().Sub(s.StartTime()).Round(10 * time.Microsecond)
	fmt.Fprintf(p.w, "%-42s %8s  %s\n", indent+s.Name(), took, strings.Join(shown(s), " "))
	if s.Status().Code == codes.Error {
		fmt.Fprintf(p.w, "%s  error: %s\n", indent, s.Status().Description)
	}
	id := s.SpanContext().SpanID()
	for _, child := range p.children[id] {
		p.print(child, depth+1)
	}
	delete(p.children, id)
}

// shown picks the attributes that say something new to a reader.
func shown(s sdktrace.ReadOnlySpan) (list []string) {
	for _, a := range s.Attributes() {
		key := strings.TrimPrefix(strings.TrimPrefix(string(a.Key), "migratingsqlite."), "migration.")
		if key == "db.namespace" && s.Parent().IsValid() {
			continue // the same as the parent's
		}
		if slices.Contains([]string{"db.namespace", "set", "version.from", "version.to", "pending", "outcome", "statements", "rows_affected"}, key) {
			list = append(list, key+"="+a.Value.String())
		}
	}
	return list
}
