-- list --
-- A page of deliveries by filter.
select d.id, d.event_id, e.type as event_type, e.subject, d.subscriber, d.state, d.tries, d.attempts, d.due_at,
    d.created_at, d.updated_at, d.head, d.fault_code as code, d.fault_message as message, d.fingerprint, d.note,
    d.assignee, d.tags, d.snoozed_until, d.resolution
from delivery d join event e on e.id = d.event_id
where {where} and d.id > $12
order by d.id
limit $13

-- list_newest --
-- The same from the newest on, before an id.
select d.id, d.event_id, e.type as event_type, e.subject, d.subscriber, d.state, d.tries, d.attempts, d.due_at,
    d.created_at, d.updated_at, d.head, d.fault_code as code, d.fault_message as message, d.fingerprint, d.note,
    d.assignee, d.tags, d.snoozed_until, d.resolution
from delivery d join event e on e.id = d.event_id
where {where} and d.id < $12
order by d.id desc
limit $13

-- failed_call --
-- What was said in the last call of a delivery that failed.
select n, step, request, response from failed_call where delivery_id = $1

-- count --
-- How many deliveries a filter means.
select count(*) from delivery d join event e on e.id = d.event_id where {where}

-- shares --
-- What a filter means, by state and fault code.
select d.state, d.fault_code as code, count(*) as deliveries
from delivery d join event e on e.id = d.event_id
where {where} and d.state = any($12)
group by 1, 2
order by 3 desc, 1, 2

-- chosen --
-- The deliveries a bulk action is about, locked in key order.
select d.id, d.lane, d.state, d.fault_code, e.subject, e.type as event_type, d.tries, d.updated_at, d.assignee, d.tags,
    d.snoozed_until
from delivery d join event e on e.id = d.event_id
where {where} and d.state = any($12)
order by d.id
for update of d

-- where --
-- What a filter means; null narrows nothing.
($1::bigint[] is null or d.id = any($1)) and ($2::text[] is null or d.state = any($2))
    and ($3::text is null or d.subscriber = $3) and ($4::text is null or e.type = $4)
    and ($5::text is null or d.fault_code = $5) and ($6::text is null or d.fingerprint = $6)
    and ($7::text is null or e.subject = $7) and ($8::text is null or d.assignee = $8)
    and ($9::text is null or $9 = any(d.tags))
    and ($10::boolean is null or coalesce(d.snoozed_until > $11::timestamptz, false) = $10)

-- make_due --
-- Due now, attempts counted from zero, fault kept for the history until the next one.
update delivery set state = 'retrying', due_at = $2, attempts = 0, updated_at = $2 where id = any($1)

-- amend --
-- The amended payload stands beside the original.
update delivery set amended = $2::jsonb where id = $1

-- waive --
-- Releases each from the rule that holds it.
update delivery set waived = array(select distinct unnest(waived || fault_code)) where id = any($1)

-- as_it_came --
-- What somebody amended is put aside; the audit trail keeps it.
update delivery set amended = null where id = any($1)

-- discard --
-- Shall not happen; why, if somebody named a category.
update delivery set state = 'discarded', head = false, note = $3, resolution = $4, updated_at = $2 where id = any($1)

-- hold_lanes --
-- Locks what is open of these lanes: claims pass it by, and one that came first has been committed.
select id from delivery where lane = any($1) and state not in ('done', 'discarded') order by id for update

-- lane_runs --
-- What of the same lanes is being carried out now.
select d.id, running.id as by_id
from delivery d join delivery running on running.lane = d.lane and running.state = 'running'
where d.id = any($1)
order by d.id
limit 1

-- overtaken --
-- What came later about the same thing for the same subscriber, and has happened or may have.
select d.id, later.id as by_id, after.type as by_type, later.state as by_state
from delivery d join event e on e.id = d.event_id
    join event after on after.subject = e.subject
    join delivery later on later.event_id = after.id and later.subscriber = d.subscriber and later.id > d.id
where d.id = any($1) and (later.state = 'done' or later.state <> 'discarded' and later.fault_class = 'Unknown')
order by d.id, later.id
limit 1

-- reopen --
-- In review again, with the fault it had.
update delivery set state = 'held', resolution = null, note = $3, updated_at = $2, attempts = 0,
    fault_class = coalesce(fault_class, 'Reject'), fault_code = coalesce(fault_code, 'delivery.reopened'),
    fault_message = coalesce(fault_message, 'It was resolved before it was tried; decide what becomes of it.'),
    fingerprint = coalesce(fingerprint,
        left(encode(sha256(convert_to(subscriber || '|delivery.reopened', 'UTF8')), 'hex'), 12))
where id = any($1)

