-- Access: who may sign in, who is signed in, which keys there are. Secrets are here as hashes only.

create table access_user (
    name text primary key,
    role text not null
        constraint access_user_role_is_known check (role in ('viewer', 'order_desk', 'credit', 'integrator', 'admin')),
    password text,                  -- argon2id; null for people an OpenID provider vouches for
    issuer text,
    subject text,
    created_at timestamptz not null,
    disabled_at timestamptz,
    constraint access_user_signs_in_one_way
        check ((password is null) = (issuer is not null) and (issuer is null) = (subject is null)),
    constraint access_user_is_one_person_of_the_provider unique (issuer, subject)
);

-- A link that makes the first administrator.
create table access_setup (
    hash bytea primary key,
    ends_at timestamptz not null
);

create table access_session (
    hash bytea primary key,
    user_name text not null references access_user (name),
    created_at timestamptz not null,
    seen_at timestamptz not null,
    ends_at timestamptz not null
);
create index access_session_by_user on access_session (user_name, created_at);

-- Sign-ins under way or failed. `name` is a hash: people type passwords into the wrong field.
create table access_attempt (
    id bigint generated always as identity primary key,
    name bytea not null,
    address text not null,
    at timestamptz not null
);
create index access_attempt_by_name on access_attempt (name, at);
create index access_attempt_by_address on access_attempt (address, at);
create index access_attempt_by_time on access_attempt (at);

create table access_key (
    id text primary key,
    name text not null,
    hash bytea not null,
    role text not null
        constraint access_key_role_is_known check (role in ('viewer', 'order_desk', 'credit', 'integrator', 'admin')),
    rights text[] not null,
    replaces text references access_key (id),
    created_by text not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    last_used_at timestamptz,
    revoked_at timestamptz
);
