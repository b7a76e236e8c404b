-- The ledger: facts, their deliveries, what was tried, what it came to.

create table event (
    id uuid primary key,
    source text not null,
    source_id text not null,
    type text not null,
    subject text not null,
    occurred_at timestamptz not null,
    received_at timestamptz not null,
    correlation_id uuid not null,
    causation_id uuid,
    data json not null,             -- kept as it came and given back as it is: parsed by whoever reads it, not here
    constraint event_is_stored_once unique (source, source_id)
);
create index event_by_subject on event (subject, received_at);
create index event_by_correlation on event (correlation_id);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only: % refused', tg_table_name, tg_op using errcode = 'MS001';
end $$;
create trigger event_is_append_only before update or delete on event
    for each row execute function refuse_change();

create table delivery (
    id bigint generated always as identity primary key,
    event_id uuid not null references event (id),
    subscriber text not null,
    lane text not null,
    priority smallint not null,
    state text not null default 'waiting'
        constraint delivery_state_is_known
        check (state in ('waiting', 'running', 'retrying', 'held', 'dead', 'done', 'discarded')),
    head boolean not null,          -- first open delivery of its lane: the only one that may be claimed
    due_at timestamptz not null,    -- when it may be claimed; while running, when the lease ends
    tries integer not null default 0,
    attempts integer not null default 0,
    worker text,
    fault_class text,
    fault_code text,
    fault_message text,
    fingerprint text,
    note text,
    amended jsonb,
    waived text[] not null default '{}',
    assignee text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint delivery_is_unique_per_subscriber unique (event_id, subscriber),
    constraint delivery_head_is_open check (not head or state not in ('done', 'discarded'))
) with (fillfactor = 80);
create unique index delivery_one_head_per_lane on delivery (lane) where head;
create index delivery_due on delivery (priority, due_at, id) where head and state in ('waiting', 'running', 'retrying');
create index delivery_open_in_lane on delivery (lane, id) where state not in ('done', 'discarded');
create index delivery_by_state on delivery (state, id) where state in ('held', 'dead', 'retrying');

create table delivery_move (
    source text not null,
    target text not null,
    primary key (source, target)
);
insert into delivery_move values
    ('waiting', 'running'), ('waiting', 'discarded'),
    ('running', 'running'), ('running', 'done'), ('running', 'retrying'), ('running', 'held'), ('running', 'dead'),
    ('retrying', 'running'), ('retrying', 'retrying'), ('retrying', 'discarded'),
    ('held', 'retrying'), ('held', 'discarded'),
    ('dead', 'retrying'), ('dead', 'discarded');

create function refuse_illegal_move() returns trigger language plpgsql as $$
begin
    if not exists (select from delivery_move where source = old.state and target = new.state) then
        raise exception 'delivery % may not move from % to %', old.id, old.state, new.state using errcode = 'MS002';
    end if;
    return new;
end $$;
-- The two commonest moves are known to be legal without a look at the table.
create trigger delivery_moves_are_legal before update of state on delivery
    for each row when (
        old.state is distinct from new.state
        and not (old.state = 'waiting' and new.state = 'running')
        and not (old.state = 'running' and new.state = 'done')
    ) execute function refuse_illegal_move();

create table attempt (
    delivery_id bigint not null references delivery (id),
    n integer not null,
    worker text not null,
    started_at timestamptz not null,
    ended_at timestamptz not null,
    outcome text not null,
    code text,
    message text,
    primary key (delivery_id, n)
);

create table call (
    delivery_id bigint not null,
    n integer not null,
    step smallint not null,
    system text not null,
    operation text not null,
    key text,
    status smallint,
    outcome text not null,
    ms real not null,
    primary key (delivery_id, n, step),
    foreign key (delivery_id, n) references attempt (delivery_id, n)
);

create table schedule (
    name text primary key,
    due_at timestamptz not null,
    lease_until timestamptz,
    worker text,
    cursor jsonb,
    last_run_at timestamptz
);

-- What is written in sets comes as arrays of rows. A type is never altered: what needs another brings its own.
create type event_in as (
    id uuid, source text, source_id text, type text, subject text, occurred_at timestamptz, correlation_id uuid,
    causation_id uuid, data text
);
create type delivery_in as (event_id uuid, subscriber text, lane text, priority smallint, taken boolean);
create type outcome_in as (
    id bigint, tries integer, state text, due_at timestamptz, counts boolean, fault_class text, fault_code text,
    fault_message text, fingerprint text, note text
);
create type attempt_in as (
    delivery_id bigint, n integer, started_at timestamptz, ended_at timestamptz, outcome text, code text, message text,
    action text, subject text, detail text
);
create type call_in as (
    delivery_id bigint, n integer, step smallint, system text, operation text, key text, status smallint, outcome text,
    ms real
);
