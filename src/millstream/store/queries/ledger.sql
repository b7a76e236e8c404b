-- lock_lanes --
-- Serialises accepting and settling per lane; sorted, so that two transactions never wait for each other in a ring.
select pg_advisory_xact_lock(k)
from (select distinct hashtextextended(lane, 0) as k from unnest($1::text[]) as lane order by k) as keys

-- store_events --
-- Stores each event once, with a delivery per addressed subscriber; one row for each delivery, for an event that goes to
-- nobody one without. The first of a lane that has nothing open is its head. A head that this worker wants (`taken`) is
-- leased to it at birth; of the others the other processes hear.
-- What concerns an order from before a backup was restored may have been done already: it starts as a second try, which
-- looks before it acts.
with stored as (
    insert into event
        (id, source, source_id, type, subject, occurred_at, received_at, correlation_id, causation_id, data)
    select id, source, source_id, type, subject, occurred_at, $3, correlation_id, causation_id, data::json
    from unnest($1::event_in[])
    on conflict (source, source_id) do nothing
    returning id, subject
), addressed as (
    select event_id, subscriber, lane, priority, n, head, head and taken as taken,
        case when not exists (select from restoration) then 0 else (
            select count(*)::integer from (
                select from event other
                where other.subject = of_stored.subject
                    and other.occurred_at <= (select max(until) from restoration)
                union all
                select from unnest($1::event_in[]) as other
                where other.subject = of_stored.subject
                    and other.occurred_at <= (select max(until) from restoration)
                limit 1
            ) as any_before
        ) end as tries
    from (
        select a.event_id, a.subscriber, a.lane, a.priority, a.taken, a.n, stored.subject,
            row_number() over (partition by a.lane order by a.n) = 1
                and not exists (select from delivery d where d.lane = a.lane and d.state not in ('done', 'discarded'))
                as head
        from stored join unnest($2::delivery_in[])
             with ordinality as a (event_id, subscriber, lane, priority, taken, n) on a.event_id = stored.id
    ) as of_stored
), made as (
    insert into delivery
        (event_id, subscriber, lane, priority, head, created_at, updated_at, state, worker, due_at, tries, attempts)
    select event_id, subscriber, lane, priority, head, $3, $3,
        case when taken then 'running' else 'waiting' end, case when taken then $4::text end,
        case when taken then $5::timestamptz else $3 end, tries + taken::integer, taken::integer
    from addressed order by n
    returning id, event_id, subscriber, lane, priority, tries, attempts, state, head
)
select stored.id as event_id, made.id, made.subscriber, made.lane, made.priority, made.tries, made.attempts,
    made.state = 'running' as taken,
    (select pg_notify('millstream_due', $4) from (select from made where state = 'waiting' limit 1) as any_waiting)
from stored left join made on made.event_id = stored.id
order by made.id

-- claim --
-- Leases due lane heads, most urgent first; a running one whose lease ended is due again, its try filed as lost.
with due as (
    select id, event_id, state, tries, worker, updated_at from delivery
    where head and state in ('waiting', 'running', 'retrying') and due_at <= $1 and subscriber = any($4)
    order by priority, due_at, id
    limit $2
    for update skip locked
), lost as (
    insert into attempt (delivery_id, n, worker, started_at, ended_at, outcome, code, message)
    select id, tries, coalesce(worker, 'unknown'), updated_at, $1, 'lost', 'lease.expired',
        'the worker fell silent; what it did is looked up before it is done again'
    from due where state = 'running'
), told as (
    insert into audit (at, actor, action, subject, detail)
    select $1, 'hub:' || $3, 'delivery.lost', e.subject,
        jsonb_build_object('delivery', due.id, 'try', due.tries, 'worker', due.worker)
    from due join event e on e.id = due.event_id where due.state = 'running'
)
update delivery d
set state = 'running', due_at = $5, tries = d.tries + 1, attempts = d.attempts + 1, worker = $3, updated_at = $1
from due, event e
where d.id = due.id and e.id = d.event_id
returning d.id, d.priority, d.subscriber, d.lane, d.tries, d.attempts, d.amended, d.waived, e.id as event_id, e.source,
    e.source_id, e.type, e.subject, e.occurred_at, e.received_at, e.correlation_id, e.causation_id, e.data

