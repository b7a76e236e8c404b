-- Credentials that people set while the hub runs, sealed by a key that is not in the database.

create table secret (
    name text primary key,
    sealed text not null,           -- Fernet; the sealed text holds the name too, so that rows cannot be swapped
    key_id text not null,           -- which key of the file opens it
    version bigint not null,        -- one more with every value
    old_sealed text,                -- the value before, good for signatures until `old_until`
    old_until timestamptz,
    set_by text not null,
    set_at timestamptz not null
);
