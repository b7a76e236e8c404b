-- standings --
-- Orders of the window by state and age; those the ERP does not have yet, whenever they came in.
select state, age, count(*) as orders from (
    select case
            when o.cancelled_at is not null then 'cancelled'
            when o.delivered_at is not null then 'delivered'
            when o.shipped_at is not null then 'shipped'
            when o.packed_at is not null then 'packed'
            when o.order_key is not null then 'confirmed'
            when d.state in ('held', 'dead') then 'review'
            when d.state in ('retrying', 'discarded') then d.state
            when d.state = 'done' then 'cancelled'
            else 'placed'
        end as state,
        case
            when e.received_at > $2::timestamptz - interval '1 hour' then 'under_1h'
            when e.received_at > $2 - interval '4 hours' then 'under_4h'
            when e.received_at > $2 - interval '1 day' then 'under_1d'
            when e.received_at > $2 - interval '3 days' then 'under_3d'
            else 'older'
        end as age
    from (
        select id, subject, received_at from event where type = 'order.placed' and received_at >= $1
        union all
        select placed.id, placed.subject, placed.received_at
        from delivery way join event placed on placed.id = way.event_id
        where way.state not in ('done', 'discarded') and way.subscriber = 'erp' and placed.type = 'order.placed'
            and placed.received_at < $1
            and not exists (select from sales_order booked where booked.order_key = placed.subject)
    ) as e
    left join sales_order o on o.order_key = e.subject
    left join delivery d on o.order_key is null and d.event_id = e.id and d.subscriber = 'erp'
) as orders
group by state, age
order by state, age

-- at_risk --
-- Money of orders that something stands in the way of. Whether it is an order is asked one by one where no book has it.
select coalesce(o.currency, p.currency) as currency, sum(coalesce(o.grand_total, p.grand_total)) as amount,
    count(*) as orders
from (
    select distinct e.subject from delivery d join event e on e.id = d.event_id
    where d.state in ('held', 'dead', 'retrying')
) as stuck
left join sales_order o on o.order_key = stuck.subject
left join placed_order p on p.order_key = stuck.subject
where o.order_key is not null or p.order_key is not null
    or (select count(*) from event e where e.subject = stuck.subject and e.type = 'order.placed') > 0
group by 1
order by 1

-- placed_ticks --
-- Orders that came in, by stretch of time.
select floor(extract(epoch from received_at) / $3::integer)::bigint as tick, count(*) as orders
from event where type = 'order.placed' and received_at >= $1 and received_at <= $2
group by 1

-- confirmed_ticks --
-- Orders confirmed, and how long those placed took, by stretch of time. None is confirmed before it is placed, and none
-- counts that was placed more than a day before the window.
select tick, sum(confirmed)::bigint as confirmed, max(p50_s) as p50_s, max(p95_s) as p95_s, max(p99_s) as p99_s
from (
    select floor(extract(epoch from confirmed_at) / $3::integer)::bigint as tick, count(*) as confirmed,
        null::double precision as p50_s, null::double precision as p95_s, null::double precision as p99_s
    from sales_order
    where placed_at >= $1::timestamptz - interval '1 day' and confirmed_at >= $1 and confirmed_at <= $2
    group by 1
    union all
    select floor(extract(epoch from placed_at) / $3)::bigint, 0, quantile.of[1], quantile.of[2], quantile.of[3]
    from (
        select to_timestamp(floor(extract(epoch from placed_at) / $3) * $3) as placed_at,
            percentile_cont(array[0.5, 0.95, 0.99])
                within group (order by greatest(extract(epoch from confirmed_at - placed_at), 0)::double precision) as of
        from sales_order where placed_at >= $1 and placed_at <= $2
        group by 1
    ) as quantile
) as both_ways
group by tick

-- reviews --
-- What waits for a person.
select count(*) filter (where state = 'held') as held, count(*) filter (where state = 'dead') as dead,
    count(*) filter (where assignee is null) as unassigned,
    count(*) filter (where snoozed_until > $1::timestamptz) as snoozed,
    (
        select count(*) from delivery d join event e on e.id = d.event_id where {customer_review}
    ) as customers
from delivery where state in ('held', 'dead')

