"""Which deliveries a bulk action is about: as the page's address says it, as the API takes it, as people read it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from millstream.web.console.failing import FAILING, STATES, SUBSCRIBERS
from millstream.web.console.parts import shell_words
from millstream.web.console.visit import Visit

IDS_SHOWN: Final = 8
_NUMBER_DIGITS_MAX: Final = 18
_SPELLED: Final = {
    "cause": "fingerprint",
    "code": "code",
    "to": "subscriber",
    "order": "subject",
    "type": "event_type",
    "assignee": "assignee",
    "tag": "tag",
}
"""The address's words, those of the command line and of `GET /api/deliveries` -> what bulk actions call them."""
_SAID: Final = {
    "fingerprint": "of the cause",
    "code": "with the code",
    "subscriber": "for",
    "subject": "about the order",
    "event_type": "of the event",
    "assignee": "looked after by",
    "tag": "tagged",
}


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A filter. Without ids and states, what fails now."""

    ids: tuple[int, ...] = ()
    states: tuple[str, ...] = ()
    words: Mapping[str, str] = {}

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing: then there is nothing to do it to."""
        return not (self.ids or self.states or self.words)

    def body(self) -> dict[str, Any]:
        """As the API takes it."""
        states = self.states or (() if self.ids else FAILING)
        return {**self.words, **({"ids": self.ids} if self.ids else {}), **({"states": states} if states else {})}

    def says(self) -> str:
        """In words."""
        return filter_words(self.body())

    def command(self, *verbs: str, also: Sequence[str] = ()) -> str:
        """The same for the shell, with what the command takes beside the filter."""
        options = {api: f"--{word}" for word, api in _SPELLED.items()}
        given = [f"{options[api]}={value}" for api, value in self.words.items()]
        states = [f"--state={state}" for state in self.body().get("states", ())]
        return shell_words("millstream", *verbs, *map(str, self.ids), *states, *given, *also)


def wish_of(visit: Visit) -> Wish:
    """What the address says; what it cannot mean is left out."""
    query = visit.request.query_params
    ids = tuple(
        int(text)
        for text in query.getlist("ids")
        if text.isascii() and text.isdigit() and len(text) <= _NUMBER_DIGITS_MAX
    )
    states = tuple(state for state in query.getlist("state") if state in STATES)
    words = {api: query[word] for word, api in _SPELLED.items() if query.get(word)}
    return Wish(ids=ids, states=states, words=words)


def filter_words(body: Mapping[str, Any]) -> str:
    """A filter as the API tells it, in words."""
    parts = []
    if body.get("ids"):
        ids = [str(one) for one in body["ids"]]
        more = f" and {len(ids) - IDS_SHOWN} more" if len(ids) > IDS_SHOWN else ""
        parts.append(f"deliveries {', '.join(ids[:IDS_SHOWN])}{more}")
    else:
        parts.append("all deliveries")
    for name, says in _SAID.items():
        if body.get(name):
            value = SUBSCRIBERS.get(body[name], body[name]) if name == "subscriber" else body[name]
            parts.append(f"{says} {value}")
    if body.get("states"):
        parts.append("that are " + " or ".join(body["states"]))
    return " ".join(parts)
