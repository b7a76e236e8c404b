-- take_turn --
-- Changes of users, set-up links and counts of sign-ins take turns, so that none of them decides on what is gone.
select pg_advisory_xact_lock($1)

-- users --
-- Everybody, by name.
select name, role, issuer, created_at, disabled_at from access_user order by name

-- user --
-- One of them, with what a sign-in is checked against.
select name, role, issuer, subject, password, created_at, disabled_at from access_user where name = $1

-- user_of_provider --
-- The person an OpenID provider means.
select name, role, disabled_at from access_user where issuer = $1 and subject = $2

-- insert_user --
-- A new one; nothing if the name is taken.
insert into access_user (name, role, password, issuer, subject, created_at) values ($1, $2, $3, $4, $5, $6)
on conflict (name) do nothing returning name

-- set_role --
-- Another role.
update access_user set role = $2 where name = $1

-- set_password --
-- Another password, as its hash.
update access_user set password = $2 where name = $1

-- set_disabled --
-- May no longer sign in (a time), or may again (null).
update access_user set disabled_at = $2 where name = $1

-- has_admin --
-- Whether an administrator can sign in, leaving one out of account.
select exists (select from access_user where role = 'admin' and disabled_at is null and name <> $1)

-- insert_setup --
-- A set-up link.
insert into access_setup (hash, ends_at) values ($1, $2)

-- has_setup --
-- Whether a set-up link is good.
select exists (select from access_setup where hash = $1 and ends_at > $2)

-- delete_setups --
-- Once there is an administrator no link is good any more.
delete from access_setup

-- locked_since --
-- The attempt that fills the limit of a name or of an address within the window: its end ends the lock. Null: go on.
select greatest(
    (select at from access_attempt where name = $1 and at > $3 order by at desc offset $4 - 1 limit 1),
    (select at from access_attempt where address = $2 and at > $3 order by at desc offset $5 - 1 limit 1)
)

-- insert_attempt --
-- Counted before the password is looked at, so that guesses side by side count, too.
insert into access_attempt (name, address, at) values ($1, $2, $3) returning id

-- forget_attempt --
-- It was right: neither it nor what went wrong before under this name counts.
delete from access_attempt where id = $1 or name = $2

-- forget_old_attempts --
-- Those outside the window.
delete from access_attempt where at <= $1

-- forget_attempts_of --
-- A new password is not locked out by guesses at the old one.
delete from access_attempt where name = $1

-- insert_session --
-- Somebody is signed in.
insert into access_session (hash, user_name, created_at, seen_at, ends_at) values ($1, $2, $3, $3, $4)

-- session --
-- Who is signed in by it, unless it ended, lay idle too long, or its user was disabled.
select u.name, u.role, u.issuer, u.created_at, u.disabled_at, s.seen_at, s.ends_at
from access_session s join access_user u on u.name = s.user_name
where s.hash = $1 and s.ends_at > $2 and s.seen_at > $3 and u.disabled_at is null

-- touch_session --
-- It is in use.
update access_session set seen_at = $2 where hash = $1 and seen_at < $2

-- delete_session --
-- Signed out.
delete from access_session where hash = $1 returning user_name

-- delete_sessions_of --
-- All of one user.
delete from access_session where user_name = $1

-- delete_ended_sessions --
-- Those past their limits, and the oldest of one user beyond how many one may have.
delete from access_session where ends_at <= $1 or seen_at <= $2 or hash in (
    select hash from access_session where user_name = $3 order by created_at desc offset $4
)

-- keys --
-- All of them, the newest first.
select id, name, role, rights, replaces, created_by, created_at, expires_at, last_used_at, revoked_at
from access_key order by created_at desc, id

-- key --
-- One of them.
select id, name, hash, role, rights, replaces, created_by, created_at, expires_at, last_used_at, revoked_at
from access_key where id = $1

-- key_for_change --
-- One of them, until this transaction ends.
select id, name, role, rights, expires_at, revoked_at from access_key where id = $1 for update

-- insert_key --
-- A new one.
insert into access_key (id, name, hash, role, rights, replaces, created_by, created_at, expires_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)

-- end_key --
-- A key that was replaced is good for a while longer, but never longer than it was.
update access_key set expires_at = least(expires_at, $2) where id = $1

-- revoke_key --
-- From now on it is good for nothing.
update access_key set revoked_at = $2 where id = $1

-- touch_key --
-- When it was last used.
update access_key set last_used_at = $2 where id = $1
