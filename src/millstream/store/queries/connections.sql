-- tell --
-- What one process sees of its connections; what it has called since it told last is added to the day.
with told as (
    select * from unnest($3::text[], $4::text[], $5::timestamptz[], $6::integer[], $7::integer[], $8::integer[],
            $9::double precision[], $10::double precision[], $11::timestamptz[], $12::text[], $13::integer[],
            $14::bigint[], $15::integer[], $16::timestamptz[], $17::timestamptz[], $18::timestamptz[], $19::bigint[],
            $20::bigint[], $21::timestamptz[])
         as t (name, breaker, open_until, failures, concurrency, in_use, rate_per_s, tokens, answered_at, brake,
            under_way, calls, calls_per_min, down_since, token_fetched_at, token_ends_at, usage_used, usage_limit,
            usage_told_at)
), counted as (
    insert into connection_day as c (name, day, calls)
    select told.name, ($2::timestamptz at time zone 'utc')::date,
        case when told.calls >= coalesce(before.calls, 0) then told.calls - coalesce(before.calls, 0) else told.calls end
    from told left join connection_seen before on before.name = told.name and before.worker = $1
    on conflict (name, day) do update set calls = c.calls + excluded.calls
)
insert into connection_seen as s (worker, seen_at, name, breaker, open_until, failures, concurrency, in_use, rate_per_s,
    tokens, answered_at, brake, under_way, calls, calls_per_min, down_since, token_fetched_at, token_ends_at, usage_used,
    usage_limit, usage_told_at)
select $1, $2, told.* from told
on conflict (name, worker) do update set breaker = excluded.breaker, open_until = excluded.open_until,
    failures = excluded.failures, concurrency = excluded.concurrency, in_use = excluded.in_use,
    rate_per_s = excluded.rate_per_s, tokens = excluded.tokens,
    answered_at = coalesce(excluded.answered_at, s.answered_at), seen_at = excluded.seen_at, brake = excluded.brake,
    under_way = excluded.under_way, calls = excluded.calls, calls_per_min = excluded.calls_per_min,
    token_fetched_at = excluded.token_fetched_at, token_ends_at = excluded.token_ends_at,
    usage_used = coalesce(excluded.usage_used, s.usage_used),
    usage_limit = coalesce(excluded.usage_limit, s.usage_limit),
    usage_told_at = coalesce(excluded.usage_told_at, s.usage_told_at), down_since = excluded.down_since

-- forget --
-- Processes that are gone for a day.
delete from connection_seen where seen_at < $1

-- forget_days --
-- What was called long ago.
delete from connection_day where day < $1

-- braked --
-- What shall not be called as usual.
select name, drain from connection_pause where paused

-- pauses --
-- By whom and why.
select name, actor, reason, since, drain from connection_pause where paused

-- seen --
-- What the processes of these connections saw.
select * from connection_seen where name = any($1) order by name, worker

-- today --
-- Calls of the day.
select name, calls from connection_day where name = any($1) and day = $2

-- tests --
-- What the last test of each found.
select name, at, actor, findings from connection_test where name = any($1)

-- remember_test --
-- In place of the one before.
insert into connection_test (name, at, actor, findings) values ($1, $2, $3, $4::jsonb)
on conflict (name) do update set at = $2, actor = $3, findings = $4::jsonb

-- calls --
-- Calls of tries that ended within the window, by system.
select c.system, count(*) as calls, max(a.ended_at) filter (where c.outcome = 'ok') as last_good_at,
    count(*) filter (where c.outcome <> 'ok' and (c.status is null or c.status = 429 or c.status >= 500)) as failed,
    count(*) filter (where c.outcome <> 'ok' and c.status < 500 and c.status <> 429) as refused
from attempt a join call c on c.delivery_id = a.delivery_id and c.n = a.n
where a.ended_at >= $1
group by c.system

-- pull --
-- Holds over processes and restarts.
insert into connection_pause as p (name, paused, drain, reason, actor, since) values ($1, $2, $3, $4, $5, $6)
on conflict (name) do update set paused = $2, drain = $3, reason = $4, actor = $5,
    since = case when p.paused = $2 and p.drain = $3 then p.since else $6 end
