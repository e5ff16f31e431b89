package migratecli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/snapshot"
)

// defaultBackups is the folder of snapshots where nothing else names one.
const defaultBackups = "backups"

// backupFolder is the folder of snapshots of a database.
func backupFolder(m *migratingsqlite.Migrator, flag string) string {
	return cmp.Or(flag, m.BackupFolder(), defaultBackups)
}

func inFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("in", "", "the `FOLDER` of the backups (default: that of _migrate_backup, or backups)")
}

// file is the path of a database, or why it has none.
func file(m *migratingsqlite.Migrator) (string, error) {
	if m.Path() == "" {
		return "", fmt.Errorf("migratingsqlite: %s: it has no file; a server keeps backups itself, and a database in memory is gone when it is closed", m.Database())
	}
	return m.Path(), nil
}

// backedUp is what backup has done.
type backedUp struct {
	Database string   `json:"database"`
	Path     string   `json:"path"`
	Bytes    int64    `json:"bytes"`
	Removed  []string `json:"removed"`
}

func (t *tool) backup() *cobra.Command {
	keep := 0
	cmd := &cobra.Command{
		Use:   "backup [DATABASE]...",
		Short: "Copy a database while it is in use",
		Long: `Copy a database while it is in use: the state of one moment, in a file that is
there as a whole or not at all. Its name has the database's, the time and the
version.

The folder is made if it is missing, but none above it. With --keep the oldest
backups of the database are removed, of each version the newest last; other files
stay. Programs take one before each upgrade if they say _migrate_backup;
docs/backups.md has more.`,
		Example: "  migratingsqlite backup app.db\n  migratingsqlite backup 'data/*.db' --in /mnt/backups --keep 30",
		Args:    t.databases,
	}
	in := inFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if keep < 1 && cmd.Flags().Changed("keep") {
			return usageError(cmd, "--keep %d: wants at least 1", keep)
		}
		t.anySet = true
		return t.each(cmd, args, t.on(func(ctx context.Context, m *migratingsqlite.Migrator) (result, error) {
			folder := backupFolder(m, *in)
			path, err := m.Backup(ctx, folder)
			if err != nil {
				return nil, err
			}
			r := &backedUp{Database: m.Database(), Path: path, Removed: []string{}}
			info, err := os.Stat(path)
			if err != nil {
				return nil, err
			}
			r.Bytes = info.Size()
			if keep > 0 {
				removed, err := snapshot.Prune(folder, m.Path(), keep)
				if err != nil {
					return nil, fmt.Errorf("migratingsqlite: %s: %s was written, but the oldest were not removed: %w", m.Database(), path, err)
				}
				r.Removed = append(r.Removed, removed...)
			}
			return r, nil
		}))
	}
	cmd.Flags().IntVar(&keep, "keep", 0, "remove the oldest but `N` (default: all stay)")
	t.fleet.flags(cmd)
	return cmd
}

func (r *backedUp) code() int     { return 0 }
func (r *backedUp) brief() string { return "backed up" }

func (r *backedUp) text(p *printer) {
	p.printf("%s  %s to %s (%s)\n", p.paint(bold, r.Database), p.paint(good, "copied"), r.Path, snapshot.Size(r.Bytes))
	for _, path := range r.Removed {
		p.printf("  %s %s\n", p.paint(open, "removed"), path)
	}
}

// backupList is what there is of one database.
type backupList struct {
	Database string        `json:"database"`
	Folder   string        `json:"folder"`
	Backups  []backupEntry `json:"backups"`
}

type backupEntry struct {
	Path    string    `json:"path"`
	TakenAt time.Time `json:"taken_at"`
	Version int64     `json:"version"`
	Bytes   int64     `json:"bytes"`
	Checked bool      `json:"checked"`
	Damage  string    `json:"damage,omitempty"`
}

func (t *tool) backups() *cobra.Command {
	check := false
	cmd := &cobra.Command{
		Use:   "backups [DATABASE]...",
		Short: "List the backups of a database, the newest last",
		Long: `List the backups of a database, the newest last: those that backup has made, and
those that programs made before they upgraded. The version is the one that the
database was at.

With --check each is read, and compared with what was written by the sum in its
name; the exit code is 1 if one is damaged.`,
		Example: "  migratingsqlite backups app.db\n  migratingsqlite backups --check --in /mnt/backups app.db",
		Args:    t.databases,
	}
	in := inFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		t.anySet = true
		return t.each(cmd, args, t.on(func(ctx context.Context, m *migratingsqlite.Migrator) (result, error) {
			path, err := file(m)
			if err != nil {
				return nil, err
			}
			r := &backupList{Database: m.Database(), Folder: backupFolder(m, *in), Backups: []backupEntry{}}
			list, err := snapshot.List(r.Folder, path)
			if err != nil {
				return nil, fmt.Errorf("migratingsqlite: %s: %w", m.Database(), err)
			}
			for _, s := range list {
				e := backupEntry{Path: s.Path, TakenAt: s.Time, Version: s.Version, Bytes: s.Size, Checked: check}
				if check {
					if err := snapshot.Check(ctx, s.Path); ctx.Err() != nil {
						return nil, err
					} else if err != nil {
						e.Damage = err.Error()
					}
				}
				r.Backups = append(r.Backups, e)
			}
			return r, nil
		}))
	}
	cmd.Flags().BoolVar(&check, "check", false, "read them all")
	t.fleet.flags(cmd)
	return cmd
}

