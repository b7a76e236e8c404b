"""Orders that fail on purpose, and what the tests of the inbox look them up by."""

GHOST = ("GHOST-1", 1)


def failing(town, *lines, code="sku.unknown", **more) -> dict:
    """Places an order that is held; its delivery."""
    number = town.place(*(lines or (GHOST,)), **more)["increment_id"]

    def find():
        params = {"state": "held", "order": f"shop-1-{number}"}
        found = town.api.get("/api/deliveries", params=params).json()["items"]
        return found[0] if found and found[0]["code"] == code else None

    return town.until(find, what=f"order {number} held for {code}")


def delivery(town, delivery_id) -> dict:
    """As the API tells it."""
    answer = town.api.get(f"/api/deliveries/{delivery_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def until_state(town, delivery_id, state, code=None) -> dict:
    """The delivery, once it is in this state (with this code)."""

    def find():
        row = delivery(town, delivery_id)["delivery"]
        return row if row["state"] == state and (code is None or row["code"] == code) else None

    return town.until(find, what=f"delivery {delivery_id} {state}")


def do(town, delivery_id, verb, **body) -> dict:
    """Somebody else does it by the API."""
    answer = town.api.post(f"/api/deliveries/{delivery_id}/{verb}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def press(page, name) -> None:
    """Presses the button of this name; the text before an icon's name does not matter."""
    page.get_by_role("button", name=name, exact=True).click()


def give_reason(page, words, button) -> None:
    """Fills in why, and says so."""
    page.get_by_role("textbox", name="Reason").fill(words)
    page.get_by_role("dialog").get_by_role("button", name=button, exact=True).click()


def choose(page, label, option) -> None:
    """Chooses in one of Quasar's lists."""
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=option, exact=True).click()


def clear(town) -> None:
    """Nothing fails any more: whatever is stuck is resolved, so each module begins and ends with an empty inbox."""
    while rows := town.api.get("/api/deliveries", params={"state": ["held", "dead", "retrying"]}).json()["items"]:
        for row in rows:
            answer = town.api.post(f"/api/deliveries/{row['id']}/discard", json={"reason": "the test is over"})
            assert answer.status_code in {200, 409}, answer.text  # it may have gone on meanwhile
