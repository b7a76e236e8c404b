-- Connections can be drained, tell more of their budget, and remember their last test; deliveries are resolved and reopened.

alter table connection_pause add column drain boolean not null default false;   -- what runs may finish

alter table connection_seen add column brake text not null default 'off';
alter table connection_seen add column under_way integer not null default 0;
alter table connection_seen add column calls bigint not null default 0;
alter table connection_seen add column calls_per_min integer;
alter table connection_seen add column token_fetched_at timestamptz;
alter table connection_seen add column token_ends_at timestamptz;
alter table connection_seen add column usage_used bigint;       -- what the system itself says of its limit
alter table connection_seen add column usage_limit bigint;
alter table connection_seen add column usage_told_at timestamptz;
alter table connection_seen add column down_since timestamptz;  -- since when its breaker has not been closed

-- Calls of all processes on one day (UTC): processes come and go, the system's limit counts them all.
create table connection_day (
    name text not null,
    day date not null,
    calls bigint not null,
    primary key (name, day)
);

-- What the last test of a connection found.
create table connection_test (
    name text primary key,
    at timestamptz not null,
    actor text not null,
    findings jsonb not null
);

-- Why somebody closed it without its happening; null: discarded without a category, or not closed.
alter table delivery add column resolution text;
-- A bulk action that resolves is a discard with a category: a version without categories does the same, and no more.
alter table bulk add column resolution text;
insert into delivery_move values ('discarded', 'held') on conflict do nothing;
