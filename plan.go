package migratingsqlite

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// plan is what a run would do to a database, or why it may not.
type plan struct {
	sets      []setPlan // the driver's own set first
	setAppID  bool
	empty     bool     // the database has no tables and no history
	known     []string // the sets that it has a history of
	traced    bool     // a failed attempt was recorded in it
	committed bool     // a part of it was
	begun     bool     // an earlier run has done a part of it
	newest    int64    // version in the database, of whatever set
	lease     leaseRow
	refusal   error
	forbidden error // the part of it that is about any writing, not only upgrades
}

// setPlan is the part of one set.
type setPlan struct {
	set        *Set
	from       int64 // the newest version that the database had before the run
	version    int64 // the newest that it has, of what is committed
	target     []Migration
	records    []record    // of this set, by version
	baseline   []Migration // to be recorded as being there
	legacy     string      // what says so
	doubt      string      // that, and what speaks against it
	pending    []Migration // to be applied, in this order
	repeatable []Migration // unchanged; a versioned one in pending may drop what they create
	newer      []record    // current ones that the set does not know
	stands     bool        // its first migration stands for others, which the database has
	digest     string      // of the state after the run
	refresh    bool        // the recorded digest is out of date
}

// must reports whether there is anything that has to be written.
func (p *plan) must() bool {
	return p.setAppID || slices.ContainsFunc(p.sets, func(s setPlan) bool {
		return len(s.pending) > 0 || len(s.baseline) > 0
	})
}

// may reports whether there is anything to be written: at least a digest that
// lets the next open go the fast way.
func (p *plan) may() bool {
	return p.must() || slices.ContainsFunc(p.sets, func(s setPlan) bool { return s.refresh })
}

// last is the part of the last set, which stands for all where one number must do.
func (p *plan) last() *setPlan { return &p.sets[len(p.sets)-1] }

// pending counts the migrations to apply, without the driver's own.
func (p *plan) pending() (n int) {
	for _, s := range p.sets {
		if s.set.name != ownSet {
			n += len(s.pending)
		}
	}
	return n
}

// state says in what state a refused or failed run leaves the database.
func (p *plan) state(set string) string {
	unchanged := "unchanged, "
	switch {
	case p.committed:
		unchanged = ""
	case p.empty && p.traced:
		return "the database is unchanged, still empty but for a record of this failure"
	case p.empty:
		return "the database is unchanged, still empty"
	case p.known == nil:
		return "the database is unchanged"
	case !slices.ContainsFunc(p.sets, func(s setPlan) bool { return slices.Contains(p.known, s.set.name) }):
		return fmt.Sprintf("the database is unchanged; its history is of set %s, not of this program's: was the set renamed, or is it another program's file?", strings.Join(p.known, ", "))
	}
	for _, s := range p.sets {
		if s.set.name == set || set == "" && s.set.name != ownSet {
			return fmt.Sprintf("the database is %sat version %d%s", unchanged, s.version, p.halfDone())
		}
	}
	return "the database is unchanged"
}

// after takes over what an earlier plan of the same run has come to.
func (p *plan) after(earlier *plan) *plan {
	p.committed = earlier.committed
	for i := range p.sets {
		if p.committed {
			p.sets[i].from = earlier.sets[i].from
		}
	}
	return p
}

// halfDone says which migration was cut off.
func (p *plan) halfDone() string {
	half := p.lease.progress
	if half.statements+half.rows == 0 {
		return ""
	}
	for _, s := range p.sets {
		for _, m := range s.pending {
			if s.set.name == half.set && m.Version == half.version && m.Checksum == half.checksum {
				return fmt.Sprintf(", and migration %s is half done (%s), which the next open goes on with", m, half)
			}
		}
	}
	return ""
}

// versioned is how many of the pending migrations have versions. They come
// first.
func (s *setPlan) versioned() int {
	if i := slices.IndexFunc(s.pending, func(m Migration) bool { return m.Version == 0 }); i >= 0 {
		return i
	}
	return len(s.pending)
}

