"""Where two answers of a store are the same: in shape throughout, and to the value where a client decides by it."""

import re

STATES = {"state", "status", "hold_before_state", "hold_before_status", "entity_name", "total_count"}
QUANTITY = re.compile(r"(total_)?qty(_\w+)?")


def shape(value):
    """Which keys with which JSON types, whatever the values; the members of a list are laid over one another."""
    if isinstance(value, dict):
        return {name: shape(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_lay_over([shape(member) for member in value])] if value else []
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, int | float) else type(value).__name__


def _lay_over(shapes):
    if all(isinstance(one, dict) for one in shapes):
        names = {name for one in shapes for name in one}
        return {name: _lay_over([one[name] for one in shapes if name in one]) for name in names}
    if all(isinstance(one, list) for one in shapes):
        inner = [member for one in shapes for member in one]
        return [_lay_over(inner)] if inner else []
    return sorted({str(one) for one in shapes})


def differences(recorded, answered, place="", name=""):
    """Places where booleans, states, statuses, quantities, counts or the lengths of lists are not the same.

    A whole body that is a number in quotes is the number of what was made: how many were made before is no promise.
    """
    if isinstance(recorded, dict) and isinstance(answered, dict):
        both = sorted(recorded.keys() & answered.keys())
        return {at for each in both for at in differences(recorded[each], answered[each], f"{place}.{each}", each)}
    if isinstance(recorded, list) and isinstance(answered, list):
        if len(recorded) != len(answered):
            return {place}
        pairs = zip(recorded, answered, strict=True)
        return {at for one, other in pairs for at in differences(one, other, f"{place}[]", name)}
    return {place} if _decides(recorded, place, name) and recorded != answered else set()


def _decides(recorded, place, name):
    if place == "" and isinstance(recorded, str):
        return not recorded.isdigit()
    return place == "" or isinstance(recorded, bool) or name in STATES or QUANTITY.fullmatch(name) is not None
