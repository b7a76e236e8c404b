-- Which order an edited one replaced, found from the older one.

create index event_by_replaced_order on event ((data ->> 'replaces'))
    where type = 'order.placed' and (data ->> 'replaces') is not null;
