-- tell --
-- What one process sees of its connections.
insert into connection_seen as s (name, worker, breaker, open_until, failures, concurrency, in_use, rate_per_s, tokens,
    answered_at, seen_at)
select name, $1, breaker, open_until, failures, concurrency, in_use, rate_per_s, tokens, answered_at, $2
from unnest($3::text[], $4::text[], $5::timestamptz[], $6::integer[], $7::integer[], $8::integer[],
            $9::double precision[], $10::double precision[], $11::timestamptz[])
     as t (name, breaker, open_until, failures, concurrency, in_use, rate_per_s, tokens, answered_at)
on conflict (name, worker) do update set breaker = excluded.breaker, open_until = excluded.open_until,
    failures = excluded.failures, concurrency = excluded.concurrency, in_use = excluded.in_use,
    rate_per_s = excluded.rate_per_s, tokens = excluded.tokens,
    answered_at = coalesce(excluded.answered_at, s.answered_at), seen_at = excluded.seen_at

-- forget --
-- Processes that are gone for a day.
delete from connection_seen where seen_at < $1

-- paused --
-- What shall not be called.
select name from connection_pause where paused

-- pauses --
-- By whom and why.
select name, actor, reason, since from connection_pause where paused

-- seen --
-- What the processes of these connections saw.
select * from connection_seen where name = any($1) order by name, worker

-- calls --
-- Calls of tries that ended within the window, by system.
select c.system, count(*) as calls, max(a.ended_at) filter (where c.outcome = 'ok') as last_good_at,
    count(*) filter (where c.outcome <> 'ok' and (c.status is null or c.status = 429 or c.status >= 500)) as failed,
    count(*) filter (where c.outcome <> 'ok' and c.status < 500 and c.status <> 429) as refused
from attempt a join call c on c.delivery_id = a.delivery_id and c.n = a.n
where a.ended_at >= $1
group by c.system

-- pause --
-- Holds over processes and restarts.
insert into connection_pause as p (name, paused, reason, actor, since) values ($1, $2, $3, $4, $5)
on conflict (name) do update set paused = $2, reason = $3, actor = $4,
    since = case when p.paused = $2 then p.since else $5 end
