import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import ValidationError

from fakes.salesforce import BASE, SandboxOrg, customer
from millstream.connectors.salesforce import SPEC, SalesforceSettings
from millstream.domain.errors import Reject
from millstream.sandbox.salesforce import CLIENT_ID


@pytest.fixture(scope="module")
def key_pair():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    public = (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )
    return private, public


def bearer(**changes):
    return {"auth": "jwt_bearer", "client_secret": None, "username": "hub@maker.example", **changes}


async def test_a_signed_assertion_opens_the_org_and_lives_less_than_three_minutes(key_pair):
    private, public = key_pair
    org = SandboxOrg(public_key=public, **bearer(private_key=private))

    assert await org.crm.find_customer(customer())

    form = org.calls("/oauth2/token")[0].body.decode()
    claims = jwt.decode(form.rpartition("assertion=")[2], options={"verify_signature": False})
    assert claims["iss"] == CLIENT_ID
    assert claims["aud"] == "https://login.salesforce.com"
    assert 0 < claims["exp"] - org.world.clock.now().timestamp() <= 180


async def test_the_key_may_lie_in_a_file(key_pair, tmp_path):
    private, public = key_pair
    path = tmp_path / "hub.pem"
    path.write_text(private)

    org = SandboxOrg(public_key=public, **bearer(private_key_file=path))

    assert await org.crm.find_customer(customer())


async def test_an_unreadable_key_file_is_named_when_it_is_needed(tmp_path):
    org = SandboxOrg(**bearer(private_key_file=tmp_path / "none.pem"))

    with pytest.raises(Reject, match=r"none\.pem") as refusal:
        await org.crm.find_customer(customer())

    assert refusal.value.field == "private_key_file"


async def test_a_text_that_is_no_key_is_refused_without_repeating_it():
    org = SandboxOrg(**bearer(private_key="not-a-key-but-secret"))

    with pytest.raises(Reject) as refusal:
        await org.crm.find_customer(customer())

    assert refusal.value.code == "auth.key"
    assert "not-a-key" not in f"{refusal.value}{refusal.value.log}"


async def test_a_user_who_has_not_approved_the_app_is_told_by_the_settings(key_pair):
    private, public = key_pair
    org = SandboxOrg(public_key=public, **bearer(private_key=private, username="other@maker.example"))

    with pytest.raises(Reject, match="hasn't approved") as refusal:
        await org.crm.find_customer(customer())

    assert "username" in refusal.value.message
    assert "assertion" not in refusal.value.message


def settings(**changes):
    return SalesforceSettings.model_validate(
        {"login_url": BASE, "client_id": CLIENT_ID, "client_secret": "very-secret", **changes}
    )


def test_settings_never_show_their_secrets():
    assert "very-secret" not in repr(settings())
    assert "very-secret" not in settings().model_dump_json()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"login_url": "http://acme.my.salesforce.com"}, "https"),
        ({"login_url": "acme.my.salesforce.com"}, "base URL"),
        ({"client_secret": None}, "client_secret"),
        ({"auth": "jwt_bearer", "private_key": "x"}, "username"),
        ({"auth": "jwt_bearer", "username": "u"}, "private_key"),
        ({"pricebook": "My Book"}, "pricebook"),
        ({"fields": {"order_key": ""}}, "order_key"),
        ({"fields": {"order_total": "Total; DROP"}}, "order_total"),
        ({"api_version": "v66"}, "api_version"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_wrong_settings_are_refused_by_name(changes, told):
    with pytest.raises(ValidationError, match=told):
        settings(**changes)


def test_plain_http_is_allowed_to_this_machine_only():
    assert settings(login_url="http://127.0.0.1:8801/").login_url == "http://127.0.0.1:8801"


def test_the_spec_says_what_it_is():
    assert (SPEC.name, SPEC.kind) == ("salesforce", "crm")
