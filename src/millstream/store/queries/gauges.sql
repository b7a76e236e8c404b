-- queues --
-- What is open, per subscriber and state; counted up to a limit, so that the largest backlog costs no more than a large one.
select subscriber, state, count(*) as depth, min(created_at) as oldest_at, min(updated_at) as changed_at
from (
    select subscriber, state, created_at, updated_at from delivery where state not in ('done', 'discarded') limit $1
) as open
group by subscriber, state

-- faults --
-- Orders that failed to reach the ERP and are not there now. Held and dead ones count for as long as the window; after
-- that they are reviews. An order that its store keeps on hold does not fail.
select code, count(*) as orders, min(occurred_at) as oldest_at
from (
    select d.fault_code as code, e.occurred_at from delivery d join event e on e.id = d.event_id
    where {failing} limit $3
) as failing
group by code

-- failing_orders --
-- Their payloads.
select e.data from delivery d join event e on e.id = d.event_id where {failing} order by d.id limit $3

-- failing --
-- What "fails to reach the ERP" means.
d.state not in ('done', 'discarded') and d.subscriber = 'erp' and e.type = 'order.placed' and d.fault_code is not null
    and d.fault_code <> 'order.not_ready'
    and (d.state in ('retrying', 'running')
        or d.state in ('held', 'dead') and d.updated_at >= $1::timestamptz - make_interval(secs => $2))

-- waiting --
-- Orders that a subscriber has not carried out, and that nobody must decide about.
d.state in ('waiting', 'running', 'retrying', 'dead') and d.subscriber = any($1::text[]) and e.type = 'order.placed'

-- count_waiting_orders --
-- Counted up to a limit.
select count(*) from (
    select from delivery d join event e on e.id = d.event_id where {waiting} limit $2
) as waiting

-- waiting_orders --
-- Their payloads.
select e.data from delivery d join event e on e.id = d.event_id where {waiting} order by d.id limit $2

-- reached --
-- Ids sort by time: those of the window are a range. A confirmation names the placing that it answers.
select count(*) as orders,
    percentile_cont(0.95) within group (
        order by greatest(extract(epoch from c.received_at - p.occurred_at), 0)
    )::double precision as p95_s
from event c join event p on p.id = c.causation_id
where c.id >= $1 and c.type = 'order.confirmed'

-- flows --
-- What was stored within the window, and what of it rests failed.
select d.subscriber, e.type, count(*) as deliveries,
    count(*) filter (where d.state in ('held', 'dead', 'retrying') or d.state = 'running' and d.fault_code is not null)
        as failing
from event e join delivery d on d.event_id = e.id
where e.id >= $1
group by d.subscriber, e.type

-- announced --
-- The newest orders of a store, and whether a webhook announced each.
select exists (
    select from event h
    where h.subject = newest.source || '-' || newest.store_order_id and h.type = 'order.hinted'
) as announced
from (
    select source, data ->> 'store_order_id' as store_order_id, received_at, id from event
    where received_at >= $2 and received_at < $3 and type = 'order.placed' and source = $1
    order by received_at desc, id desc limit $4
) as newest
order by newest.received_at desc, newest.id desc

-- kept --
-- Shipped by the first date that was promised for the whole order? Orders in parts are judged by the last one.
select count(*) as shipped, count(*) filter (where shipped_on <= first_date) as kept
from (
    select coalesce((s.data #>> '{shipment,shipped_on}')::date, (s.occurred_at at time zone 'utc')::date) as shipped_on, (
        select ship_date from promise p
        where p.order_key = s.subject and p.line_id is null and p.ship_date is not null
        order by p.id limit 1
    ) as first_date
    from event s join sales_order o on o.order_key = s.subject and o.shipped_at = s.occurred_at
    where s.type = 'order.shipped' and s.id >= $1
    order by s.id desc limit $2
) as shipments
where first_date is not null

-- heartbeats --
-- Who works, or did today.
select worker, started_at, seen_at, breakers from heartbeat order by worker

-- beat --
-- A worker lives.
insert into heartbeat as h (worker, started_at, seen_at, breakers) values ($1, $2, $3, $4::jsonb)
on conflict (worker) do update set started_at = $2, seen_at = $3, breakers = $4::jsonb

-- forget_workers --
-- Processes of yesterday.
delete from heartbeat where seen_at < $1
