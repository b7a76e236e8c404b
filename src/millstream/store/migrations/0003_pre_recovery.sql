-- Recovery: what was applied is told by its digest, and what was restored is never taken for a first try.

-- `digest` is null in rows that a version without it wrote. `floor` is the oldest release that can live with the step.
alter table migration add column digest text;
alter table migration add column floor integer not null default 0;

-- Events up to `until` may have had their effects before the backup was restored: their deliveries look before they act.
create table restoration (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    until timestamptz not null,
    backup text not null
);
