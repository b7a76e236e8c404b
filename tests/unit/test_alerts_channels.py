"""Channels for real: a mail server and a webhook on this machine; nothing that is secret is told."""

import asyncio
import contextvars
import json
import logging
import socket
import threading
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from aiosmtpd.controller import Controller

from millstream.engine.alerts import channels as module
from millstream.engine.alerts.channels import AppriseChannels, unusable
from millstream.wire.blocking import guarded
from millstream.wire.outbound import OutboundGuard

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # Apprise asks for it

SECRET = "s3cr3t-t0k3n-0815"


class Mailbox:
    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - the server's name for it
        self.mails.append((envelope.rcpt_tos, message_from_bytes(envelope.content)))
        return "250 OK"


@pytest.fixture
def mailbox():
    box = Mailbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    box.url = f"mailto://127.0.0.1:{port}?from=hub@plant.example&to=desk@plant.example&mode=insecure"
    yield box
    controller.stop()


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append((self.path, json.loads(body)))
        self.server.released.wait(10)
        if self.server.redirect_to:
            self.send_response(307)
            self.send_header("location", self.server.redirect_to)
        else:
            self.send_response(self.server.answers)
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def receiver():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.got, server.answers, server.released = [], 200, threading.Event()
    server.redirect_to = None
    server.released.set()
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    server.url = f"json://127.0.0.1:{server.server_address[1]}/hook/{SECRET}"
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def tell():
    opened = []

    async def tell(url, guard=None, **words):
        channel = AppriseChannels({"desk": url}, guard=guard)
        opened.append(channel)
        said = {"title": "37 orders wait", "body": "37 orders, EUR 212 k: ERP breaker open", "urgent": True, **words}
        return await channel.tell("desk", **said)

    yield tell
    for channel in opened:
        channel.close()


async def test_an_email_arrives_with_the_effect_as_its_subject(mailbox, tell):
    assert await tell(mailbox.url) is None
    ((to, mail),) = mailbox.mails
    assert to == ["desk@plant.example"]
    assert mail["subject"] == "37 orders wait"
    text = "".join(str(part.get_payload(decode=True) or b"") for part in mail.walk())
    assert "EUR 212 k" in text


async def test_a_webhook_is_called(receiver, tell):
    assert await tell(receiver.url) is None
    ((path, said),) = receiver.got
    assert path == f"/hook/{SECRET}"
    assert (said["title"], said["message"]) == ("37 orders wait", "37 orders, EUR 212 k: ERP breaker open")


async def test_a_refusal_is_told_with_its_status_and_without_the_secret(receiver, tell, caplog):
    caplog.set_level(logging.DEBUG)
    receiver.answers = 500
    problem = await tell(receiver.url)
    assert problem == "the channel did not take it (answered 500)"
    assert SECRET not in caplog.text


INSIDE = "it leads to 127.0.0.1, inside the own network: see alerts.allow_private"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f000001"])
async def test_a_webhook_inside_the_own_network_is_not_called(host, receiver, tell, caplog):
    caplog.set_level(logging.DEBUG)
    url = receiver.url.replace("127.0.0.1", host)
    assert await tell(url, guard=OutboundGuard()) == INSIDE
    assert receiver.got == []
    assert SECRET not in caplog.text


async def test_a_mail_server_inside_is_not_called_and_one_in_an_allowed_network_is(mailbox, tell):
    assert await tell(mailbox.url, guard=OutboundGuard()) == INSIDE
    assert mailbox.mails == []
    assert await tell(mailbox.url, guard=OutboundGuard(["127.0.0.0/8"])) is None
    assert len(mailbox.mails) == 1


async def test_a_redirect_to_the_inside_is_not_followed(receiver, tell, monkeypatch):
    """The channel is out on the internet, as far as its guard knows; what it redirects to is not."""
    receiver.redirect_to = receiver.url.replace("json://127.0.0.1", "http://127.0.0.2")
    assert await tell(receiver.url, guard=OutboundGuard(["127.0.0.1/32"])) == INSIDE.replace("0.0.1", "0.0.2")
    assert [path for path, _ in receiver.got] == [f"/hook/{SECRET}"]


async def test_a_name_that_is_rebound_between_two_looks_is_not_called(receiver, tell, monkeypatch):
    found = [socket.getaddrinfo("127.0.0.1", receiver.server_address[1], type=socket.SOCK_STREAM)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found[0])
    url = receiver.url.replace("127.0.0.1", "hooks.example.com")
    assert await tell(url, guard=OutboundGuard()) == INSIDE
    assert await tell(url, guard=OutboundGuard(["127.0.0.1/32"])) is None
    assert len(receiver.got) == 1


async def test_whoever_is_not_guarded_connects_as_ever_beside_one_who_is(receiver):
    with guarded(OutboundGuard()) as watched:
        contextvars.Context().run(socket.create_connection, receiver.server_address).close()
        with pytest.raises(PermissionError):
            socket.create_connection(receiver.server_address)
    assert watched.refused == ["127.0.0.1"]
    socket.create_connection(receiver.server_address).close()


async def test_nobody_there_is_told(tell, caplog):
    caplog.set_level(logging.DEBUG)
    assert await tell(f"json://127.0.0.1:9/{SECRET}") == "the channel did not take it"
    assert SECRET not in caplog.text


async def test_a_channel_that_hangs_holds_nobody_up(receiver, tell, monkeypatch):
    monkeypatch.setattr(module, "TELL_TIMEOUT_S", 0.3)
    receiver.released.clear()
    beats = 0

    async def beat():
        nonlocal beats
        while True:
            await asyncio.sleep(0.02)
            beats += 1

    beating = asyncio.create_task(beat())
    assert await tell(receiver.url) == "no answer in 0.3 s"
    beating.cancel()
    assert beats > 3, "the event loop stood still"


async def test_a_channel_that_is_not_in_the_settings_is_a_problem_and_no_crash():
    problem = await AppriseChannels(guard=None).tell("gone", title="t", body="b", urgent=False)
    assert problem == "no channel gone in the settings of the process that was to tell it"


@pytest.mark.parametrize("url", ["nonsense", "nosuchservice://x", "slack://", ""])
async def test_a_url_nobody_can_be_told_by_is_found_before_it_matters(url, tell):
    assert unusable(url)
    assert await tell(url) == "its URL is none that Apprise understands"


@pytest.mark.parametrize(
    "url",
    [
        "slack://TokenA/TokenB/TokenC/#alerts",
        "pagerduty://integrationkey@apikey",
        "workflows://prod-1.westeurope.logic.azure.com:443/643e69f83c8944/T1JL1SbN",
        "mailto://user:pass@mail.example?to=desk@plant.example",
        "jsons://hooks.example/path",
    ],
)
def test_the_services_of_the_guide_are_understood(url):
    assert not unusable(url)
