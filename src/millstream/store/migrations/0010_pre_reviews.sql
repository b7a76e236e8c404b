-- Reviews: orders held because of who placed them, found page by page, and all of one customer at once.

-- Who placed an order that waits: its external id in the store. Null: filed before this column, or nobody could read it.
alter table placed_order add column login text;

create index delivery_customer_review on delivery (id)
    where state = 'held'
        and fault_code in ('customer.unknown', 'customer.ambiguous', 'customer.similar', 'customer.gone');
