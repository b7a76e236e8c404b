-- worth --
-- What the deliveries of a filter are about, by currency; $13: of these fault codes alone.
select coalesce(o.currency, p.currency) as currency, sum(coalesce(o.grand_total, p.grand_total)) as amount,
    count(*) as orders
from (
    select distinct e.subject from delivery d join event e on e.id = d.event_id
    where {where} and d.state = any($12) and ($13::text[] is null or d.fault_code = any($13))
) as meant
left join sales_order o on o.order_key = meant.subject
left join placed_order p on p.order_key = meant.subject
group by 1
order by 1

-- batch --
-- The next ids of a bulk action: after $13, up to $14.
select d.id, d.lane
from delivery d join event e on e.id = d.event_id
where {where} and d.state = any($12) and d.id > $13 and d.id <= $14
order by d.id
limit $15

-- insert --
-- Ready to start; what comes later has higher ids.
insert into bulk (id, action, wanted, reason, actor, state, estimate, upto, created_at, updated_at, resolution)
values ($1, $2, $3::jsonb, $4, $5, 'ready', $6, (select coalesce(max(id), 0) from delivery), $7, $7, $8)
returning {bulk}

-- bulk --
-- A row of it.
id, action, wanted, reason, actor, state, estimate, done, refused, created_at, updated_at, resolution

-- find --
-- One.
select {bulk} from bulk where id = $1

-- hold --
-- One, against whoever works on it.
select {bulk} from bulk where id = $1 for update

-- newest --
-- A page of them, behind a place, the newest first.
select {bulk} from bulk
where $2::timestamptz is null or (created_at, id) < ($2::timestamptz, $3::uuid)
order by created_at desc, id desc
limit $1

-- move --
-- Its new state.
update bulk set state = $2, updated_at = $3 where id = $1 returning {bulk}

-- take --
-- One that runs and that nobody works on at this moment.
select {bulk}, last_id, upto from bulk where state = 'running' order by created_at, id limit 1 for update skip locked

-- advance --
-- So far it is.
update bulk set last_id = $2, done = done + $3, refused = refused + $4, state = $5, updated_at = $6 where id = $1

-- outcome --
-- Where the deliveries are now that one was done to: the audit trail has a row for each of them.
select d.state, case when d.state in ('held', 'dead', 'retrying') then d.fault_code end as code, count(*) as deliveries
from audit a join delivery d on d.id = (a.detail ->> 'delivery')::bigint
where a.action = $1 and a.actor = $2 and a.at >= $3 and a.detail ->> 'bulk' = $4
group by 1, 2
order by 3 desc, 1, 2
