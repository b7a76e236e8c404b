-- Monitoring: which workers live, what is amiss and who was told.

-- One row per worker process, renewed while it works. `breakers` says which connections it finds down, and since when.
create table heartbeat (
    worker text primary key,
    started_at timestamptz not null,
    seen_at timestamptz not null,
    breakers jsonb not null default '{}'
);

-- `scope` says what of its code an alert is about (a connection, a subscriber); `cause` groups alerts that one thing
-- brings about: only the first of them is told (`told_with` names it).
create table alert (
    id bigint generated always as identity primary key,
    code text not null,
    scope text not null,
    cause text not null,
    urgent boolean not null,
    state text not null
        constraint alert_state_is_known check (state in ('pending', 'firing', 'acknowledged', 'resolved')),
    effect text not null,
    opened_at timestamptz not null,
    last_true_at timestamptz not null,
    fired_at timestamptz,
    acknowledged_at timestamptz,
    acknowledged_by text,
    escalated_at timestamptz,
    resolved_at timestamptz,
    told_with bigint
);
create unique index alert_is_open_once on alert (code, scope) where state <> 'resolved';
create index alert_by_time on alert (opened_at, id);

-- One message to one channel. `occasion` makes it one: two processes that have the same thing to say say it once.
create table notification (
    id bigint generated always as identity primary key,
    occasion text not null,
    channel text not null,
    alert_id bigint,
    title text not null,
    body text not null,
    urgent boolean not null,
    state text not null
        constraint notification_state_is_known check (state in ('waiting', 'sent', 'failed', 'dropped')),
    tries integer not null default 0,
    created_at timestamptz not null,
    due_at timestamptz not null,
    ended_at timestamptz,
    problem text,
    constraint notification_is_made_once unique (occasion, channel)
);
create index notification_due on notification (due_at, id) where state = 'waiting';
create index notification_by_alert on notification (alert_id, id);
create index notification_by_time on notification (created_at);

-- Promises are judged by what was shipped lately.
create index event_shipped on event (id) where type = 'order.shipped';
