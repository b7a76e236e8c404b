"""Which alerts Today tells of."""

from millstream.web.console.pages.today import ALERTS, _alerts
from millstream.web.console.visit import Visit


class Api:
    """Answers what is open, the newest first, as the API does."""

    def __init__(self, urgent):
        self.urgent = urgent

    async def get(self, path, *, limit, **_):
        assert path == "/api/alerts"
        ids = range(len(self.urgent), 0, -1)
        alerts = [{"id": n, "urgent": self.urgent[n - 1], "last_true_at": "now"} for n in ids]
        return {"items": [{"alert": alert} for alert in alerts][:limit], "next": None, "looked_at": "now"}


async def shown(*urgent):
    visit = Visit(name="anna", rights=frozenset(), api=Api(urgent), request=None)
    return await _alerts(visit, watching=True)


async def test_an_urgent_alert_stands_first_however_many_newer_ones_are_open():
    found = await shown(False, True, *[False] * ALERTS)
    assert [each["alert"]["id"] for each in found["items"]] == [2, 1, 3, 4, 5]
    assert found["more"] is True


async def test_what_merely_was_looked_at_again_is_no_change_while_something_is_open():
    assert await shown(True) == {"items": [{"alert": {"id": 1, "urgent": True}}], "more": False}
    assert (await shown())["looked_at"] == "now"
