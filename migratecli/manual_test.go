package migratecli

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "write the commands into docs/cli.md")

// results is what each command writes with --json.
var results = map[string]any{
	"adopt":    takeover{},
	"backup":   backedUp{},
	"backups":  backupList{},
	"baseline": takeover{},
	"down":     downgrade{},
	"diff":     difference{},
	"dump":     dumped{},
	"new":      written{},
	"history":  history{},
	"plan":     plan{},
	"repair":   repair{},
	"restore":  restored{},
	"squash":   squashed{},
	"status":   status{},
	"unlock":   unlocked{},
	"up":       upgrade{},
	"validate": validation{},
	"verify":   verification{},
}

// TestManual keeps docs/cli.md true: its part about the commands is made of the
// commands themselves.
func TestManual(t *testing.T) {
	const path, mark = "../docs/cli.md", "<!-- Made by go test ./migratecli -run Manual -update. -->\n"
	text, err := os.ReadFile(path)
	must(t, err)
	head, _, ok := strings.Cut(string(text), mark)
	if !ok {
		t.Fatal("the mark is gone")
	}
	var b strings.Builder
	b.WriteString(head + mark)
	root := Tool()
	b.WriteString("\nFor all of them:\n")
	writeFlags(&b, root.PersistentFlags())
	for _, g := range root.Groups() {
		for _, cmd := range root.Commands() {
			if cmd.GroupID == g.ID {
				writeCommand(t, &b, cmd)
			}
		}
	}
	if *update {
		must(t, os.WriteFile(path, []byte(b.String()), 0o666))
	} else if string(text) != b.String() {
		t.Error("docs/cli.md is behind the commands: go test ./migratecli -run Manual -update")
	}
}

func writeCommand(t *testing.T, b *strings.Builder, cmd *cobra.Command) {
	fmt.Fprintf(b, "\n### %s\n\n```\n%s\n```\n\n%s\n", cmd.Name(), cmd.UseLine(), oneLine(cmd.Long))
	if cmd.Long == "" || cmd.Example == "" {
		t.Errorf("%s: --help has no text, or no example", cmd.Name())
	}
	writeFlags(b, cmd.LocalNonPersistentFlags())
	fmt.Fprintf(b, "\n```\n%s\n```\n", strings.ReplaceAll(strings.TrimPrefix(cmd.Example, "  "), "\n  ", "\n"))
	result, ok := results[cmd.Name()]
	if !ok {
		t.Errorf("%s: what does it write with --json?", cmd.Name())
		return
	}
	fmt.Fprintf(b, "\nWith `--json`:\n\n```\n%s\n```\n", shape(reflect.TypeOf(result), ""))
}

// oneLine makes the paragraphs of a terminal those of a page.
func oneLine(text string) string {
	paragraphs := strings.Split(text, "\n\n")
	for i, p := range paragraphs {
		paragraphs[i] = strings.ReplaceAll(p, "\n", " ")
	}
	return strings.Join(paragraphs, "\n\n")
}

func writeFlags(b *strings.Builder, flags *pflag.FlagSet) {
	first := true
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" || f.Name == "version" {
			return
		}
		if first {
			b.WriteString("\n| flag | meaning | default |\n|---|---|---|\n")
			first = false
		}
		kind, usage := pflag.UnquoteUsage(f)
		name := "--" + f.Name
		if kind != "" {
			name += " " + strings.ToUpper(kind)
		}
		value := f.DefValue
		switch {
		case value == "false" || value == "" || value == "0" || value == "[]":
			value = ""
		case f.Name == "parallel":
			value = "four for each processor"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", name, strings.ReplaceAll(usage, "|", "\\|"), value)
	})
}

// shape shows a type as the JSON that it becomes.
func shape(t reflect.Type, indent string) string {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return "time as in RFC 3339"
	case t == reflect.TypeFor[json.RawMessage]():
		return "object"
	case t.Kind() == reflect.Pointer:
		return shape(t.Elem(), indent)
	case t.Kind() == reflect.Slice:
		return "[" + shape(t.Elem(), indent) + ", …]"
	case t.Kind() == reflect.Map:
		return "{name: " + shape(t.Elem(), indent) + ", …}"
	case t.Kind() == reflect.String:
		return "text"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() != reflect.Struct:
		return "number"
	}
	var b strings.Builder
	b.WriteString("{\n")
	for f := range structFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		maybe := ""
		if strings.Contains(options, "omit") {
			maybe = "   (if there is one)"
		}
		inside := shape(f.Type, indent+"  ")
		fmt.Fprintf(&b, "%s  %q: %s%s\n", indent, name, inside, maybe)
	}
	return b.String() + indent + "}"
}

func structFields(t reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			f := t.Field(i)
			if f.Anonymous {
				for inner := range structFields(f.Type) {
					if !yield(inner) {
						return
					}
				}
				continue
			}
			if f.IsExported() && f.Tag.Get("json") != "-" && !yield(f) {
				return
			}
		}
	}
}
