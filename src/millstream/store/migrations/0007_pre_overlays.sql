-- Custom fields: what people lay over a connector's own mapping, by connection and direction.

-- What was published, never changed: the highest version is in force. One without rules means that nothing is.
create table overlay_version (
    connection text not null,
    direction text not null
        constraint overlay_direction_is_known check (direction in ('inbound', 'outbound')),
    version integer not null,
    rules jsonb not null,
    tests jsonb not null,
    reason text not null,
    published_by text not null,
    published_at timestamptz not null,
    restores integer,
    primary key (connection, direction, version)
);

create trigger overlay_version_is_append_only before update or delete on overlay_version
    for each row execute function refuse_change();

-- What somebody works on. `revision` counts the saves, so that two people do not overwrite each other.
create table overlay_draft (
    connection text not null,
    direction text not null
        constraint overlay_draft_direction_is_known check (direction in ('inbound', 'outbound')),
    revision integer not null,
    based_on integer not null,
    rules jsonb not null,
    tests jsonb not null,
    changed_by text not null,
    changed_at timestamptz not null,
    primary key (connection, direction)
);
