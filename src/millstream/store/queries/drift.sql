-- next_orders --
-- A walk through what was placed lately, ten at a time.
select placed_at, order_key from sales_order
where placed_at >= $1 and confirmed_at <= $2
    and ($3::timestamptz is null or (placed_at, order_key) > ($3::timestamptz, $4::text))
order by placed_at, order_key limit $5

-- differing_orders --
-- Looked at again and again, until they are the same, or long gone.
select c.order_key from drift_check c join sales_order o on o.order_key = c.order_key
where c.differs_since is not null and o.placed_at >= $1
order by c.checked_at, c.order_key limit $2

-- under_way --
-- What is open about these orders.
select distinct e.subject from event e join delivery d on d.event_id = e.id
where e.subject = any($1) and d.state not in ('done', 'discarded')

-- keep --
-- The first moment of a difference is kept for as long as there is one.
insert into drift_check as c (order_key, checked_at, differs, differs_since)
select order_key, $1, string_to_array(differs, ','), case when differs <> '' then $1::timestamptz end
from unnest($2::text[], $3::text[]) as t (order_key, differs)
on conflict (order_key) do update set checked_at = $1, differs = excluded.differs,
    differs_since = case when excluded.differs_since is not null then coalesce(c.differs_since, $1::timestamptz) end

-- forget --
-- Nobody compares them any more.
delete from drift_check where checked_at < $1

-- count --
-- A difference counts when two checks in a row found one: in between, it might have been on its way.
select count(*) as checked, count(*) filter (where differs_since < checked_at) as differing
from drift_check where checked_at >= $1

-- differing --
-- The longest first, behind a place.
select order_key, differs, differs_since as since, checked_at from drift_check
where differs_since < checked_at and checked_at >= $1
    and ($3::timestamptz is null or (differs_since, order_key) > ($3::timestamptz, $4::text))
order by differs_since, order_key limit $2
