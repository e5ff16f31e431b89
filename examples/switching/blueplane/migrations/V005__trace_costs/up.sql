-- The first migration that the old runner never saw.
ALTER TABLE raw_traces ADD COLUMN cost_usd REAL;
