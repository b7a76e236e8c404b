"""Local times: quiet hours and the hour of the digest."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


def time_of_day(text: str) -> time:
    """A text like 07:30. Raises ValueError for anything else."""
    hours, colon, minutes = text.partition(":")
    if not (colon and len(hours) == 2 and len(minutes) == 2 and hours.isdigit() and minutes.isdigit()):
        raise ValueError(f"{text!r} is no time of day: write HH:MM")
    return time(int(hours), int(minutes))


def quiet_until(now: datetime, *, timezone: str, begins: str | None, ends: str | None) -> datetime | None:
    """When the quiet hours that `now` lies in end, None outside of them. They may span midnight."""
    if begins is None or ends is None:
        return None
    zone = ZoneInfo(timezone)
    local = now.astimezone(zone)
    begin, end = time_of_day(begins), time_of_day(ends)
    clock = local.time().replace(tzinfo=None)
    if begin <= end:
        if not begin <= clock < end:
            return None
        day = local.date()
    elif clock >= begin:
        day = local.date() + timedelta(days=1)
    elif clock < end:
        day = local.date()
    else:
        return None
    return datetime.combine(day, end, tzinfo=zone).astimezone(UTC)


def digest_day(now: datetime, *, timezone: str, at: str) -> str:
    """The last local day whose hour of the digest has come, as YYYY-MM-DD."""
    local = now.astimezone(ZoneInfo(timezone))
    day = local.date()
    if local.time().replace(tzinfo=None) < time_of_day(at):
        day -= timedelta(days=1)
    return day.isoformat()
