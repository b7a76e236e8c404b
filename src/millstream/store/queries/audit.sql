-- horizon --
-- The newest row there is, and the first transaction that had not begun when it was seen.
select coalesce(max(id), 0) as newest, pg_snapshot_xmax(pg_current_snapshot())::text as beyond from audit

-- is_settled --
-- Whether every transaction that may have been given a lower row id than the newest one seen is over.
select pg_snapshot_xmin(pg_current_snapshot()) >= $1::text::xid8

-- unsealed --
-- Rows to seal. Ids may have gaps (transactions that failed), but no row can appear in one any more.
select id, audit_line(audit) as line from audit where id > $1 and id <= $2 order by id limit $3

-- sealed --
-- The rows one seal covers.
select audit_line(audit) as line from audit where id > $1 and id <= $2 order by id

-- insert_seal --
-- One link of the chain.
insert into audit_seal (upto, rows, previous, hash, sealed_at) values ($1, $2, $3, $4, $5)

-- seals --
-- The chain.
select id, upto, rows, previous, hash from audit_seal order by id

-- last_seal --
-- Its end.
select hash, upto from audit_seal order by id desc limit 1

-- count_unsealed --
-- What the next seal will cover.
select count(*) from audit where id > $1

-- page --
-- Rows by filter, before an id, the newest first.
select id, at, actor, action, subject, detail from audit
where {chosen} and id < $7
order by id desc
limit $8

-- of_delivery --
-- What was done to one delivery, before an id, the newest first. A subject has few rows.
select id, at, actor, action, subject, detail from audit
where subject = $1 and action like 'delivery.%' and detail @> jsonb_build_object('delivery', $2::bigint) and id < $3
order by id desc
limit $4

-- block --
-- Rows by filter, behind an id, the oldest first.
select id, at, actor, action, subject, detail from audit
where {chosen} and id > $7
order by id
limit $8

-- chosen --
-- What a filter means; null narrows nothing. The hub's own doings bear its name.
($1::text is null or subject = $1) and ($2::text is null or actor = $2) and ($3::text is null or action = $3)
    and ($4::timestamptz is null or at >= $4) and ($5::timestamptz is null or at < $5)
    and (not $6::boolean or actor not like 'hub:%')