-- is_order --
-- Whether an event is about an order. Asked one by one: they are few.
(select count(*) from event placed where placed.subject = e.subject and placed.type = 'order.placed') > 0

-- in_view --
-- What a view of failures means. What was resolved counts for 30 days.
case $3::text
    when 'resolved' then d.state = 'discarded' and d.updated_at > $2::timestamptz - interval '30 days'
    when 'open' then d.state in ('held', 'dead', 'retrying')
    else d.state in ('held', 'dead', 'retrying') and ($3 = 'snoozed') = coalesce(d.snoozed_until > $2, false)
end
and ($3 <> 'mine' or d.assignee = $4::text) and ($3 <> 'unassigned' or d.assignee is null)
and ($3 <> 'at_risk' or {is_order}) and ($5::text is null or d.fingerprint = $5)

-- views --
-- How much there is in each view: a row for each currency, with the counts on all of them. Each order counts once, and
-- whether it is one is asked one by one where no book has it.
with failing as materialized (
    select d.fingerprint, d.assignee, not coalesce(d.snoozed_until > $1::timestamptz, false) as open,
        coalesce(d.snoozed_until > $1, false) as snoozed, false as resolved, e.subject
    from delivery d join event e on e.id = d.event_id
    where d.state in ('held', 'dead', 'retrying') and d.fingerprint is not null
    union all
    select d.fingerprint, null, false, false, true, e.subject
    from delivery d join event e on e.id = d.event_id
    where d.state = 'discarded' and d.fingerprint is not null and d.updated_at > $1 - interval '30 days'
), affected as materialized (
    select e.*, coalesce(o.currency, p.currency) as currency, coalesce(o.grand_total, p.grand_total) as amount,
        in_all and (o.order_key is not null or p.order_key is not null or {is_order}) as in_at_risk
    from (
        select subject, bool_or(open) as in_all, bool_or(open and assignee = $2) as in_mine,
            bool_or(open and assignee is null) as in_unassigned, bool_or(snoozed) as in_snoozed,
            bool_or(resolved) as in_resolved
        from failing
        group by subject
    ) as e
    left join sales_order o on o.order_key = e.subject
    left join placed_order p on p.order_key = e.subject
), counted as (
    select
        count(distinct fingerprint) filter (where open) as all_causes,
        count(*) filter (where open) as all_deliveries,
        count(distinct fingerprint) filter (where open and assignee = $2) as mine_causes,
        count(*) filter (where open and assignee = $2) as mine_deliveries,
        count(distinct fingerprint) filter (where open and assignee is null) as unassigned_causes,
        count(*) filter (where open and assignee is null) as unassigned_deliveries,
        count(distinct fingerprint) filter (where open and is_order) as at_risk_causes,
        count(*) filter (where open and is_order) as at_risk_deliveries,
        count(distinct fingerprint) filter (where snoozed) as snoozed_causes,
        count(*) filter (where snoozed) as snoozed_deliveries,
        count(distinct fingerprint) filter (where resolved) as resolved_causes,
        count(*) filter (where resolved) as resolved_deliveries
    from (select failing.*, affected.in_at_risk as is_order from failing join affected using (subject)) as of_orders
), worth as (
    select currency,
        count(*) filter (where in_all) as all_orders, sum(amount) filter (where in_all) as all_amount,
        count(*) filter (where in_mine) as mine_orders, sum(amount) filter (where in_mine) as mine_amount,
        count(*) filter (where in_unassigned) as unassigned_orders, sum(amount) filter (where in_unassigned) as unassigned_amount,
        count(*) filter (where in_at_risk) as at_risk_orders, sum(amount) filter (where in_at_risk) as at_risk_amount,
        count(*) filter (where in_snoozed) as snoozed_orders, sum(amount) filter (where in_snoozed) as snoozed_amount,
        count(*) filter (where in_resolved) as resolved_orders, sum(amount) filter (where in_resolved) as resolved_amount
    from affected
    group by currency
)
select counted.*, worth.* from counted left join worth on true
order by worth.currency