-- settle_deliveries --
-- Holds these lanes until the transaction ends, then writes outcomes of leases that are still ours; returns those.
with locked as materialized (
    select pg_advisory_xact_lock(k)
    from (select distinct hashtextextended(lane, 0) as k from unnest($4::text[]) as lane order by k) as keys
)
update delivery d
set state = s.state, head = s.state not in ('done', 'discarded'), due_at = coalesce(s.due_at, d.due_at),
    attempts = case when s.counts then d.attempts else d.attempts - 1 end, worker = null,
    fault_class = s.fault_class, fault_code = s.fault_code, fault_message = s.fault_message,
    fingerprint = s.fingerprint, note = nullif(s.note, ''), updated_at = $1
from (select count(*) from locked) as all_locked, unnest($2::outcome_in[]) as s
where d.id = s.id and d.state = 'running' and d.worker = $3 and d.tries = s.tries
returning d.id

-- hand_on_lanes --
-- Gives each of these lanes its next head, if it has none and something is open; says how many got one.
update delivery set head = true, due_at = greatest(due_at, $2)
where id in (
    select distinct on (lane) id from delivery
    where lane = any($1) and state not in ('done', 'discarded')
    order by lane, id
) and not head

-- keep_failed_call --
-- What was said in the last call that failed, in place of what was kept of an earlier try.
insert into failed_call (delivery_id, n, step, request, response) values ($1, $2, $3, $4, $5)
on conflict (delivery_id) do update
set n = excluded.n, step = excluded.step, request = excluded.request, response = excluded.response

-- settle_history --
-- What was tried, with every outward call of it and its line in the audit trail; then the lanes that lost their head
-- get their next one, if something is open. Says how many did; the other processes hear of it.
with tried as (
    insert into attempt (delivery_id, n, worker, started_at, ended_at, outcome, code, message)
    select delivery_id, n, $1, started_at, ended_at, outcome, code, message from unnest($3::attempt_in[])
), called as (
    insert into call (delivery_id, n, step, system, operation, key, status, outcome, ms)
    select delivery_id, n, step, system, operation, key, status, outcome, ms from unnest($4::call_in[])
), told as (
    insert into audit (at, actor, action, subject, detail)
    select $2, 'hub:' || $1, action, subject, detail::jsonb from unnest($3::attempt_in[])
), handed_on as (
    update delivery set head = true, due_at = greatest(due_at, $2)
    where id in (
        select distinct on (lane) id from delivery
        where lane = any($5) and state not in ('done', 'discarded')
        order by lane, id
    ) and not head
    returning id
)
select count(*) as handed_on, (select pg_notify('millstream_due', $1) from (select from handed_on limit 1) as any_one)
from handed_on

-- extend_leases --
-- The heartbeat of these tries; a later one has its own.
update delivery d set due_at = $4
from unnest($1::bigint[], $2::integer[]) as beating (id, tries)
where d.id = beating.id and d.tries = beating.tries and d.state = 'running' and d.worker = $3
returning d.id, d.tries

-- next_due --
-- When a worker should look again.
select min(due_at) from delivery where head and state in ('waiting', 'running', 'retrying')

-- sleeping_lanes --
-- A lane with open deliveries must have a head; these have none.
select distinct lane from delivery d
where state not in ('done', 'discarded') and not exists (select from delivery h where h.lane = d.lane and h.head)

-- insert_audit --
-- Who did what to what.
insert into audit (at, actor, action, subject, detail)
select $1, actor, action, subject, detail::jsonb
from unnest($2::text[], $3::text[], $4::text[], $5::text[]) as a (actor, action, subject, detail)

-- notify --
-- Wakes workers; the text says which process speaks, so that it need not listen to itself.
select pg_notify('millstream_due', $1)

-- claim_task --
-- One worker at a time runs a recurring task; one that failed asks again at the next turn, others wait for its lease.
insert into schedule as s (name, due_at, lease_until, worker, last_run_at) values ($1, $5, $3, $4, $2)
on conflict (name) do update set due_at = $5, lease_until = $3, worker = $4, last_run_at = $2
where s.due_at <= $2 and (s.lease_until is null or s.lease_until <= $2 or s.worker = $4)
returning cursor

-- finish_task --
-- The cursor moves together with the events it brought, unless the task has been taken away meanwhile.
update schedule set cursor = $2::jsonb, due_at = $3, lease_until = case when $5 then $6::timestamptz end
where name = $1 and worker = $4
