-- How many of something an alert told of last: it is told again once there are twice as many.
alter table alert add column told_size bigint;
