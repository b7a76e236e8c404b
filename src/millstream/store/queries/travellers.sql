-- placed --
-- Every order that was placed, as the books have it, with all deliveries of its events.
select e.subject as order_key, e.data ->> 'number' as number, o.erp_number, o.ship_date, o.packed_at, o.shipped_at,
    o.delivered_at, o.cancelled_at, o.confirmed_at, o.grand_total, o.currency, e.received_at,
    (select jsonb_agg(jsonb_build_object('subscriber', d.subscriber, 'type', v.type, 'state', d.state, 'tries', d.tries,
                                         'code', d.fault_code, 'message', d.fault_message, 'note', d.note,
                                         'id', d.id, 'updated_at', d.updated_at))
     from event v join delivery d on d.event_id = v.id where v.subject = e.subject) as deliveries
from event e left join sales_order o on o.order_key = e.subject
where e.type = 'order.placed'
order by e.received_at, e.id
