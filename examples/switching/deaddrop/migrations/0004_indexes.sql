CREATE INDEX IF NOT EXISTS rooms_by_namespace ON rooms (ns);
CREATE INDEX IF NOT EXISTS room_members_by_identity ON room_members (ns, identity_id);
CREATE INDEX IF NOT EXISTS invites_by_namespace ON invites (ns);