func (r *backupList) damaged() (n int) {
	for _, b := range r.Backups {
		if b.Damage != "" {
			n++
		}
	}
	return n
}

func (r *backupList) code() int {
	if r.damaged() > 0 {
		return exitFailed
	}
	return 0
}

func (r *backupList) brief() string {
	text := count(len(r.Backups), "backup")
	if n := r.damaged(); n > 0 {
		text += fmt.Sprintf(", %d of them damaged", n)
	}
	return text
}

func (r *backupList) text(p *printer) {
	p.printf("%s  %s in %s\n", p.paint(bold, r.Database), r.brief(), r.Folder)
	for _, b := range r.Backups {
		p.printf("\n  %s  version %d, %s", p.paint(bold, when(b.TakenAt)), b.Version, snapshot.Size(b.Bytes))
		switch {
		case b.Damage != "":
			p.printf(", %s", p.paint(bad, "damaged"))
		case b.Checked:
			p.printf(", %s", p.paint(good, "whole"))
		}
		p.printf("\n  %s\n", b.Path) // on a line of its own, to be copied
		if b.Damage != "" {
			p.printf("  %s\n", b.Damage)
		}
	}
}

// restored is what restore has done, or would.
type restored struct {
	Database string     `json:"database"`
	Path     string     `json:"path"`
	TakenAt  *time.Time `json:"taken_at,omitempty"`
	Version  int64      `json:"version,omitempty"`
	Done     bool       `json:"done"`
	Kept     string     `json:"kept,omitempty"`
}

func (t *tool) restore() *cobra.Command {
	use, least := "restore DATABASE BACKUP", 2
	if t.embedded && t.dsn != "" {
		use, least = "restore [DATABASE] BACKUP", 1
	}
	cmd := &cobra.Command{
		Use:   use,
		Short: "Make a database what it was when a backup was taken",
		Long: `Make a database what it was when a backup was taken. The backup is checked first,
and what it replaces is kept in a file beside the database, which restore takes
back. Killed at any moment, the database is as it was; run it again.

It refuses while others have the database open: stop them. A program that has newer
migrations applies them again when it opens the database: start one that has not,
or say _migrate_to.

BACKUP may be any SQLite database that is sound. backups lists them.`,
		Example: "  migratingsqlite restore app.db backups/app.db-20261122T083405.123456Z-v6-0a1b2c3d4e5f-0123456789abcdef.snapshot",
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) < least:
				return usageError(cmd, "which database, and which backup? Say %s; backups lists them", use)
			case len(args) > 2:
				return usageError(cmd, "it takes one database and one backup")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			t.anySet = true
			return t.each(cmd, args[:len(args)-1], func(ctx context.Context, dsn string) (string, result, error) {
				m, err := t.migrator(dsn)
				if err != nil {
					return t.name(dsn), nil, err
				}
				path, err := file(m)
				if err := errors.Join(err, m.Close()); err != nil { // nobody has it open
					return m.Database(), nil, err
				}
				r := newRestored(m.Database(), path, args[len(args)-1])
				if err := snapshot.Check(ctx, r.Path); err != nil {
					return m.Database(), nil, err
				}
				if err := t.confirm(cmd, r, "Make "+m.Database()+" what it was then?"); err != nil {
					return m.Database(), nil, err
				}
				if r.Kept, err = snapshot.Restore(ctx, r.Path, path); err != nil {
					return m.Database(), nil, fmt.Errorf("migratingsqlite: %s: %w", m.Database(), err)
				}
				r.Done = true
				return m.Database(), r, nil
			})
		},
	}
	t.yesFlag(cmd)
	return cmd
}

// newRestored finds out what a backup's name says, if it is the database's own.
func newRestored(name, database, path string) *restored {
	r := &restored{Database: name, Path: path}
	list, _ := snapshot.List(filepath.Dir(path), database)
	for _, s := range list {
		if filepath.Base(s.Path) == filepath.Base(path) {
			r.TakenAt, r.Version = &s.Time, s.Version
		}
	}
	return r
}

func (r *restored) code() int     { return 0 }
func (r *restored) brief() string { return "restored" }

func (r *restored) text(p *printer) {
	p.printf("%s  ", p.paint(bold, r.Database))
	if r.Done {
		p.printf("%s from %s\n", p.paint(good, "restored"), r.Path)
	} else {
		p.printf("to be restored from %s\n", r.Path)
	}
	if r.TakenAt != nil {
		p.printf("  taken %s, at version %d\n", when(*r.TakenAt), r.Version)
	} else if strings.HasSuffix(r.Path, ".snapshot") && snapshot.IsCopy(r.Path) {
		p.printf("  %s\n", p.paint(bad, "taken of another database, or of this one in another place"))
	}
	if r.Kept != "" {
		p.printf("  what was there is in %s\n", r.Kept)
	}
}