// needsSteps reports whether a pending migration cannot be in one transaction
// with the others.
func (p *plan) needsSteps() bool {
	return slices.ContainsFunc(p.sets, func(s setPlan) bool {
		return slices.ContainsFunc(s.pending, func(m Migration) bool { return m.manner != inTransaction })
	})
}

// newPlan compares what the database has with what the program has. It is the
// one place where a run is refused.
func newPlan(c *config, b *books) *plan {
	p := &plan{known: b.known(), lease: b.lease}
	p.empty = p.known == nil && len(b.others) == 0
	var refusals []error
	if err := p.checkAppID(c, b); err != nil {
		refusals = append(refusals, err)
	}
	forbidden := slices.Clip(refusals)
	switch {
	case p.known != nil || p.empty || c.baseline == baselineNone || c.baselineAt > 0:
	case b.legacy == nil:
		why, cure := "", ""
		if len(c.sets) > 1 {
			why, cure = ", and with several sets none of another tool is looked for", "open it once with the set alone whose tables they are (_migrate_set)"
		}
		refusals = append(refusals, unknownSchema(c, b, why, cure))
	default:
		refusals = append(refusals, b.legacy.refusals...)
	}
	ownConfig, ownBooks := &config{newer: newerCompatible}, b
	if !b.hasHistory || !b.hasState || !b.hasLease {
		ownBooks = &books{} // to be made anew, whatever is said of them
	}
	s, err := planSet(ownConfig, ownBooks, bookkeeping())
	p.sets, refusals = append(p.sets, s), append(refusals, err...)
	p.forbidden = join(append(forbidden, err...))
	for _, r := range b.records {
		if r.set != ownSet && r.current() {
			p.newest = max(p.newest, r.version)
		}
	}
	for _, set := range c.sets {
		p.begun = p.begun || b.begun(set)
		s, err := planSet(c, b, set)
		if len(c.sets) > 1 {
			for i := range err {
				err[i] = fmt.Errorf("set %s: %w", set.name, err[i])
			}
		}
		p.sets, refusals = append(p.sets, s), append(refusals, err...)
	}
	if c.recording && !slices.ContainsFunc(p.sets, func(s setPlan) bool { return len(s.baseline) > 0 }) {
		p.sets[0].pending, p.setAppID = nil, false
	}
	if err := p.checkHalfDone(c, b); err != nil {
		refusals = append(refusals, err)
	}
	p.refusal = join(refusals)
	return p
}

// checkHalfDone refuses to begin migrations of which it is written down how far
// they are while that is written of one that only another program can go on with.
func (p *plan) checkHalfDone(c *config, b *books) error {
	half := b.lease.progress
	if half.statements+half.rows == 0 || !p.needsSteps() && (c.other == nil || c.other.Server == nil || !p.must()) {
		return nil
	}
	for _, s := range p.sets {
		if s.set.name == half.set && s.set.has(half.version) {
			return nil // planSet has looked at it
		}
	}
	for _, r := range b.records {
		if r.set == half.set && r.version == half.version && r.checksum == half.checksum && r.current() {
			return nil
		}
	}
	return refuse(ErrPending, "another program has left migration %d of set %s half done (%s); start that program first, which goes on with it", half.version, half.set, half)
}

func (p *plan) checkAppID(c *config, b *books) error {
	if !c.hasAppID || b.appID == c.appID {
		return nil
	}
	if p.empty || p.known != nil && b.appID == 0 {
		p.setAppID = true
		return nil
	}
	return refuse(ErrUnknownSchema, "its application_id is %#x, not %#x: it belongs to another application", uint32(b.appID), uint32(c.appID))
}

