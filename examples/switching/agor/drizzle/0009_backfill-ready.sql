-- Data only; the name has a dash.
UPDATE `sessions` SET `ready_for_prompt` = true WHERE `status` = 'idle';
