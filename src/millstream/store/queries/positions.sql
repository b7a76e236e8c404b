-- cursor --
-- How far a feed was read.
select cursor from schedule where name = $1

-- lock_cursor --
-- The same, and nobody moves it until the transaction ends.
select cursor from schedule where name = $1 for update

-- move --
-- Due now for whoever comes first. Who reads the feed now has lost it: see finish_task.
update schedule set cursor = $2::jsonb, due_at = $3, lease_until = null, worker = null where name = $1

-- heard_of --
-- Orders that a system told of since; ids sort by time. Counted up to a limit.
select count(*) from (select distinct subject from event where id >= $1 and source = $2 limit $3) as orders
