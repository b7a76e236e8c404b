-- open --
-- Nobody else can open it at the same time.
insert into alert (code, scope, cause, urgent, state, effect, opened_at, last_true_at)
values ($1, $2, $3, $4, 'pending', $5, $6, $6)
on conflict (code, scope) where state <> 'resolved' do update set last_true_at = $6, effect = $5
returning {alert}

-- alert --
-- The columns, as the port has them.
id, code, scope, cause, urgent, state, effect, opened_at, last_true_at, fired_at, acknowledged_at, acknowledged_by,
    escalated_at, resolved_at, told_with, note, told_size

-- open_alerts --
-- What is not resolved.
select {alert} from alert where state in ('pending', 'firing', 'acknowledged') order by id

-- page --
-- Below an id, the newest first.
select {alert} from alert
where ($1::bigint is null or id < $1) and ($2::boolean is null or (state <> 'resolved') = $2)
    and ($3::text is null or state = $3) and ($4::text is null or code = $4)
order by id desc limit $5

-- looked_at --
-- The last turn of whichever process had it.
select last_run_at from schedule where name = $1

-- find --
-- One.
select {alert} from alert where id = $1

-- change --
-- As it is now. An acknowledgement that came meanwhile is kept. What it was before.
with before as (select id, state, escalated_at from alert where id = $1 and state <> 'resolved' for update)
update alert a set cause = $2, effect = $3, last_true_at = $5, fired_at = $6, escalated_at = $7, resolved_at = $8,
    told_with = $9, urgent = $10, told_size = $11,
    state = case when $4 = 'firing' and a.state = 'acknowledged' then a.state else $4 end
from before where a.id = before.id
returning before.state, before.escalated_at

-- forget --
-- Never fired.
delete from alert where id = $1 and state = 'pending'

-- drop_waiting --
-- Nobody need be told any more that something is amiss.
update notification set state = 'dropped', ended_at = $2 where alert_id = $1 and state = 'waiting'

-- drop_overtaken --
-- How many there are is told once, as it is when it is told.
update notification set state = 'dropped', ended_at = $2
where alert_id = $1 and state = 'waiting' and tries = 0 and occasion like '%/grown-%'

-- acknowledge --
-- Somebody is on it, and on what was told with it.
update alert set state = 'acknowledged', acknowledged_at = $2, acknowledged_by = $3, note = $4
where (id = $1 or told_with = $1) and state = 'firing' returning {alert}

-- post --
-- One message per occasion and channel.
insert into notification (occasion, channel, alert_id, title, body, urgent, state, created_at, due_at)
select m.occasion, m.channel, m.alert_id, m.title, m.body, m.urgent, 'waiting', $1, m.due_at
from unnest($2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::boolean[], $8::timestamptz[])
    as m (occasion, channel, alert_id, title, body, urgent, due_at)
on conflict (occasion, channel) do nothing returning id

-- notification --
-- The columns, as the port has them.
id, occasion, channel, alert_id, title, body, urgent, state, tries, created_at, due_at, ended_at, problem

-- claim_due --
-- Ours until the lease ends; then somebody tells it again.
update notification set due_at = $2, tries = tries + 1
where id in (
    select id from notification where state = 'waiting' and due_at <= $1
    order by due_at, id limit $3 for update skip locked
)
returning {notification}

-- end --
-- What became of it.
update notification set problem = $2, due_at = coalesce($3, due_at),
    state = case when $2::text is null then 'sent' when $3::timestamptz is null then 'failed' else 'waiting' end,
    ended_at = case when $3::timestamptz is null then $4::timestamptz end
where id = $1 and state = 'waiting'

-- of_alert --
-- Who was told of it.
select {notification} from notification where alert_id = $1 order by id desc limit $2

-- unsent --
-- What was not told (yet).
select {notification} from notification
where state = 'failed' or state = 'waiting' and tries > 0
order by id desc limit $1

-- day --
-- The last day in figures.
select (select count(*) from sales_order where placed_at >= $1) as orders,
    (select count(*) from alert where opened_at >= $1 and fired_at is not null) as fired,
    (select count(*) from alert where opened_at >= $1 and resolved_at is not null) as resolved,
    (select count(*) from notification where created_at >= $1 and state = 'failed') as unsent

-- tally --
-- For the metrics.
select 'alert' as kind, code as name, state, count(*) as n from alert where state <> 'resolved' group by code, state
union all
select 'notification', channel, state, count(*) from notification
where created_at >= $1 and state in ('waiting', 'sent', 'failed') group by channel, state
