INSERT INTO raw_traces (ingested_at, session_id, platform, timestamp, event_data) VALUES
    ('2025-01-02 03:04:05', 's1', 'claude_code', '2025-01-02 03:04:04', x'789c00ff'),
    ('2025-01-03 03:04:05', 's2', 'cursor', '2025-01-03 03:04:04', x'789c');
INSERT INTO CONVERSATIONS (id, external_session_id, platform, workspace_hash, started_at, ended_at, context) VALUES
    ('c1', 's1', 'claude_code', 'w1', '2025-01-02 03:00:00', NULL, '{"workspace_path": "/home/ada/née; --"}'),
    ('c2', 's2', 'cursor', 'w2', '2025-01-03 03:00:00', '2025-01-03 04:00:00', '{"workspace_path": "/home/ada/engine"}'),
    ('c3', 's3', 'cursor', NULL, '2025-01-04 03:00:00', NULL, '{}');
INSERT INTO conversation_turns (id, conversation_id, turn_number, turn_type) VALUES
    ('t1', 'c1', 1, 'user_prompt'), ('t2', 'c1', 2, NULL), ('t3', 'c2', 1, 'tool_use');
