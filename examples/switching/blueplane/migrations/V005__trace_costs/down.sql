ALTER TABLE raw_traces DROP COLUMN cost_usd;
