-- The hub's own books: orders, promises, who is who.

create table link (
    kind text not null,
    system text not null,
    external_id text not null,
    hub_id text not null,
    created_at timestamptz not null,
    constraint link_external_id_names_one_hub_id primary key (kind, system, external_id)
);
create unique index link_hub_id_has_one_name_per_system on link (kind, system, hub_id) where kind <> 'login';
create index event_by_order_number on event ((data ->> 'number')) where type = 'order.placed';

create table sales_order (
    order_key text primary key,
    store text not null,
    store_view_id text not null,
    store_order_id text not null,
    number text not null,
    customer_id text not null,
    currency text not null,
    grand_total numeric not null,
    base_currency text not null,
    base_total numeric not null,
    placed_at timestamptz not null,
    ship_to_fingerprint text,
    erp text not null,
    erp_id text not null,
    erp_number text not null,
    erp_total numeric not null,
    confirmed_at timestamptz not null,
    ship_date date,
    packed_at timestamptz,
    shipped_at timestamptz,
    delivered_at timestamptz,
    cancelled_at timestamptz,
    "order" json not null,
    acknowledgement json not null,
    constraint sales_order_is_booked_once unique (store, store_order_id),
    constraint sales_order_number_is_unique_per_view unique (store, store_view_id, number),
    constraint sales_order_has_one_erp_order unique (erp, erp_id)
);
create index sales_order_by_customer on sales_order (customer_id) include (base_currency, base_total, cancelled_at);
create index sales_order_by_time on sales_order (placed_at, order_key);

create table order_line (
    order_key text not null references sales_order (order_key),
    line_id text not null,
    sku text not null,
    quantity numeric not null,
    unit text not null,
    net numeric not null,
    reserved numeric,
    ship_date date,
    primary key (order_key, line_id)
);

create table promise (
    id bigint generated always as identity primary key,
    order_key text not null,
    line_id text,
    ship_date date,
    reason text not null,
    promised_by text not null,
    promised_at timestamptz not null,
    kept boolean
);
create index promise_by_order on promise (order_key, id);

create table order_alias (
    value text not null,
    kind text not null,
    order_key text not null,
    primary key (order_key, kind, value)
);
create index order_alias_by_value on order_alias (lower(value));

create table audit (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    actor text not null,
    action text not null,
    subject text not null,
    detail jsonb not null
);
create index audit_by_subject on audit (subject, id);
create trigger audit_is_append_only before update or delete on audit
    for each row execute function refuse_change();

-- How a row reads under its seal: spelled out, so that no session setting changes it.
create function audit_line(a audit) returns text language sql stable as $$
    select concat_ws('|', a.id, to_char(a.at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US'),
                     a.actor, a.action, a.subject, a.detail)
$$;

-- Rows up to `upto` are sealed: `hash` covers the previous seal and every row since.
create table audit_seal (
    id bigint generated always as identity primary key,
    upto bigint not null,
    rows bigint not null,
    previous bytea not null,
    hash bytea not null,
    sealed_at timestamptz not null
);
create trigger audit_seal_is_append_only before update or delete on audit_seal
    for each row execute function refuse_change();

-- Orders are several kilobytes of JSON: lz4 packs them at a fraction of the cost, where the server was built with it.
do $$
begin
    alter table event alter column data set compression lz4;
    alter table sales_order alter column "order" set compression lz4;
    alter table sales_order alter column acknowledgement set compression lz4;
exception when feature_not_supported or invalid_parameter_value then
    null;
end $$;

-- As in the ledger: what is written in sets comes as arrays of rows.
create type link_in as (kind text, system text, external_id text, hub_id text);
create type order_in as (
    order_key text, store text, store_view_id text, store_order_id text, number text, customer_id text, currency text,
    grand_total numeric, base_currency text, base_total numeric, placed_at timestamptz, ship_to_fingerprint text,
    erp text, erp_id text, erp_number text, erp_total numeric, confirmed_at timestamptz, ship_date date,
    order_json text, ack_json text
);
create type line_in as (
    order_key text, line_id text, sku text, quantity numeric, unit text, net numeric, reserved numeric, ship_date date
);
create type promise_in as (
    order_key text, line_id text, ship_date date, reason text, promised_by text, promised_at timestamptz
);
create type alias_in as (value text, kind text, order_key text);
