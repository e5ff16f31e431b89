CREATE INDEX tasks_by_due ON tasks (due) WHERE due IS NOT NULL;
