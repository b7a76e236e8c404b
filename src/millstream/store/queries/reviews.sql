-- held --
-- Orders that wait because of their customer, from behind an id on.
select d.id, d.event_id, e.type as event_type, e.subject, d.subscriber, d.state, d.tries, d.attempts, d.due_at,
    d.created_at, d.updated_at, d.head, d.fault_code as code, d.fault_message as message, d.fingerprint, d.note,
    d.assignee, d.tags, d.snoozed_until, d.resolution, coalesce(d.amended::text, e.data::text) as payload
from delivery d join event e on e.id = d.event_id
where {waiting} and d.id > $1 and ($2::text is null or d.fault_code = $2)
order by d.id
limit $3

-- waiting --
-- What a review is. The first two lines are those of the index `delivery_customer_review`.
d.state = 'held'
    and d.fault_code in ('customer.unknown', 'customer.ambiguous', 'customer.similar', 'customer.gone')
    and d.subscriber = 'erp' and e.type = 'order.placed'

-- one --
-- An order's way into the ERP.
select d.id, d.event_id, e.type as event_type, e.subject, d.subscriber, d.state, d.tries, d.attempts, d.due_at,
    d.created_at, d.updated_at, d.head, d.fault_code as code, d.fault_message as message, d.fingerprint, d.note,
    d.assignee, d.tags, d.snoozed_until, d.resolution, coalesce(d.amended::text, e.data::text) as payload
from delivery d join event e on e.id = d.event_id
where d.id = $1 and d.subscriber = 'erp' and e.type = 'order.placed'

-- of_login --
-- What waits because of one customer. `payload` is null where it was filed as theirs, else it must be read to know.
select d.id, d.lane,
    case when p.login = $2 and d.amended is null then null else coalesce(d.amended::text, e.data::text) end as payload
from delivery d join event e on e.id = d.event_id left join placed_order p on p.order_key = e.subject
where {waiting} and e.source = $1 and (p.login = $2 or p.login is null or d.amended is not null)
order by d.id

-- linked_meanwhile --
-- What waits although its customer is linked: it was held while somebody linked another of its orders.
select d.id, d.lane
from delivery d join event e on e.id = d.event_id
join placed_order p on p.order_key = e.subject
join link l on l.kind = 'login' and l.system = e.source and l.external_id = p.login
where {waiting} and d.amended is null
order by d.id
limit $1

-- link --
-- Says which are new.
insert into link (kind, system, external_id, hub_id, created_at)
select kind, system, external_id, hub_id, $1 from unnest($2::link_in[])
on conflict do nothing
returning kind

-- unlink --
-- Only what is on record as it was looked at.
delete from link where kind = $1 and system = $2 and external_id = $3 and hub_id = $4