-- take_heads --
-- From what stands behind one of these; the first of its lane that is open gets it afterwards.
update delivery h set head = false
where h.head and exists (select from delivery d where d.id = any($1) and d.lane = h.lane and d.id < h.id)
    and h.lane = any($2)

-- assign --
-- Who looks after them; null for nobody.
update delivery set assignee = $2 where id = any($1)

-- snooze --
-- Out of sight until then; null for in sight.
update delivery set snoozed_until = $2 where id = any($1)

-- tag --
-- The words people put on them: these and no others.
update delivery set tags = $2 where id = any($1)

-- retag --
-- Some words more, some less; each once and in order.
update delivery set tags = array(
    select distinct word from unnest(tags || $2::text[]) as word where word <> all($3::text[]) order by word
)
where id = any($1)

-- one --
-- One delivery.
select d.id, d.event_id, e.type as event_type, e.subject, d.subscriber, d.state, d.tries, d.attempts, d.due_at,
    d.created_at, d.updated_at, d.head, d.fault_code as code, d.fault_message as message, d.fingerprint, d.note,
    d.assignee, d.tags, d.snoozed_until, d.resolution, e.data, d.amended, d.waived, e.source, e.source_id, e.occurred_at,
    e.received_at
from delivery d join event e on e.id = d.event_id
where d.id = any($1)
order by d.id

-- attempts --
-- What was tried: $2 first tries and $3 newest ones, as what waits for months is tried tens of thousands of times.
select a.delivery_id, a.n, a.worker, a.started_at, a.ended_at, a.outcome, a.code, a.message
from delivery d
cross join lateral (
    select * from attempt where delivery_id = d.id and n <= $2
    union
    (select * from attempt where delivery_id = d.id order by n desc limit $3)
) a
where d.id = any($1) order by a.delivery_id, a.n

-- attempts_between --
-- More tries of one delivery: $3 of those before try $2, the newest of them.
select delivery_id, n, worker, started_at, ended_at, outcome, code, message
from attempt where delivery_id = $1 and n < $2 order by n desc limit $3

-- calls --
-- And called: by the tries $2 of the deliveries $1, pair by pair.
select c.delivery_id, c.n, c.system, c.operation, c.key, c.status, c.outcome, c.ms
from unnest($1::bigint[], $2::int[]) as wanted (delivery_id, n)
join call c on c.delivery_id = wanted.delivery_id and c.n = wanted.n
order by c.delivery_id, c.n, c.step

-- order_events --
-- The facts about an order, and those its chain caused or came from.
select id, type, source, source_id, occurred_at, received_at from event
where id in (
    select id from event where subject = $1
    union
    select chained.id from event own join event chained on chained.correlation_id = own.correlation_id
    where own.subject = $1
)
order by received_at, id

-- order_deliveries --
-- Their deliveries.
select id from delivery where event_id = any($1) order by id

-- order_summary --
-- The books' line.
select order_key, number, erp_number, customer_id, grand_total, erp_total, currency, placed_at, confirmed_at, ship_date,
    packed_at, shipped_at, delivered_at, cancelled_at
from sales_order where order_key = $1

-- order_placed --
-- What is known before the books have it.
select data ->> 'number' as number, occurred_at from event
where subject = $1 and type = 'order.placed' order by received_at limit 1

-- order_aliases --
-- Its numbers.
select kind, value from order_alias where order_key = $1 order by kind, value

-- order_relatives --
-- The order it was made from by an edit, and those that were made from it.
select 'replaces' as how, own.data ->> 'replaces' as order_key, earlier.data ->> 'number' as number
from event own left join event earlier on earlier.subject = own.data ->> 'replaces' and earlier.type = 'order.placed'
where own.subject = $1 and own.type = 'order.placed' and own.data ->> 'replaces' is not null
union all
select 'replaced_by', later.subject, later.data ->> 'number'
from event later where later.type = 'order.placed' and later.data ->> 'replaces' = $1
order by how, order_key

-- order_promises --
-- Its promises.
select line_id, ship_date, reason, promised_by, promised_at, kept from promise where order_key = $1 order by id

-- list_orders --
-- Orders behind a place, newest first, also those not booked yet.
select e.subject as order_key, coalesce(o.number, e.data ->> 'number') as number, o.erp_number, o.customer_id,
    o.grand_total, o.erp_total, o.currency, e.occurred_at as placed_at, o.confirmed_at, o.ship_date, o.packed_at,
    o.shipped_at, o.delivered_at, o.cancelled_at, e.received_at, e.id as event_id
from event e left join sales_order o on o.order_key = e.subject
where e.type = 'order.placed' and ($2::timestamptz is null or (e.received_at, e.id) < ($2::timestamptz, $3::uuid))
order by e.received_at desc, e.id desc
limit $1
