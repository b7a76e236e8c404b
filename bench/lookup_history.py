"""A hub's history of any size, written by set-based SQL: orders from placed to delivered over thirty days.

Every order leaves five events, nine deliveries, nine tries with two calls each, nine rows in the audit trail and eight
numbers it may be asked for by. One of ten of the newest fifth never reached the ERP and waits, for one of 20 causes;
two of these are customers in doubt. For 16 orders there was one bulk action.
"""

import json
from datetime import datetime

import msgspec

from millstream.domain.acknowledgement import Acknowledgement, LineSchedule
from millstream.domain.fulfilment import Parcel, Shipment, ShipmentLine
from millstream.domain.order import order_to_json
from millstream.store.database import Database
from sample_orders import one_order

EVENTS_PER_ORDER = 5
ORDERS_PER_BULK = 16
DAYS = 30
STUCK_EVERY = 10
CODES = ("customer.unknown", "customer.similar", *(f"cause.no_{n}" for n in range(2, 20)))

FACTS = """
create temporary table fact as
select n, k, type, placed_at + wait as at, stuck, (
    lpad(to_hex((extract(epoch from placed_at + wait) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(k), 3, '0')
    || '8' || lpad(to_hex(n), 15, '0'))::uuid as id, (
    lpad(to_hex((extract(epoch from placed_at) * 1000)::bigint), 12, '0') || '7' || '000'
    || '8' || lpad(to_hex(n), 15, '0'))::uuid as chain
from (
    select n, $1::timestamptz - ($2 - n) * interval '{days} days' / $2 as placed_at,
        n % {every} = 0 and n > $2 * 0.8 as stuck
    from generate_series(1, $2::integer) as n
) as orders, (values
    (0, 'order.placed', interval '0'), (1, 'order.confirmed', interval '2 seconds'),
    (2, 'order.packed', interval '2 hours'), (3, 'order.shipped', interval '4 hours'),
    (4, 'order.delivered', interval '40 hours')
) as kinds (k, type, wait)
where (k = 0 or not stuck) and placed_at + wait <= $1
order by at
"""

STEPS = {
    "event": """
insert into event (id, source, source_id, type, subject, occurred_at, received_at, correlation_id, data)
select id, case k when 0 then 'shop' else 'millstream' end, 'order/' || n || '/' || type, type,
    'shop-1-' || lpad(n::text, 9, '0'), at - interval '1 second', at, chain,
    case k when 0 then replace(replace($1, '@number@', lpad(n::text, 9, '0')), '@id@', n::text)::json
        when 1 then json_build_object('customer_id', 'C-' || n % 5000, 'order', $2::json, 'acknowledgement', $3::json)
        else json_build_object('customer_id', 'C-' || n % 5000, 'shipment', $4::json) end
from fact order by fact.at""",
    "delivery": """
insert into delivery (event_id, subscriber, lane, priority, state, head, due_at, tries, attempts, fault_class,
    fault_code, fault_message, fingerprint, created_at, updated_at)
select id, subscriber, subscriber || '/shop-1-' || lpad(n::text, 9, '0') || case when stuck then '' else '/' || k end,
    50, case when stuck then (array['held', 'dead', 'retrying'])[1 + n / {every} % 3] else 'done' end, stuck, at, 1, 1,
    case when stuck then 'Reject' end, case when stuck then ({codes})[1 + n / {every} % 20] end,
    case when stuck then 'What is wrong with order ' || n end,
    case when stuck then md5((n / {every} % 20)::text) end, at, at + interval '1 second'
from fact cross join lateral unnest(case k when 0 then array['erp'] else array['store', 'crm'] end) as subscriber
order by fact.at""",
    "attempt": """
insert into attempt (delivery_id, n, worker, started_at, ended_at, outcome, code)
select id, 1, 'bench', created_at, updated_at, state, fault_code from delivery order by id""",
    "call": """
insert into call (delivery_id, n, step, system, operation, key, status, outcome, ms)
select id, 1, step, case subscriber when 'store' then 'shop' else subscriber end, 'operation', 'key/' || id,
    case when id % 100 = 0 then 503 else 200 end, case when id % 100 = 0 then 'busy' else 'ok' end, 20
from delivery, generate_series(1, 2) as step order by id""",
    "sales_order": """
insert into sales_order (order_key, store, store_view_id, store_order_id, number, customer_id, currency, grand_total,
    base_currency, base_total, placed_at, erp, erp_id, erp_number, erp_total, confirmed_at, ship_date, packed_at,
    shipped_at, delivered_at, "order", acknowledgement)
select 'shop-1-' || lpad(n::text, 9, '0'), 'shop', '1', n::text, lpad(n::text, 9, '0'), 'C-' || n % 5000, 'EUR',
    100 + n % 900, 'EUR', 100 + n % 900, at - interval '2 seconds', 'erp', 'E' || n, 'SO-' || n, 100 + n % 900, at,
    (at + interval '1 day')::date, (select p.at from fact p where p.n = f.n and p.k = 2),
    (select p.at from fact p where p.n = f.n and p.k = 3), (select p.at from fact p where p.n = f.n and p.k = 4),
    $1::json, $2::json
from fact f where k = 1 order by f.at""",
    "order_alias": """
insert into order_alias (order_key, kind, value)
select 'shop-1-' || lpad(n::text, 9, '0'), kind, value
from fact cross join lateral (values
    ('store', lpad(n::text, 9, '0')), ('store_id', n::text), ('erp', 'SO-' || n), ('erp_id', 'E' || n),
    ('po', 'PO-' || md5(n::text)), ('email', 'buyer-' || n % 5000 || '@customers.example'),
    ('tracking', '1Z' || lpad((n::bigint * 7919 % 100000000)::text, 10, '0')), ('shipment', 'SH-' || n)
) as numbers (kind, value)
where k = case when stuck then 0 else 1 end and (not stuck or kind in ('store', 'store_id', 'po', 'email'))""",
    "placed_order": """
insert into placed_order (order_key, currency, grand_total, filed_at)
select 'shop-1-' || lpad(n::text, 9, '0'), 'EUR', 100 + n % 900, at from fact where stuck""",
    "promise": """
insert into promise (order_key, ship_date, reason, promised_by, promised_at)
select order_key, ship_date, 'in stock', 'erp', confirmed_at from sales_order order by placed_at""",
    "audit": """
insert into audit (at, actor, action, subject, detail)
select d.updated_at, case when d.id % 1000 = 0 then 'mia' else 'hub:bench' end,
    case when d.id % 1000 = 0 then 'delivery.retry' else 'delivery.' || d.state end,
    substr(d.lane, strpos(d.lane, '/') + 1, 16), jsonb_build_object('delivery', d.id)
from delivery d order by d.id""",
    "bulk": """
insert into bulk (id, action, wanted, reason, actor, state, estimate, last_id, upto, done, created_at, updated_at)
select id, 'retry', jsonb_build_object('fingerprint', md5((n % 20)::text)), 'mended', 'mia', 'done', 20,
    n, n, 20, at, at
from fact where k = 0 and n % {per_bulk} = 0 order by at""",
}


