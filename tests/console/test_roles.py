"""Who may open which page: every role, every page, by the same table of rights as the API."""

import httpx
import pytest

from millstream.domain.access import RIGHTS_OF, Right, Role

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("console-frame")]

PAGES = {
    "/": Right.VIEW,
    "/orders": Right.VIEW,
    "/inbox": Right.VIEW,
    "/reviews": Right.VIEW,
    "/alerts": Right.VIEW,
    "/connections": Right.VIEW,
    "/flow": Right.VIEW,
    "/mappings": Right.VIEW,
    "/audit": Right.VIEW_AUDIT,
    "/settings": Right.VIEW,
    "/settings/users": Right.MANAGE_ACCESS,
    "/settings/keys": Right.MANAGE_ACCESS,
    "/settings/secrets": Right.MANAGE_ACCESS,
}


@pytest.mark.parametrize("role", Role)
def test_each_role_opens_the_pages_of_its_rights_and_no_other(town, role):
    with httpx.Client(base_url=town.url, timeout=60, follow_redirects=True) as client:
        token = town.sign_in(client, town.user(role.value))
        statuses = {path: client.get(f"/console{path}").status_code for path in PAGES}
        client.delete("/api/session", headers={"x-csrf-token": token})
    assert statuses == {path: 200 if right in RIGHTS_OF[role] else 403 for path, right in PAGES.items()}


@pytest.mark.parametrize("path", PAGES)
def test_strangers_are_shown_to_the_sign_in_and_back(town, path):
    answer = httpx.get(f"{town.url}/console{path}")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/console/sign-in?next=%2Fconsole%2F")
