"""Judges of dates: see `checkers`."""

import re
from collections.abc import Iterator

from simulation.evidence import Evidence
from simulation.reading import comments_of, confirmed_keys, key_of, plain_day, planned_dates, purchases_of

Complaints = Iterator[str]
TOLD_DATE = re.compile(r"expected to ship on (\d{1,2} [A-Z][a-z]+ \d{4})(?: \(before: (\d{1,2} [A-Z][a-z]+ \d{4})\))?")


def no_promise_is_invented(evidence: Evidence) -> Complaints:
    """Every date told was the ERP's or a planner's; none is told as news to itself."""
    planned = planned_dates(evidence)
    for shown in evidence.store:
        key = key_of(shown["order"])
        given = set(planned[key]) | set(evidence.erp[key]["promised"] if key in evidence.erp else ())
        for day, before in _told(shown):
            if day == before:
                yield f"{key} was told that {day} becomes {day}"
            if day not in given:
                yield f"{key} was told {day}, ERP and planner promised {sorted(given)}"
    for row in evidence.promises:
        given = {*planned[row["order_key"]], *evidence.erp[row["order_key"]]["promised"]}
        if str(row["ship_date"]) not in given:
            yield f"the books promise {row['order_key']} for {row['ship_date']}, ERP and planner never did"


def dates_are_those_said_last(evidence: Evidence) -> Complaints:
    """The last date told, and the CRM's, is the last one said anew: by the ERP, or by a planner since."""
    for shown in evidence.store:
        key = key_of(shown["order"])
        erp = evidence.erp.get(key)
        if not erp or erp["shipments"] or erp["state"] != "open" or key not in confirmed_keys(evidence):
            continue
        by_erp, last = _said(evidence, key)
        if by_erp != erp["date"]:
            yield f"{key}: the hub heard of {by_erp}, the ERP plans {erp['date']}"
        told = [day for day, _ in _told(shown)]
        if (told[-1] if told else None) != last:
            yield f"{key} was last told {told[-1:]}, said last was {last}"
        expected = [one["Expected_Ship_Date__c"] for one in purchases_of(evidence).get(key, [])]
        if any(day != last for day in expected):
            yield f"{key} is expected on {expected} in the CRM, said last was {last}"


def _told(shown) -> list[tuple[str, str | None]]:
    """Dates in the order they were told, each with the one it takes the place of."""
    found = filter(None, map(TOLD_DATE.search, comments_of(shown)))
    return [(plain_day(match[1]), match[2] and plain_day(match[2])) for match in found]


def _said(evidence: Evidence, key: str) -> tuple[str | None, str | None]:
    """The ERP's date as it was heard last, and the last date that anybody said anew."""
    events = {event["id"]: event for event in evidence.events}
    (confirmed,) = (one for one in evidence.events if one["type"] == "order.confirmed" and one["subject"] == key)
    by_erp = last = confirmed["data"]["acknowledgement"]["ship_date"]
    for delivery in evidence.deliveries:  # as they stand in the lane
        if delivery["lane"] != f"promise/{key}" or delivery["state"] != "done":
            continue
        data = events[delivery["event_id"]]["data"]
        if "acknowledgement" not in data:
            last = data["ship_date"]
        elif data["acknowledgement"]["ship_date"] != by_erp:
            by_erp = last = data["acknowledgement"]["ship_date"]
    return by_erp, last
