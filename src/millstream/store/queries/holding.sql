-- placed --
-- What the store calls an order it reported.
select source, data ->> 'store_order_id' as store_order_id, data ->> 'number' as number from event
where subject = $1 and type = 'order.placed'
order by id limit 1
