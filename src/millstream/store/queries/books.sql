-- contradicting_links --
-- Links that say something else than is on record.
select l.n from unnest($1::link_in[]) with ordinality as l (kind, system, external_id, hub_id, n)
where not exists (
    select from link k
    where k.kind = l.kind and k.system = l.system and k.external_id = l.external_id and k.hub_id = l.hub_id
)

-- book --
-- Links (first writer wins; says how many were new), acknowledged orders (a second confirmation replaces what the ERP
-- said, never what was marked since) with their lines, every date promised, every number an order may be asked for by.
with linked as (
    insert into link (kind, system, external_id, hub_id, created_at)
    select kind, system, external_id, hub_id, $1 from unnest($2::link_in[])
    on conflict do nothing
    returning kind
), booked as (
    insert into sales_order as o (order_key, store, store_view_id, store_order_id, number, customer_id, currency,
        grand_total, base_currency, base_total, placed_at, ship_to_fingerprint, erp, erp_id, erp_number, erp_total,
        confirmed_at, ship_date, "order", acknowledgement)
    select order_key, store, store_view_id, store_order_id, number, customer_id, currency, grand_total, base_currency,
        base_total, placed_at, ship_to_fingerprint, erp, erp_id, erp_number, erp_total, confirmed_at, ship_date,
        order_json::json, ack_json::json
    from unnest($3::order_in[])
    on conflict (order_key) do update set erp_id = excluded.erp_id, erp_number = excluded.erp_number,
        erp_total = excluded.erp_total, ship_date = excluded.ship_date, acknowledgement = excluded.acknowledgement
), lined as (
    insert into order_line as l (order_key, line_id, sku, quantity, unit, net, reserved, ship_date)
    select order_key, line_id, sku, quantity, unit, net, reserved, ship_date from unnest($4::line_in[])
    on conflict (order_key, line_id) do update set reserved = excluded.reserved, ship_date = excluded.ship_date
), promised as (
    insert into promise (order_key, line_id, ship_date, reason, promised_by, promised_at)
    select order_key, line_id, ship_date, reason, promised_by, promised_at from unnest($5::promise_in[])
), named as (
    insert into order_alias (value, kind, order_key)
    select value, kind, order_key from unnest($6::alias_in[])
    on conflict do nothing
)
select count(*) from linked

-- mark_orders --
-- Steps an order took; the first time of each is kept. A new date is written where there is one, known or not.
update sales_order o
set packed_at = coalesce(o.packed_at, m.packed_at), shipped_at = coalesce(o.shipped_at, m.shipped_at),
    delivered_at = coalesce(o.delivered_at, m.delivered_at), cancelled_at = coalesce(o.cancelled_at, m.cancelled_at),
    ship_date = case when m.dated then m.ship_date else o.ship_date end,
    acknowledgement = coalesce(m.ack_json::json, o.acknowledgement),
    "order" = coalesce(m.order_json::json, o."order"),
    ship_to_fingerprint = coalesce(m.ship_to_fingerprint, o.ship_to_fingerprint)
from unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::boolean[],
            $7::date[], $8::text[], $9::text[], $10::text[])
     as m (order_key, packed_at, shipped_at, delivered_at, cancelled_at, dated, ship_date, ack_json, order_json,
           ship_to_fingerprint)
where o.order_key = m.order_key

-- reschedule_lines --
-- What the ERP has set aside for these lines now, and when they ship.
update order_line l set reserved = m.reserved, ship_date = m.ship_date
from unnest($1::text[], $2::text[], $3::numeric[], $4::date[]) as m (order_key, line_id, reserved, ship_date)
where l.order_key = m.order_key and l.line_id = m.line_id

-- cancel_lines --
-- What will not come of these lines, in all.
update order_line l set cancelled = greatest(l.cancelled, m.cancelled)
from unnest($1::text[], $2::text[], $3::numeric[]) as m (order_key, line_id, cancelled)
where l.order_key = m.order_key and l.line_id = m.line_id

-- keep_promises --
-- An order whose last part left settles its last promise: kept if that was on or before the promised day.
update promise p set kept = p.ship_date >= m.shipped_on
from unnest($1::text[], $2::date[]) as m (order_key, shipped_on)
where p.kept is null and p.ship_date is not null and p.id = (
    select max(id) from promise q where q.order_key = m.order_key and q.line_id is null and q.ship_date is not null
)

