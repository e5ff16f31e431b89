INSERT INTO boards VALUES ('b1', 1762000000000, 'Main'), ('b2', 1762000000001, 'née; --> statement-breakpoint');
INSERT INTO worktrees (worktree_id, board_id, name, data) VALUES ('w1', 'b1', 'main', '{}'), ('w2', NULL, 'fix-''quotes''', '{"a": [1]}');
INSERT INTO sessions (session_id, worktree_id, status, data) VALUES ('s1', 'w1', 'idle', '{}'), ('s2', 'w1', 'running', '{}'), ('s3', 'w2', 'idle', '{}');
