-- search --
-- Orders by the beginning of any number they carry: $1 in any case, from the place ($2, $3) on, at most $4.
-- There is one place to begin at: of two lower bounds the planner may take the one that is far away. Whether an earlier
-- number of the same order fits, too, is asked row by row, so that a page costs what a page holds. A store's number
-- stands among the aliases, too, once there are any: of two hits that are the same one is kept.
with hits as (
    (
        select lower(a.value) collate "C" as at, a.order_key, a.kind, a.value
        from order_alias a
        where lower(a.value) collate "C" < (lower($1::text) || U&'\+10FFFF') collate "C"
            and (lower(a.value) collate "C", a.order_key) > (
                case when $2::text = '' then lower($1::text) else $2 end collate "C", $3::text
            )
            and (
                select count(*) from order_alias b
                where b.order_key = a.order_key and lower(b.value) collate "C" >= lower($1::text) collate "C"
                    and (lower(b.value) collate "C", b.kind) < (lower(a.value) collate "C", a.kind)
            ) = 0
        order by lower(a.value) collate "C", a.order_key
        limit $4
    ) union all (
        select lower(e.data ->> 'number') collate "C", e.subject, 'store', e.data ->> 'number'
        from event e
        where e.type = 'order.placed'
            and lower(e.data ->> 'number') collate "C" < (lower($1::text) || U&'\+10FFFF') collate "C"
            and (lower(e.data ->> 'number') collate "C", e.subject) > (
                case when $2::text = '' then lower($1::text) else $2 end collate "C", $3::text
            )
            and (
                select count(*) from order_alias b
                where b.order_key = e.subject and lower(b.value) collate "C" >= lower($1::text) collate "C"
                    and lower(b.value) collate "C" < lower(e.data ->> 'number') collate "C"
            ) = 0
        order by lower(e.data ->> 'number') collate "C", e.subject
        limit $4
    ) union all (
        select lower(e.subject) collate "C", e.subject, 'hub', e.subject
        from event e
        where e.subject = $1 and e.type = 'order.placed'
            and (lower(e.subject) collate "C", e.subject) > (
                case when $2::text = '' then lower($1::text) else $2 end collate "C", $3::text
            )
            and (
                select count(*) from order_alias b
                where b.order_key = e.subject and lower(b.value) collate "C" >= lower($1::text) collate "C"
                    and lower(b.value) collate "C" < (lower($1::text) || U&'\+10FFFF') collate "C"
            ) = 0
        limit 1
    )
), page as (
    select distinct on (at, order_key) at, order_key, kind, value from hits order by at, order_key limit $4
)
select page.at, page.kind as matched_kind, page.value as matched, {hit}
from page
join lateral (
    select * from event where subject = page.order_key and type = 'order.placed' order by received_at limit 1
) as e on true
{standing}
order by page.at, page.order_key

-- newest --
-- The newest orders, from the place ($1, $2) on, at most $3.
select null as matched_kind, null as matched, {hit}
from (
    select * from event
    where type = 'order.placed' and ($1::timestamptz is null or (received_at, id) < ($1, $2::uuid))
    order by received_at desc, id desc limit $3
) as e
{standing}
order by e.received_at desc, e.id desc

-- on_the_way --
-- Orders that the ERP does not have yet, whose deliveries are in the states $1: the newest first, before the delivery
-- $2, at most $3. What is held, dead or retrying is a range of an index for each state; what waits or runs is found
-- among all that is open.
select null as matched_kind, null as matched, e.delivery_id, {hit}
from (
    select way.id as delivery_id, placed.*
    from (
        select stuck.id, stuck.event_id
        from unnest($1::text[]) as wanted (state) cross join lateral (
            select t.id, t.event_id
            from delivery t join event f on f.id = t.event_id
            where t.state = wanted.state and t.state in ('held', 'dead', 'retrying') and t.id < $2
                and t.subscriber = 'erp' and f.type = 'order.placed'
                and not exists (select from sales_order b where b.order_key = f.subject)
            order by t.id desc limit $3
        ) as stuck
        union all
        select t.id, t.event_id
        from delivery t
        where t.state = any($1) and t.state in ('waiting', 'running') and t.state not in ('done', 'discarded')
            and t.id < $2 and t.subscriber = 'erp'
    ) as way
    join event placed on placed.id = way.event_id
    where placed.type = 'order.placed'
        and not exists (select from sales_order b where b.order_key = placed.subject)
    order by way.id desc limit $3
) as e
{standing}
order by e.delivery_id desc

-- in_state --
-- Of the newest $4 orders from the place ($1, $2) on those in the state $3, at most $5.
select null as matched_kind, null as matched, {hit}
from (
    select * from event
    where type = 'order.placed' and ($1::timestamptz is null or (received_at, id) < ($1, $2::uuid))
    order by received_at desc, id desc limit $4
) as e
{standing}
where {state} = $3
order by e.received_at desc, e.id desc
limit $5

-- looked_to --
-- How far that looked: the last of so many orders, if there are so many.
select received_at, id, so_many
from (
    select received_at, id, count(*) over () as so_many from (
        select received_at, id from event
        where type = 'order.placed' and ($1::timestamptz is null or (received_at, id) < ($1, $2::uuid))
        order by received_at desc, id desc limit $3
    ) as looked_at
) as counted
where so_many = $3
order by received_at, id
limit 1

-- hit --
-- What a list shows of an order.
e.id as event_id, e.subject as order_key, coalesce(o.number, e.data ->> 'number') as number, o.erp_number,
    coalesce(o.grand_total, p.grand_total) as grand_total, coalesce(o.currency, p.currency) as currency,
    e.occurred_at as placed_at, e.received_at, trouble.troubles, {state} as state

-- state --
-- Where an order stands.
    case
        when o.cancelled_at is not null then 'cancelled'
        when o.delivered_at is not null then 'delivered'
        when o.shipped_at is not null then 'shipped'
        when o.packed_at is not null then 'packed'
        when o.order_key is not null then 'confirmed'
        when d.state in ('held', 'dead') then 'review'
        when d.state in ('retrying', 'discarded') then d.state
        when d.state = 'done' then 'cancelled'
        else 'placed'
    end

-- standing --
-- Where it comes from: the books, what was filed while it waited, its way into the ERP, its troubles.
left join sales_order o on o.order_key = e.subject
left join placed_order p on p.order_key = e.subject
left join delivery d on d.event_id = e.id and d.subscriber = 'erp'
cross join lateral (
    select count(*) as troubles
    from event any_event join delivery t on t.event_id = any_event.id
    where any_event.subject = e.subject and t.state in ('held', 'dead', 'retrying')
) as trouble

-- unfiled --
-- Orders that wait for the ERP longer than a moment and are not filed yet.
select e.subject as order_key, e.data -> 'order' as "order"
from delivery d join event e on e.id = d.event_id
where d.state not in ('done', 'discarded') and d.subscriber = 'erp'
    and d.created_at <= $1 and e.type = 'order.placed'
    and not exists (select from placed_order p where p.order_key = e.subject)
order by d.id
limit $2

-- file --
-- Files what could be read of them, with every number known so far.
with filed as (
    insert into placed_order (order_key, currency, grand_total, login, filed_at)
    select order_key, currency, grand_total, login, $1
    from unnest($2::text[], $3::text[], $4::numeric[], $6::text[]) as f (order_key, currency, grand_total, login)
    on conflict do nothing
)
insert into order_alias (value, kind, order_key)
select value, kind, order_key from unnest($5::alias_in[])
on conflict do nothing