-- causes --
-- What fails, by cause. Each part is worked out once, however few rows the planner expects of it.
with stuck as (
    select d.id, d.fingerprint, d.subscriber, d.state, d.fault_class, d.fault_code, d.fault_message, d.updated_at,
        d.assignee, d.tags, d.snoozed_until, e.subject
    from delivery d join event e on e.id = d.event_id
    where d.fingerprint is not null and {in_view}
), causes as materialized (
    select fingerprint, min(subscriber) as subscriber,
        (array_agg(fault_class order by updated_at desc, id desc))[1] as fault_class,
        (array_agg(fault_code order by updated_at desc, id desc))[1] as code,
        (array_agg(fault_message order by updated_at desc, id desc))[1] as says,
        count(*) filter (where state = 'held') as held, count(*) filter (where state = 'dead') as dead,
        count(*) filter (where state = 'retrying') as retrying, count(*) filter (where state = 'discarded') as resolved,
        count(distinct subject) as orders, count(*) filter (where assignee is null) as unassigned,
        coalesce(array_agg(distinct assignee) filter (where assignee is not null), '{}') as assignees,
        count(*) filter (where snoozed_until > $2) as snoozed, min(snoozed_until) filter (where snoozed_until > $2) as snoozed_until
    from stuck
    group by fingerprint
    having $6::bigint is null or count(distinct subject) < $6
        or (count(distinct subject) = $6 and fingerprint > $7::text)
    order by count(distinct subject) desc, fingerprint
    limit $1
), words as materialized (
    select fingerprint, array_agg(distinct word order by word) as tags
    from stuck join causes using (fingerprint), unnest(stuck.tags) as word
    group by fingerprint
), tries as materialized (
    select s.fingerprint, min(a.ended_at) as first_seen, max(a.ended_at) as last_seen
    from stuck s join causes using (fingerprint)
    join attempt a on a.delivery_id = s.id and a.code = s.fault_code
    group by s.fingerprint
), hours as materialized (
    select fingerprint, array_agg(hour) as hours, array_agg(failed) as failed
    from (
        select s.fingerprint, floor(extract(epoch from $2 - a.ended_at) / 3600)::integer as hour,
            count(*) as failed
        from stuck s join causes using (fingerprint)
        join attempt a on a.delivery_id = s.id and a.code = s.fault_code
        where a.ended_at > $2 - interval '24 hours'
        group by 1, 2
    ) as by_hour
    group by fingerprint
), money as materialized (
    select fingerprint, json_agg(json_build_object('currency', currency, 'amount', amount::text, 'orders', orders)
        order by currency) filter (where currency is not null) as totals,
        coalesce(sum(orders) filter (where currency is null), 0)::bigint as orders_without_total
    from (
        select affected.fingerprint, coalesce(o.currency, p.currency) as currency,
            sum(coalesce(o.grand_total, p.grand_total)) as amount, count(*) as orders
        from (select distinct fingerprint, subject from stuck join causes using (fingerprint)) as affected
        left join sales_order o on o.order_key = affected.subject
        left join placed_order p on p.order_key = affected.subject
        group by 1, 2
    ) as by_currency
    group by fingerprint
)
select causes.*, coalesce(words.tags, '{}') as tags, tries.first_seen, tries.last_seen, hours.hours, hours.failed,
    money.totals, money.orders_without_total
from causes left join words using (fingerprint) left join tries using (fingerprint) left join hours using (fingerprint) left join money using (fingerprint)
order by causes.orders desc, causes.fingerprint

-- flowed_in --
-- Deliveries made within the window, by route. Ids of events sort by time: those of the window are a range.
select event_type, subscriber, sum(deliveries)::bigint as deliveries, array_agg(source order by source) as sources
from (
    select e.type as event_type, d.subscriber, e.source, count(*) as deliveries
    from event e join delivery d on d.event_id = e.id
    where e.id >= $1
    group by 1, 2, 3
) as by_source
group by 1, 2

-- flowed_out --
-- Tries that ended within the window, by route.
select e.type as event_type, d.subscriber, count(*) filter (where a.outcome = 'done') as done,
    count(*) filter (where a.outcome <> 'done') as failed
from attempt a join delivery d on d.id = a.delivery_id join event e on e.id = d.event_id
where a.ended_at >= $1
group by 1, 2

-- queues --
-- What is open, by route.
select e.type as event_type, d.subscriber, count(*) as queue, min(d.created_at) as oldest_at
from delivery d join event e on e.id = d.event_id
where d.state not in ('done', 'discarded')
group by 1, 2
