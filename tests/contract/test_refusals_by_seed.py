"""Faults drawn by seed speak each system's own language, and its connector takes them for what they are."""

import pytest

from contract.promises.bench_adobe_commerce import AdobeCloudBench, AdobeCommerceBench
from contract.promises.bench_salesforce import SalesforceBench
from contract.promises.bench_sap_s4hana import S4HanaBench, S4HanaOAuthBench
from millstream.domain.errors import Retry
from millstream.sandbox.faults import RETRY_AFTER_S
from millstream.wire.http import Request

STORE = {
    "429": (429, "commerce.busy", RETRY_AFTER_S),
    "500": (500, "commerce.failed", None),
    "503": (503, "commerce.maintenance", None),
    "503_html": (503, "commerce.maintenance", None),
}
SALESFORCE = {
    "429": (403, "crm.too_busy", 5.0),  # a pause of our own: the platform names none
    "500": (500, "crm.broke", None),
    "503": (503, "crm.unavailable", None),
    "503_html": (503, "crm.unavailable", None),
}
SAP = {
    "429": (429, "erp.throttled", RETRY_AFTER_S),
    "500": (500, "erp.server_error", None),
    "503": (503, "erp.unavailable", None),
    "503_html": (503, "erp.unavailable", None),
}
BENCHES = {AdobeCommerceBench: STORE, SalesforceBench: SALESFORCE, S4HanaBench: SAP}
SIGNING_IN = (AdobeCloudBench, SalesforceBench, S4HanaOAuthBench)  # whose credential is a token that is asked for


async def faulty(bench, kind):
    """From now on every request meets this fault."""
    ((host, app),) = bench.wire.inner.apps.items()
    plan = b'{"rate": {"%s": 1.0}}' % kind.encode()
    answer = await bench.wire.inner.send(Request(method="POST", url=f"http://{host}/_sim/faults", body=plan))
    assert answer.status == 200, answer.text()
    return app


@pytest.mark.parametrize(
    ("bench", "kind"), [pytest.param(one, kind, id=f"{one.name}-{kind}") for one in BENCHES for kind in BENCHES[one]]
)
async def test_a_refusal_drawn_by_seed_is_the_systems_own_and_is_tried_again(request, bench, kind):
    status, code, after_s = BENCHES[bench][kind]
    bench = await bench.open(request)
    port = bench.connect()
    await bench.read(port)
    await faulty(bench, kind)

    with pytest.raises(Retry) as refused:
        await bench.read(port)

    answer = bench.wire.answers[-1]
    assert (answer.status, refused.value.code, refused.value.after_s) == (status, code, after_s)
    assert answer.headers.get("retry-after") == (str(RETRY_AFTER_S) if after_s == RETRY_AFTER_S else None)


@pytest.mark.parametrize("kind", STORE)
@pytest.mark.parametrize("bench", SIGNING_IN, ids=lambda bench: bench.name)
async def test_a_refusal_of_the_token_endpoint_is_no_refusal_of_the_credentials(request, bench, kind):
    bench = await bench.open(request)
    await faulty(bench, kind)

    with pytest.raises(Retry) as refused:
        await bench.read(bench.connect())

    assert refused.value.code == "auth.token_unavailable"