-- known_orders --
-- What a store reports again that we know already. A new address that is still to be sent, or that a person resolved, is
-- known: every other change of the order would tell it once more. So is one of an order that the ERP does not have.
select e.data ->> 'store_order_id' as store_order_id,
    coalesce(moved.ship_to_fingerprint, o.ship_to_fingerprint, e.data ->> 'ship_to_fingerprint') as ship_to_fingerprint,
    o.cancelled_at is not null
        or exists (select from event c where c.source = e.source
                   and c.source_id = 'order/' || (e.data ->> 'store_order_id') || '/cancelled') as cancelled
from event e
left join sales_order o on o.order_key = e.subject
left join lateral (
    select m.data ->> 'ship_to_fingerprint' as ship_to_fingerprint, d.state
    from event m join delivery d on d.event_id = m.id and d.subscriber = 'erp'
    where m.subject = e.subject and m.type = 'order.address_changed'
    order by d.id desc limit 1
) moved on moved.state <> 'done' or o.order_key is null
where e.source = $1 and e.source_id = any($2)

-- poll_cursor --
-- Where a recurring question stands.
select cursor from schedule where name = $1

-- restored_until --
-- What is older may have happened without being on these books.
select max(until) from restoration

-- find_links --
-- Which hub ids these external ids name.
select l.n, k.hub_id
from unnest($1::text[], $2::text[], $3::text[]) with ordinality as l (kind, system, external_id, n)
join link k on k.kind = l.kind and k.system = l.system and k.external_id = l.external_id

-- external_id --
-- What a system calls a hub id; logins are many, the others one.
select external_id from link where kind = $1 and system = $2 and hub_id = $3 and kind <> 'login'

-- booked_order --
-- An order as the books have it.
select "order", acknowledgement, customer_id, ship_date, shipped_at, delivered_at, cancelled_at,
    gone.left_at, gone.left_on,
    (select json_object_agg(l.line_id, l.cancelled::text) from order_line l
     where l.order_key = $1 and l.cancelled > 0) as cancelled
from sales_order, (
    select max(e.occurred_at) as left_at,
        max(coalesce((e.data #>> '{shipment,shipped_on}')::date, (e.occurred_at at time zone 'utc')::date)) as left_on
    from event e where e.subject = $1 and e.type = 'order.shipped'
) gone
where order_key = $1

-- placement --
-- How an order fares at the ERP: the states of its way in, and of the newest way out.
select e.data ->> 'number' as number, e.data ->> 'replaces' as replaces, o.order_key is not null as is_booked,
    o.cancelled_at is not null as is_cancelled, p.state as placing, (
        select d.state from event c join delivery d on d.event_id = c.id
        where c.subject = e.subject and c.type = 'order.cancelled' and d.subscriber = 'erp'
        order by d.id desc limit 1
    ) as cancelling
from event e
left join sales_order o on o.order_key = e.subject
left join delivery p on p.event_id = e.id and p.subscriber = 'erp'
where e.subject = $1 and e.type = 'order.placed'

-- find_orders --
-- Order keys by any number, newest first. Only order.placed proves a key: a partner's report has a number as its subject.
select order_key from (
    select distinct order_key from (
        select order_key from order_alias where lower(value) = lower($1)
        union all select order_key from sales_order where order_key = $1
        union all select subject from event where type = 'order.placed' and subject = $1
        union all select subject from event where type = 'order.placed' and data ->> 'number' = $1
    ) as hits
) as keys
left join sales_order using (order_key)
order by placed_at desc nulls first
limit 50

-- steps_on_the_way --
-- What left, and what carriers said of it.
select e.data ->> 'shipment' as shipment, e.data ->> 'delivered' as delivered from event e
where e.subject = $1 and e.type in ('order.shipped', 'order.tracked', 'order.delivered')
order by e.received_at, e.id

-- tracking_numbers --
-- Of every shipment that left, as the ERP wrote them last (aliases are in lower case).
with told as (
    select e.data -> 'shipment' as shipment, min(e.received_at) over same as left_at, e.data #>> '{shipment,erp_id}' as id,
        row_number() over (same order by e.received_at desc, e.id desc) as back
    from event e where e.subject = $1 and e.type in ('order.shipped', 'order.tracked')
    window same as (partition by e.data #>> '{shipment,erp_id}')
)
select parcel.value ->> 'tracking_number' as tracking_number
from told t, json_array_elements(t.shipment -> 'parcels') with ordinality as parcel (value, n)
where t.back = 1 and parcel.value ->> 'tracking_number' <> ''
order by t.left_at, t.id, parcel.n

-- lifetime_values --
-- What these customers bought, cancelled orders left out.
select customer_id, base_currency as currency, sum(base_total) as amount, count(*) as orders
from sales_order where customer_id = any($1) and cancelled_at is null
group by customer_id, base_currency
