-- What was said in the last call of a delivery that failed: one row per delivery, of its last failed try alone.
create table failed_call (
    delivery_id bigint primary key,
    n integer not null,
    step smallint not null,
    request text not null,          -- method, path and body, without credentials, cut to size
    response text                   -- status and body; null: no answer came
);