def _filled(statement: str) -> str:
    codes = "array[" + ", ".join(f"'{code}'" for code in CODES) + "]"
    return (
        statement.replace("{days}", str(DAYS))
        .replace("{every}", str(STUCK_EVERY))
        .replace("{codes}", codes)
        .replace("{per_bulk}", str(ORDERS_PER_BULK))
    )


async def write_history(database: Database, *, events: int, now: datetime, interpret) -> dict[str, int]:
    """Fills an empty database; how many rows each table has."""
    raw = one_order()
    order = interpret(raw)
    schedules = tuple(LineSchedule(line_id=line.id, sku=line.sku, quantity=line.quantity) for line in order.lines)
    total = order.totals.grand_total
    acknowledgement = Acknowledgement(
        erp_id="E1", number="SO-1", state="confirmed", warehouse="EAST", lines=schedules, ship_date=now.date(),
        net=total, tax=total - total, gross=total,
    )  # fmt: skip
    raw |= {"increment_id": "@number@"}
    placed = {"store_order_id": "@id@", "number": "@number@", "ship_to_fingerprint": None, "order": raw}
    shipment = Shipment(
        erp_id="S1", number="SH-1", order_key="-", state="shipped", warehouse="EAST",
        lines=tuple(ShipmentLine(line_id=line.id, sku=line.sku, quantity=line.quantity) for line in order.lines),
        parcels=(Parcel(tracking_number="1Z999"),),
    )  # fmt: skip
    booked = (json.dumps(order_to_json(order)), msgspec.json.encode(acknowledgement).decode())
    texts = {
        "event": (json.dumps(placed), *booked, msgspec.json.encode(shipment).decode()),
        "sales_order": booked,
    }
    pool = await database.pool()
    async with pool.acquire() as connection:
        await connection.execute("set session_replication_role = replica")  # no foreign keys, no triggers
        await connection.execute("set enable_seqscan = on; set enable_bitmapscan = on; set synchronous_commit = off")
        await connection.execute("set plan_cache_mode = force_custom_plan")
        count = events // EVENTS_PER_ORDER
        await connection.execute("drop table if exists fact")
        await connection.execute(_filled(FACTS).replace("$1", f"'{now.isoformat()}'").replace("$2", str(count)))
        await connection.execute("create index on fact (n, k); analyze fact")
        for name, statement in STEPS.items():
            await connection.execute(_filled(statement), *texts.get(name, ()), timeout=1800)
        await connection.execute("vacuum analyze", timeout=1800)
        return {name: await connection.fetchval(f"select count(*) from {name}") for name in STEPS}
