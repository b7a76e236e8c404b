-- shares --
-- What a filter means, by state and fault code.
select d.state, d.fault_code as code, count(*) as deliveries
from delivery d join event e on e.id = d.event_id
where {where} and d.state = any($12)
group by 1, 2
order by 3 desc, 1, 2

-- batch --
-- The next ids of a bulk action: after $13, up to $14.
select d.id, d.lane
from delivery d join event e on e.id = d.event_id
where {where} and d.state = any($12) and d.id > $13 and d.id <= $14
order by d.id
limit $15

-- insert --
-- Ready to start; what comes later has higher ids.
insert into bulk (id, action, wanted, reason, actor, state, estimate, upto, created_at, updated_at)
values ($1, $2, $3::jsonb, $4, $5, 'ready', $6, (select coalesce(max(id), 0) from delivery), $7, $7)
returning {bulk}

-- bulk --
-- A row of it.
id, action, wanted, reason, actor, state, estimate, done, refused, created_at, updated_at

-- find --
-- One.
select {bulk} from bulk where id = $1

-- hold --
-- One, against whoever works on it.
select {bulk} from bulk where id = $1 for update

-- newest --
-- A page of them.
select {bulk} from bulk order by created_at desc, id desc limit $1

-- move --
-- Its new state.
update bulk set state = $2, updated_at = $3 where id = $1 returning {bulk}

-- take --
-- One that runs and that nobody works on at this moment.
select {bulk}, last_id, upto from bulk where state = 'running' order by created_at, id limit 1 for update skip locked

-- advance --
-- So far it is.
update bulk set last_id = $2, done = done + $3, refused = refused + $4, state = $5, updated_at = $6 where id = $1
