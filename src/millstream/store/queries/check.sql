-- about --
-- Which server, database and role this is.
select current_setting('server_version') as version, current_database() as database, current_user as role

-- durability --
-- Settings as they are for our own sessions, and where each was set.
select name, setting, source from pg_settings where name = any($1::text[])
