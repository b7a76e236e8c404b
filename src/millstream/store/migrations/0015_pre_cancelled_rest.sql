-- What the ERP will not deliver of a line any more, of an order that goes on without it.
alter table order_line add column cancelled numeric not null default 0;
