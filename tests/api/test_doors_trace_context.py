"""What a sender says of its own trace is kept in the event; nonsense is none, and never a refusal."""

import pytest

from fakes.edge import Edge, delivered, encoded, webhook_headers

CONTEXT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTHER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"


async def sent(body, **headers):
    """The event that was stored."""
    edge = Edge()
    given = {**webhook_headers(encoded(body), edge.clock.now()), **headers}
    answer = await edge.post("/in/events/carrier", encoded(body), given)
    assert answer.status_code == 202, answer.text
    (event,) = edge.inbox.events
    return event


async def test_the_header_of_the_request_is_kept():
    assert (await sent(delivered(), traceparent=CONTEXT)).data["traceparent"] == CONTEXT


async def test_what_the_event_says_goes_before_what_the_request_says():
    event = await sent({**delivered(), "traceparent": CONTEXT}, traceparent=OTHER)
    assert event.data["traceparent"] == CONTEXT


@pytest.mark.parametrize(
    "wrong",
    [
        "", "00", CONTEXT.upper(), f"{CONTEXT}-more", CONTEXT.replace("00-", "ff-"), CONTEXT + "\u0661",
        "00-" + "0" * 32 + CONTEXT[35:], CONTEXT[:36] + "0" * 16 + "-01", 7, None, ["a"], {"a": 1},
    ],
)  # fmt: skip
async def test_a_wrong_one_is_dropped_and_the_event_is_taken(wrong):
    assert "traceparent" not in (await sent({**delivered(), "traceparent": wrong})).data


async def test_an_event_without_one_has_none():
    assert "traceparent" not in (await sent(delivered())).data
