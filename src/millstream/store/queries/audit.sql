-- unsealed --
-- Rows of transactions that are all over, in an order no late commit can disturb: whoever still writes has a higher tx.
-- Ordered by the column, not by the text of the same name, where 1000 would come before 999.
select tx::text as tx, audit_line(audit) as line from audit
where tx > $1::text::xid8 and tx < pg_snapshot_xmin(pg_current_snapshot())
order by audit.tx, audit.id limit $2

-- sealed --
-- The rows one seal covers.
select audit_line(audit) as line from audit
where tx > $1::text::xid8 and tx <= $2::text::xid8 order by tx, id

-- insert_seal --
-- One link of the chain.
insert into audit_seal (upto_tx, rows, previous, hash, sealed_at) values ($1::text::xid8, $2, $3, $4, $5)

-- seals --
-- The chain.
select id, upto_tx::text as upto, rows, previous, hash from audit_seal order by id

-- last_seal --
-- Its end.
select hash, upto_tx::text as upto from audit_seal order by id desc limit 1

-- count_unsealed --
-- What the next seal will cover.
select count(*) from audit where tx > $1::text::xid8
