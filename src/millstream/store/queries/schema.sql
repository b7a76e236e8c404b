-- take_turn --
-- One process at a time changes the schema. Then: a step that waits for a lock holds up everybody behind it, so not for long.
select pg_advisory_xact_lock($1), set_config('lock_timeout', '5s', true)

-- create_migration --
-- What was applied is on record from the first step on.
create table if not exists migration
    (name text primary key, applied_at timestamptz not null default clock_timestamp())

-- has_migration --
-- An empty database has no record yet.
select to_regclass('migration') is not null

-- recorded --
-- Read through JSON: the columns `digest` and `floor` came later than the table.
select name, row ->> 'applied_at' as applied_at, row ->> 'digest' as digest, (row ->> 'floor')::integer as floor
from (select name, to_jsonb(migration) as row from migration) as as_json

-- insert_step --
-- This one is done.
insert into migration (name) values ($1)

-- record_steps --
-- What each applied file was, and which release it needs; rows from before there were digests are filled in.
update migration m set digest = s.digest, floor = s.floor
from unnest($1::text[], $2::text[], $3::integer[]) as s (name, digest, floor)
where m.name = s.name and m.digest is null

-- has_audit --
-- There is a trail from the second step on.
select to_regclass('public.audit') is not null

-- tell --
-- Who changed the schema, and by which steps.
insert into public.audit (at, actor, action, subject, detail)
values (clock_timestamp(), $1, 'schema.migrated', 'schema', $2::jsonb)

-- look_anew --
-- A transaction sees the sessions there were at its first look, unless told to look anew.
select pg_stat_clear_snapshot()

-- sessions --
-- Sessions of processes that work on this database, by where they come from; with a release, only those below it.
select distinct coalesce(client_addr::text, 'this machine') || ', ' || application_name as place
from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and application_name ~ '^millstream(/\d+)?$'
    and ($1::integer is null or coalesce(substring(application_name from '/(\d+)')::integer, 0) < $1)
order by 1
