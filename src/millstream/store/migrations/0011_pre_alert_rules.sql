-- Alert rules that people change while the hub runs: levels that differ from the settings, rules switched off.

-- One row per level that is not what the settings say; no row: the settings hold. `name` is the setting's name.
create table alert_level (
    name text primary key,
    value jsonb not null,
    reason text not null,
    actor text not null,
    changed_at timestamptz not null
);

-- One row per rule that somebody switched off, and per rule that was switched on again.
create table alert_switch (
    code text primary key,
    is_on boolean not null,
    until timestamptz,              -- off until then; null: until somebody switches it on
    reason text not null,
    actor text not null,
    changed_at timestamptz not null
);

-- What whoever took an alert on said about it.
alter table alert add column note text;
create index alert_by_code on alert (code, id);

-- Orders that were compared in store, books and ERP; `differs_since` while they are not the same.
create table drift_check (
    order_key text primary key,
    checked_at timestamptz not null,
    differs text[] not null,
    differs_since timestamptz
);
create index drift_check_by_time on drift_check (checked_at);
create index drift_check_differing on drift_check (order_key) where differs_since is not null;
