-- levels --
-- What differs from the settings.
select name, value, reason, actor, changed_at from alert_level order by name

-- switches --
-- How each rule was switched last.
select code, is_on, until, reason, actor, changed_at from alert_switch order by code

-- lock --
-- Two people cannot change two halves of one thing at once; readers go on.
lock table alert_level in share row exclusive mode

-- keep_level --
-- In place of the change before.
insert into alert_level (name, value, reason, actor, changed_at) values ($1, $2::jsonb, $3, $4, $5)
on conflict (name) do update set value = $2::jsonb, reason = $3, actor = $4, changed_at = $5

-- forget_level --
-- The settings hold again.
delete from alert_level where name = $1

-- switch --
-- In place of the one before.
insert into alert_switch (code, is_on, until, reason, actor, changed_at) values ($1, $2, $3, $4, $5, $6)
on conflict (code) do update set is_on = $2, until = $3, reason = $4, actor = $5, changed_at = $6
