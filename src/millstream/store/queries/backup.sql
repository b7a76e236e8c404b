-- tables --
-- Our tables, by name; those of an extension are none of ours.
select c.relname as name from pg_class c
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
    and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
order by 1

-- count --
-- How many rows a table has.
select count(*) from public."{table}"

-- newest_event --
-- Where the ledger ends.
select id::text as id, received_at from event order by received_at desc, id desc limit 1

-- server --
-- The server's version and clock, and the snapshot that pg_dump and the counts share.
select current_setting('server_version') as version, clock_timestamp() as now, pg_export_snapshot() as snapshot

-- any_fact --
-- Whether anything is there that would be missed.
select exists (select from event) or exists (select from audit)

-- what_goes --
-- What a restore throws away: the trail of it goes along, so the new one tells.
select (select count(*) from event) as events, (select count(*) from audit) as audit_rows,
    (select encode(hash, 'hex') from audit_seal order by id desc limit 1) as last_seal

-- make_room --
-- First part of a restore. Everything goes in the transaction that brings the backup in: if that fails, all is as before.
do $$
declare
    one record;
begin
    perform pg_advisory_xact_lock(7305011);  -- processes that start now wait for their turn at the schema
    if exists (select from pg_stat_activity where datname = current_database() and application_name ~ '^millstream(/\d+)?$') then
        raise exception 'a Millstream process has opened this database meanwhile';
    end if;
    for one in
        select case when c.relkind = 'v' then 'view' when c.relkind = 'S' then 'sequence' else 'table' end as kind,
            c.oid::regclass::text as name
        from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'S')
            and not exists (select from pg_depend d where d.objid = c.oid and d.deptype in ('e', 'i', 'a'))
        order by c.relkind
    loop
        execute format('drop %s if exists %s cascade', one.kind, one.name);
    end loop;
    for one in
        select p.oid::regprocedure::text as name from pg_proc p
        where p.pronamespace = 'public'::regnamespace
            and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
    loop
        execute format('drop routine if exists %s cascade', one.name);
    end loop;
    for one in
        select format_type(t.oid, null) as name from pg_type t join pg_class c on c.oid = t.typrelid
        where t.typnamespace = 'public'::regnamespace and c.relkind = 'c'
            and not exists (select from pg_depend d where d.objid = t.oid and d.deptype = 'e')
    loop
        execute format('drop type if exists %s cascade', one.name);
    end loop;
end $$;

-- check_rows --
-- Last part of a restore: every table has the rows the manifest counted, every sequence is ahead of its column.
do $$
declare
    one record;
    found bigint;
begin
    for one in select * from (values {expected}) as expected (name, rows) loop
        execute format('select count(*) from public.%I', one.name) into found;
        if found <> one.rows then
            raise exception 'table % has % rows, the backup counted %', one.name, found, one.rows;
        end if;
    end loop;
    for one in
        select a.attrelid::regclass as place, a.attname as name,
            pg_get_serial_sequence(a.attrelid::regclass::text, a.attname) as sequence
        from pg_attribute a join pg_class c on c.oid = a.attrelid
        where c.relnamespace = 'public'::regnamespace and a.attidentity <> ''
    loop
        execute format('select coalesce(max(%I), 0) - coalesce(pg_sequence_last_value(%L::regclass), 0) from %s',
                       one.name, one.sequence, one.place) into found;
        if found > 0 then
            raise exception 'the sequence of %.% is % behind its column', one.place, one.name, found;
        end if;
    end loop;
end $$;

-- mark_restored --
-- Everything up to `until` may have happened outside already: open deliveries that no one tried look before they act.
with marked as (
    insert into public.restoration (at, until, backup) values ($1, $2, $3)
)
update public.delivery set tries = 1 where tries = 0 and state not in ('done', 'discarded')

-- tell --
-- Who did it, in the trail of the database as it is now.
insert into public.audit (at, actor, action, subject, detail) values (clock_timestamp(), $1, $2, $3, $4::jsonb)
