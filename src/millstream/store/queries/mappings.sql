-- newer --
-- The newest version of each overlay, where it is newer than the one known ($3, by connection $1 and direction $2).
select v.* from (
    select distinct on (connection, direction) connection, direction, version, rules, tests, reason, published_by,
        published_at, restores
    from overlay_version order by connection, direction, version desc
) as v
left join unnest($1::text[], $2::text[], $3::integer[]) as known (connection, direction, version)
    using (connection, direction)
where v.version > coalesce(known.version, 0)

-- versions --
-- What was published before a version, the newest first.
select version, rules, tests, reason, published_by, published_at, restores
from overlay_version
where connection = $1 and direction = $2 and ($4::integer is null or version < $4)
order by version desc limit $3

-- version --
-- One of them.
select version, rules, tests, reason, published_by, published_at, restores
from overlay_version where connection = $1 and direction = $2 and version = $3

-- lock --
-- One change of one overlay at a time.
select pg_advisory_xact_lock(hashtextextended('overlay/' || $1::text || '/' || $2::text, 0))

-- newest --
-- The number of the version in force, 0: none was ever published.
select coalesce(max(version), 0) from overlay_version where connection = $1 and direction = $2

-- publish --
-- The next version.
insert into overlay_version
    (connection, direction, version, rules, tests, reason, published_by, published_at, restores)
values ($1, $2, $3, $4::jsonb, $5::jsonb, $6, $7, $8, $9)
returning version, rules, tests, reason, published_by, published_at, restores

-- draft --
-- What is being worked on.
select revision, based_on, rules, tests, changed_by, changed_at from overlay_draft
where connection = $1 and direction = $2

-- save --
-- Another revision of it.
insert into overlay_draft as d (connection, direction, revision, based_on, rules, tests, changed_by, changed_at)
values ($1, $2, $3, $4, $5::jsonb, $6::jsonb, $7, $8)
on conflict (connection, direction) do update set revision = excluded.revision, based_on = excluded.based_on,
    rules = excluded.rules, tests = excluded.tests, changed_by = excluded.changed_by, changed_at = excluded.changed_at
returning revision, based_on, rules, tests, changed_by, changed_at

-- discard --
-- Nobody works on it any more.
delete from overlay_draft where connection = $1 and direction = $2

-- placed --
-- The newest orders as stores sent them, and why their delivery to the ERP waits.
select e.id, e.type, e.subject, e.data ->> 'number' as number, e.occurred_at, w.code
from event e left join lateral (
    select min(d.fault_code) as code from delivery d
    where d.event_id = e.id and d.state in ('held', 'dead', 'retrying')
) as w on true
where e.type = 'order.placed' order by e.received_at desc, e.id desc limit $1

-- confirmed --
-- The newest orders that the ERP confirmed, and why a delivery of that news waits.
select e.id, e.type, e.subject, o.number, e.occurred_at, w.code
from (select order_key, number from sales_order order by placed_at desc, order_key desc limit $1) as o
join lateral (
    select id, type, subject, occurred_at from event
    where subject = o.order_key and type = 'order.confirmed' order by received_at desc limit 1
) as e on true
left join lateral (
    select min(d.fault_code) as code from delivery d
    where d.event_id = e.id and d.state in ('held', 'dead', 'retrying')
) as w on true
order by e.occurred_at desc, e.id desc

-- failing --
-- Orders that a mapping holds.
select distinct e.id, e.type, e.subject, coalesce(e.data ->> 'number', e.data -> 'order' ->> 'number') as number,
    e.occurred_at, d.fault_code as code
from delivery d join event e on e.id = d.event_id
where d.fault_code = 'mapping.overlay_failed' and d.state in ('held', 'dead', 'retrying') and e.type = $1
order by e.occurred_at desc, e.id desc limit $2

-- data --
-- Chosen orders as their events carry them.
select e.id, e.type, e.subject, coalesce(e.data ->> 'number', e.data -> 'order' ->> 'number') as number, e.occurred_at,
    null as code, e.data::text as data
from unnest($1::uuid[]) with ordinality as wanted (id, n) join event e using (id)
where e.type in ('order.placed', 'order.confirmed')
order by wanted.n