// unknownSchema refuses a database that has tables and no history. why says what
// was found out about it, and cure what is the first thing to do then.
func unknownSchema(c *config, b *books, why, cure string) error {
	names := b.others
	more := ""
	if len(names) > 5 {
		names, more = names[:5], ", …"
	}
	version := ""
	if len(c.sets) == 1 && c.sets[0].newest() > 0 {
		version = fmt.Sprintf(" (the program's newest is %d)", c.sets[0].newest())
	}
	return refuse(ErrUnknownSchema, "it has tables (%s%s) but no history of migrations%s; %s%s; _migrate_baseline=none applies all migrations to what is there",
		strings.Join(names, ", "), more, why, cmp.Or(cure, "say with _migrate_baseline=N that they are as version N leaves them"), version)
}

// is joins names and the verb for one or several.
func is(names []string, one, several string) string {
	if len(names) == 1 {
		return names[0] + " " + one
	}
	return strings.Join(names, ", ") + " " + several
}

func planSet(c *config, b *books, set *Set) (s setPlan, refusals []error) {
	s = setPlan{set: set, target: set.upTo(c.to)}
	current := map[key]record{}
	in := set.standIn()
	var older []Migration // that it may stand for
	for _, r := range b.records {
		if r.set != set.name {
			continue
		}
		s.records = append(s.records, r)
		if !r.current() {
			continue
		}
		current[keyOf(r.version, r.name)] = r
		s.version = max(s.version, r.version)
		if in != nil && r.version > 0 && r.version <= in.Version {
			older = append(older, Migration{Version: r.version, Checksum: r.checksum})
		}
	}
	var squashed error
	if s.stands, squashed = set.stands(older, s.version); squashed != nil {
		refusals = append(refusals, squashed)
	}
	var missing []string
	for _, r := range s.records {
		switch {
		case !r.current() || r.version == 0 || set.has(r.version):
		case (s.stands || squashed != nil) && r.version < in.Version:
		case r.version > set.newest():
			s.newer = append(s.newer, r)
		default:
			missing = append(missing, r.String())
		}
	}
	s.from = s.version
	if len(missing) > 0 {
		cure := "put the file back as it was"
		if len(missing) > 1 {
			cure = "put the files back as they were"
		}
		refusals = append(refusals, refuse(ErrMissing, "%s but not among the program's migrations, although newer ones are; %s", is(missing, "is applied", "are applied"), cure))
	}
	if err := checkNewer(c, s); err != nil {
		refusals = append(refusals, err)
	}
	if !slices.Contains(b.known(), set.name) && len(b.others) > 0 && c.baselineAt > 0 {
		s.from, s.version = c.baselineAt, c.baselineAt // other sets may have a history: this one may have been renamed
		s.legacy = fmt.Sprintf("_migrate_baseline=%d", c.baselineAt)
	}
	if l := b.legacy; l != nil && len(l.refusals) == 0 {
		s.from, s.version, s.legacy = l.newest(), l.newest(), l.from
	}
	if s.legacy != "" && b.doubt != "" {
		s.doubt = s.legacy + ", although " + b.doubt
		s.legacy = s.doubt
	}
	var late []string
	for _, m := range s.target {
		if p := b.lease.progress; p.set == set.name && p.version == m.Version && m.Version > 0 && p.checksum != m.Checksum && p.statements+p.rows > 0 {
			refusals = append(refusals, refuse(ErrChanged, "migration %s was edited while it was half done (%s): put the text back as it was; only if the new text can begin again on what is there, empty the table %s instead", m, p, leaseTable))
		}
		r, ok := current[keyOf(m.Version, m.Name)]
		switch {
		case m.Version > 0 && in != nil && m.Version == in.Version && (s.stands || squashed != nil):
			if !ok && s.stands {
				s.baseline = append(s.baseline, m)
				s.legacy = cmp.Or(s.legacy, "the migrations that it stands for")
			}
		case ok && r.checksum == m.Checksum:
			if m.Version == 0 {
				s.repeatable = append(s.repeatable, m)
			}
		case ok && m.Version > 0:
			refusals = append(refusals, refuse(ErrChanged, "migration %s was edited after it had been applied: %s has checksum %s, applied was %s; put the text back as it was and make the change in a new migration",
				m, cmp.Or(m.File, "the function"), short(m.Checksum), short(r.checksum)))
		case m.Version == 0 && len(s.newer) > 0:
			// A newer program's repeatable migrations are not taken back.
		case b.legacy != nil && b.legacy.applied[keyOf(m.Version, m.Name)],
			b.legacy == nil && m.Version > 0 && m.Version <= s.version && len(current) == 0:
			s.baseline = append(s.baseline, m)
		default:
			if m.Version > 0 && m.Version < s.version {
				late = append(late, m.String())
			}
			s.pending = append(s.pending, m)
		}
	}
	if !slices.ContainsFunc(s.pending, func(m Migration) bool { return m.Version > 0 }) {
		s.repeatable = nil
	}
	if c.recording && set.name != ownSet {
		s.pending, s.digest = nil, digest(s.baseline)
		return s, refusals
	}
	if len(late) > 0 && !c.outOfOrder {
		cure := "give it a version"
		if len(late) > 1 {
			cure = "give them versions"
		}
		refusals = append(refusals, refuse(ErrOutOfOrder, "%s although version %d is applied already; %s above that, or allow it with _migrate_out_of_order=true",
			is(late, "is pending", "are pending"), s.version, cure))
	}
	s.digest = s.digestAfter(current)
	recorded, ok := b.digests[set.name]
	s.refresh = recorded != s.digest && (len(s.newer) == 0 && c.to == 0 || !ok)
	return s, refusals
}

