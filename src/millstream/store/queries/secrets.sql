-- secrets --
-- Every secret, by name; nothing that is sealed.
select name, key_id, version, old_until, set_by, set_at from secret order by name

-- versions --
-- What tells whether the value of one changed, or the value before it ran out.
select name, version, coalesce(old_until > $2, false) as overlaps from secret where name = any($1)

-- sealed --
-- The sealed values of these.
select name, version, sealed, old_sealed, old_until from secret where name = any($1)

-- lock --
-- One of them, to be changed.
select name, version, sealed, key_id from secret where name = $1 for update

-- take_turn --
-- Changes of secrets take turns, so that none is sealed by a key that was just put away.
select pg_advisory_xact_lock($1)

-- put --
-- A new value; the one before stays beside it for the overlap.
insert into secret (name, sealed, key_id, version, set_by, set_at) values ($1, $2, $3, 1, $4, $5)
on conflict (name) do update set sealed = $2, key_id = $3, version = secret.version + 1, set_by = $4, set_at = $5,
    old_sealed = case when $6::timestamptz > $5 then secret.sealed end,
    old_until = case when $6::timestamptz > $5 then $6::timestamptz end
returning version

-- remove --
-- Away with it.
delete from secret where name = $1 returning version

-- everything --
-- All of them, to be sealed by another key.
select name, sealed, old_sealed from secret order by name for update

-- reseal --
-- The same value under another key: no new version.
update secret set sealed = $2, old_sealed = $3, key_id = $4 where name = $1

-- any_key --
-- A key that something is sealed by.
select key_id from secret limit 1
