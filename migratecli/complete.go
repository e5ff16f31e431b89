package migratecli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/lint"
	"github.com/migratingsqlite/migratingsqlite/internal/source"
)

// complete lets the shell offer what flags and arguments take. Databases are
// files, which it offers by itself.
func (t *tool) complete(root *cobra.Command) {
	offer := map[string]cobra.CompletionFunc{
		"copy-in": folders,
		"dir":     folders,
		"explain": cobra.FixedCompletions(lint.Codes(), cobra.ShellCompDirectiveNoFileComp),
		"layout":  cobra.FixedCompletions(source.Names(), cobra.ShellCompDirectiveNoFileComp),
		"set":     t.setNames,
		"to":      t.versions,
		"version": t.versions,
	}
	for _, cmd := range append(root.Commands(), root) {
		for name, f := range offer {
			if flag := cmd.Flag(name); flag != nil && flag.Value.Type() != "bool" {
				cmd.RegisterFlagCompletionFunc(name, f) // fails only if it is done twice
			}
		}
		if cmd != root && cmd.ValidArgsFunction == nil && !strings.Contains(cmd.Use, "DATABASE") {
			cmd.ValidArgsFunction = cobra.NoFileCompletions
		}
	}
}

func folders(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// setNames are those in the history of a database that was named already.
func (t *tool) setNames(cmd *cobra.Command, args []string, _ string) (list []string, _ cobra.ShellCompDirective) {
	err := t.loadNone()
	for _, dsn := range args {
		if err == nil {
			var name string
			if name, err = t.setName(cmd.Context(), dsn); name != "" {
				list = append(list, name)
			}
		}
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}

// versions are those of the migrations.
func (t *tool) versions(cmd *cobra.Command, args []string, _ string) (list []string, _ cobra.ShellCompDirective) {
	var sets []*migratingsqlite.Set
	if err := t.findSet(cmd.Context()); err == nil {
		if m, err := t.migrator(":memory:"); err == nil {
			sets = m.Sets()
			m.Close()
		}
	}
	for _, set := range sets {
		for _, m := range set.Migrations() {
			if m.Version > 0 {
				list = append(list, fmt.Sprintf("%d\t%s", m.Version, m.Name))
			}
		}
	}
	return list, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}
