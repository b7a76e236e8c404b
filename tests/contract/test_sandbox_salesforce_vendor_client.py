"""The vendor community's own client against the sandbox org, over TLS, as it insists."""

import contextlib
import ipaddress
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)
from urllib3.util import Retry

from millstream.sandbox.salesforce import CLIENT_ID, CLIENT_SECRET

MY_DOMAIN = "acme.my"


class ToSandbox(HTTPAdapter):
    """Sends what is meant for the vendor's domain to the sandbox."""

    def __init__(self, base_url):
        super().__init__()
        self.base_url = base_url

    def send(self, request, *args, **kwargs):
        request.url = self.base_url + request.path_url
        return super().send(request, *args, **kwargs)


def pem_key(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def certificate(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "key.pem").write_bytes(pem_key(key))
    (folder / "certificate.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    return folder / "certificate.pem", folder / "key.pem"


@pytest.fixture(scope="module")
def rsa_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    cert, key = certificate(folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "millstream.sandbox.salesforce:create_app", "--factory"]
    where = ["--host", "127.0.0.1", "--port", str(port), "--ssl-certfile", str(cert), "--ssl-keyfile", str(key)]
    log = folder / "uvicorn.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, *where, "--timeout-graceful-shutdown", "1"], stdout=out, stderr=subprocess.STDOUT
        )
        yield f"https://localhost:{port}", str(cert)
        process.terminate()
        process.wait(20)


@pytest.fixture
def session(served):
    base_url, cert = served
    with contextlib.closing(requests.Session()) as session:
        session.trust_env = False  # a CA bundle or a proxy named in the environment would win otherwise
        session.verify = cert
        session.mount("https://acme.my.salesforce.com", ToSandbox(base_url))
        session.mount(base_url, HTTPAdapter(max_retries=Retry(connect=60, backoff_factor=0.1, backoff_max=0.5)))
        session.post(f"{base_url}/_sim/reset")
        yield session


@pytest.fixture
def client(session):
    return Salesforce(
        consumer_key=CLIENT_ID, consumer_secret=CLIENT_SECRET, domain=MY_DOMAIN, version="66.0", session=session
    )


@pytest.fixture
def sim(session, served):
    def control(path, method="POST", **plan):
        return session.request(method, f"{served[0]}/_sim/{path}", json=plan or None).json()

    return control


def test_it_signs_in_by_client_credentials_and_queries(client):
    found = client.query("SELECT Id, Name FROM Account WHERE Name = 'acme water gmbh'")

    assert found["totalSize"] == 1
    assert found["records"][0]["Name"] == "Acme Water GmbH"
    assert found["records"][0]["attributes"]["type"] == "Account"


def test_it_signs_in_by_a_signed_assertion(session, rsa_key, sim):
    public = rsa_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    sim("key", public_key=public.decode())
    client = Salesforce(
        username="hub@maker.example",
        consumer_key=CLIENT_ID,
        privatekey=pem_key(rsa_key).decode(),
        domain="login",
        instance_url="acme.my",
        version="66.0",
        session=session,
    )

    assert client.query("SELECT COUNT() FROM Account")["totalSize"] == 10


def test_it_signs_in_by_a_session_it_was_given(client, session, served):
    other = Salesforce(session_id=client.session_id, instance_url=served[0], version="66.0", session=session)

    assert other.query("SELECT Id FROM Contact LIMIT 1")["done"]


def test_a_wrong_secret_is_its_authentication_error(session):
    with pytest.raises(SalesforceAuthenticationFailed, match="invalid client credentials"):
        Salesforce(consumer_key=CLIENT_ID, consumer_secret="no", domain=MY_DOMAIN, version="66.0", session=session)


def test_it_reads_every_page(client, sim):
    sim("limits", query_page=3)
    text = "SELECT Id, Account.Name FROM Contact ORDER BY Email DESC"

    everything = client.query_all(text)
    rows = list(client.query_all_iter(text))
    sim("limits", query_page=2000)

    assert everything["totalSize"] == len(everything["records"]) == len(rows) == 10
    assert rows[0]["Account"]["Name"] == "Tiny Plumbing"


def test_it_upserts_by_external_id(client):
    path = "Hub_Customer_Id__c/CUST-1"

    assert client.Account.upsert(path, {"Name": "Neu"}) == 201
    assert client.Account.upsert(path, {"Name": "Neu GmbH"}) == 200
    assert client.Account.get_by_custom_id("Hub_Customer_Id__c", "cust-1")["Name"] == "Neu GmbH"


def test_it_creates_reads_updates_and_deletes(client):
    made = client.Account.create({"Name": "Kurz", "Phone": "1"})

    assert made["success"] is True
    assert client.Account.update(made["id"], {"Phone": "2"}) == 204
    assert client.Account.get(made["id"])["Phone"] == "2"
    assert client.Account.get(made["id"][:15])["Id"] == made["id"]
    assert client.Account.delete(made["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound, match="ENTITY_IS_DELETED"):
        client.Account.get(made["id"])


def test_it_describes_objects_and_their_keys(client):
    names = [one["name"] for one in client.describe()["sobjects"]]
    fields = {one["name"]: one for one in client.Order.describe()["fields"]}

    assert {"Account", "Order", "OrderItem", "Customer_Purchased__e"} <= set(names)
    assert fields["Hub_Order_Id__c"]["externalId"] is True
    assert fields["Hub_Order_Id__c"]["unique"] is True
    assert client.Account.metadata()["objectDescribe"]["keyPrefix"] == "001"


def test_it_reads_limits_and_the_usage_header(client):
    limits = client.limits()

    assert limits["DailyApiRequests"]["Max"] == 15000
    assert client.api_usage["api-usage"].total == 15000


def test_it_records_an_order_by_one_composite_call(client):
    root = "/services/data/v66.0/sobjects"
    entry = client.query("SELECT Id, Pricebook2Id FROM PricebookEntry WHERE Product2.ProductCode = 'PUMP-100'")
    [entry] = entry["records"]
    account = client.query("SELECT Id FROM Account LIMIT 1")["records"][0]["Id"]
    order = {
        "AccountId": account,
        "EffectiveDate": "2026-11-23",
        "Status": "Draft",
        "Pricebook2Id": entry["Pricebook2Id"],
    }
    item = {"OrderId": "@{order.id}", "PricebookEntryId": entry["Id"], "Quantity": 2, "UnitPrice": 12.5}
    body = {
        "allOrNone": True,
        "compositeRequest": [
            {"method": "PATCH", "url": f"{root}/Order/Hub_Order_Id__c/O1", "referenceId": "order", "body": order},
            {"method": "PATCH", "url": f"{root}/OrderItem/Hub_Line_Id__c/L1", "referenceId": "line", "body": item},
            {
                "method": "PATCH",
                "url": f"{root}/Order/@{{order.id}}",
                "referenceId": "activate",
                "body": {"Status": "Activated"},
            },
        ],
    }

    answer = client.restful("composite", method="POST", json=body)["compositeResponse"]

    assert [part["httpStatusCode"] for part in answer] == [201, 201, 204]
    shown = client.Order.get_by_custom_id("Hub_Order_Id__c", "O1")
    assert (shown["Status"], shown["TotalAmount"]) == ("Activated", 25.0)
    again = client.restful("composite", method="POST", json=body)["compositeResponse"]
    assert again[1]["body"][0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert again[0]["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert client.Order.get_by_custom_id("Hub_Order_Id__c", "O1")["Status"] == "Activated"


def test_a_publication_is_a_success_with_an_entry_among_the_errors(client, sim):
    answer = client.Customer_Purchased__e.create({"Hub_Event_Id__c": "evt-1"})

    assert answer["success"] is True
    assert answer["errors"][0]["statusCode"] == "OPERATION_ENQUEUED"
    assert [event["Hub_Event_Id__c"] for event in sim("events", "GET")] == ["evt-1"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "REQUIRED_FIELD_MISSING"),
        ({"Name": "X", "No_Such__c": 1}, "INVALID_FIELD"),
        ({"Name": "x" * 256}, "STRING_TOO_LONG"),
        ({"Name": "X", "Lifetime_Value__c": "much"}, "JSON_PARSER_ERROR"),
        ({"Name": "X", "ParentId": "nonsense"}, "MALFORMED_ID"),
        ({"Name": "X", "ParentId": "003xx0000000001AAA"}, "MALFORMED_ID"),
        ({"Name": "X", "CreatedDate": "2026-11-23T00:00:00Z"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"Name": "X", "Parent": {"Hub_Customer_Id__c": "none"}}, "INVALID_FIELD"),
    ],
)
def test_malformed_records_are_its_malformed_requests(client, body, code):
    with pytest.raises(SalesforceMalformedRequest) as refusal:
        client.Account.create(body)

    assert refusal.value.content[0]["errorCode"] == code


def test_a_second_record_with_one_key_is_refused_whatever_its_case(client):
    client.Account.create({"Name": "A", "Hub_Customer_Id__c": "cust-9"})

    with pytest.raises(SalesforceMalformedRequest, match="duplicates value on record with id: 001xx") as refusal:
        client.Account.create({"Name": "B", "Hub_Customer_Id__c": "CUST-9"})

    assert refusal.value.content[0]["errorCode"] == "DUPLICATE_VALUE"


def test_a_key_that_is_not_unique_is_its_more_than_one_record(client, sim):
    sim("schema", not_unique=["Account.Hub_Customer_Id__c"])
    for name in ("A", "B"):
        client.Account.create({"Name": name, "Hub_Customer_Id__c": "DUP"})

    with pytest.raises(SalesforceMoreThanOneRecord) as several:
        client.Account.get_by_custom_id("Hub_Customer_Id__c", "DUP")

    assert len(several.value.content) == 2
    assert all(one.startswith("/services/data/v66.0/sobjects/Account/001") for one in several.value.content)


def test_a_revoked_session_is_its_expired_session(client, session, served, sim):
    given = Salesforce(session_id=client.session_id, instance_url=served[0], version="66.0", session=session)
    sim("sessions", "DELETE")

    with pytest.raises(SalesforceExpiredSession, match="INVALID_SESSION_ID"):
        given.limits()
    assert client.limits()  # this one knows how to sign in again


def test_the_spent_budget_is_its_refused_request(client, sim):
    sim("limits", daily_max=1, used=1)

    with pytest.raises(SalesforceRefusedRequest, match="TotalRequests Limit exceeded"):
        client.limits()


def test_a_locked_row_is_a_bad_request_by_code(client, sim):
    account = client.query("SELECT Id FROM Account LIMIT 1")["records"][0]["Id"]
    sim("locks", id=account)

    with pytest.raises(SalesforceMalformedRequest, match="UNABLE_TO_LOCK_ROW"):
        client.Account.update(account, {"Phone": "1"})
    assert client.Account.update(account, {"Phone": "1"}) == 204


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT Id FROM", "MALFORMED_QUERY"),
        ("SELECT Id FROM Nothing", "INVALID_TYPE"),
        ("SELECT Nothing FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Name = 'open", "MALFORMED_QUERY"),
        ("SELECT Nobody.Name FROM Account", "INVALID_FIELD"),
    ],
)
def test_bad_queries_are_its_malformed_requests(client, soql, code):
    with pytest.raises(SalesforceMalformedRequest) as refusal:
        client.query(soql)

    assert refusal.value.content[0]["errorCode"] == code