func checkNewer(c *config, s setPlan) error {
	if len(s.newer) == 0 || c.newer == newerAllow {
		return nil
	}
	var breaking []string
	for _, r := range s.newer {
		if !r.compatible {
			breaking = append(breaking, r.String())
		}
	}
	switch {
	case c.newer == newerRefuse:
		return refuse(ErrSchemaNewer, "the database is at version %d and this program knows versions up to %d; start a newer program", s.version, s.set.newest())
	case len(breaking) > 0:
		return refuse(ErrSchemaNewer, "the database is at version %d, this program knows versions up to %d, and what came after is not compatible with it (%s); start a newer program",
			s.version, s.set.newest(), strings.Join(breaking, ", "))
	}
	return nil
}

// digestAfter is the digest of what the database has after the run: the set's
// own, unless it has newer migrations as well.
func (s *setPlan) digestAfter(current map[key]record) string {
	last := int64(0)
	for _, m := range s.target {
		last = max(last, m.Version)
	}
	var beyond []Migration
	for _, r := range current {
		if r.version > last {
			beyond = append(beyond, Migration{Version: r.version, Checksum: r.checksum})
		}
	}
	if len(beyond) == 0 {
		return digest(s.target)
	}
	slices.SortFunc(beyond, func(a, b Migration) int { return cmp.Compare(a.Version, b.Version) })
	repeatable := slices.IndexFunc(s.target, func(m Migration) bool { return m.Version == 0 })
	if repeatable < 0 {
		repeatable = len(s.target)
	}
	return digest(slices.Concat(s.target[:repeatable], beyond, s.target[repeatable:]))
}

// because says why the baseline is taken to be there.
func (s *setPlan) because() string {
	if len(s.baseline) == 0 {
		return ""
	}
	return s.legacy
}

// after returns the version after the run.
func (s *setPlan) after() int64 {
	v := s.version
	for _, m := range s.pending {
		v = max(v, m.Version)
	}
	return v
}

// key tells the migrations of a set apart: by version, the repeatable ones by
// name.
type key struct {
	version int64
	name    string
}

func keyOf(version int64, name string) key {
	if version > 0 {
		name = ""
	}
	return key{version, name}
}

// short is as much of a checksum as one needs to tell two apart.
func short(checksum string) string {
	if len(checksum) > len("sha256:")+12 {
		return checksum[:len("sha256:")+12] + "…"
	}
	return checksum
}
