-- placed --
-- What the store calls an order it reported, and whether it is over.
select p.source, p.data ->> 'store_order_id' as store_order_id, p.data ->> 'number' as number,
    coalesce(o.shipped_at, o.delivered_at) is not null as shipped,
    o.cancelled_at is not null or exists (
        select from event c where c.subject = $1 and c.type = any($2::text[])
    ) as cancelled
from event p left join sales_order o on o.order_key = p.subject
where p.subject = $1 and p.type = 'order.placed'
order by p.id limit 1

-- steps --
-- Its deliveries that are not over, and all that were to hold or release it.
select d.id, d.state, d.fault_code as code, e.type from event e join delivery d on d.event_id = e.id
where e.subject = $1 and (e.type = any($2::text[]) or d.state not in ('done', 'discarded'))
order by d.id
