-- What the people at the desk need: search by any number, work marks, bulk actions, connections that stay paused.

alter table delivery add column tags text[] not null default '{}';
alter table delivery add column snoozed_until timestamptz;

-- An order the ERP does not have yet, filed while it waits, so that its money and its numbers are known.
create table placed_order (
    order_key text primary key,
    currency text,                  -- currency and total are null where nobody could read the order
    grand_total numeric,
    filed_at timestamptz not null
);

-- Prefixes of numbers, in any case. The sort order is that of bytes, whatever the database's own is.
create index order_alias_by_prefix on order_alias ((lower(value) collate "C"), order_key, kind);
create index event_by_placed_number on event ((lower(data ->> 'number') collate "C"), subject)
    where type = 'order.placed';
create index event_placed_by_time on event (received_at, id) where type = 'order.placed';
-- What is done has neither: these hold what failed and was not mended.
create index delivery_by_cause on delivery (fingerprint, id) where fingerprint is not null;
create index delivery_by_code on delivery (fault_code, id) where fault_code is not null;
create index audit_by_person on audit (actor, id) where actor not like 'hub:%';
create index audit_by_action on audit (action, id) where action <> 'delivery.done';

-- Windows of time over tables that only grow: a few bytes per hundred pages, next to nothing for whoever writes.
create index attempt_by_time on attempt using brin (ended_at) with (pages_per_range = 32, autosummarize = on);
create index audit_by_time on audit using brin (at) with (pages_per_range = 32, autosummarize = on);

-- One action on everything a filter meant at one moment. Each batch moves `last_id` in the transaction of its effects.
create table bulk (
    id uuid primary key,
    action text not null constraint bulk_action_is_known check (action in ('retry', 'release', 'discard')),
    wanted jsonb not null,
    reason text not null,
    actor text not null,
    state text not null
        constraint bulk_state_is_known check (state in ('ready', 'running', 'paused', 'done', 'cancelled')),
    estimate bigint not null,
    last_id bigint not null default 0,
    upto bigint not null,           -- deliveries that came later are not meant
    done bigint not null default 0,
    refused bigint not null default 0,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index bulk_by_state on bulk (state, created_at) where state = 'running';

create table connection_pause (
    name text primary key,
    paused boolean not null,
    reason text not null,
    actor text not null,
    since timestamptz not null
);

-- What one process knows of one connection; written every few seconds, so it may be as old as `seen_at` says.
create table connection_seen (
    name text not null,
    worker text not null,
    breaker text not null,
    open_until timestamptz,
    failures integer not null,
    concurrency integer not null,
    in_use integer not null,
    rate_per_s double precision not null,
    tokens double precision,
    answered_at timestamptz,
    seen_at timestamptz not null,
    primary key (name, worker)
);
