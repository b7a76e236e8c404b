"""Ten thousand requests nobody should send, from one seed: what they are, and how they may be answered."""

import base64
import json
import random
from collections.abc import Iterator
from urllib.parse import quote

import msgspec

from fakes.hostile_words import (
    BARE,
    DOORS,
    EVIL_ORIGIN,
    JSON,
    MARK,
    MEMBERS,
    ODD_METHODS,
    QUERY,
    TAKING,
    WORDS,
)


class Shot(msgspec.Struct, frozen=True, kw_only=True):
    """One request. `alone`: on a connection of its own, which may be closed without an answer.

    `pages`: under /console, where answers are pages and redirects. `reads`: it may be answered well, and does no harm.
    `lingers`: what is sent slowly, piece by piece, after the start.
    """

    kind: str
    sent: bytes
    alone: bool = False
    pages: bool = False
    reads: bool = False
    lingers: tuple[bytes, ...] = ()


def is_harmless(method: str, template: str) -> bool:
    """Looking changes nothing; nor does it when nobody signs out."""
    return method == "GET" or (method, template) == ("DELETE", "/api/session")


class Armoury:
    """Makes them. `operations`: every method and path the hub describes; `key`, `cookie`: genuine credentials."""

    def __init__(self, seed: int, *, operations: list[tuple[str, str]], key: str, cookie: str) -> None:
        self.dice = random.Random(seed)
        self.operations = operations
        self.key = key
        self.cookie = cookie

    def shots(self, count: int) -> Iterator[Shot]:
        """So many, every kind among them."""
        kinds = (
            *(self.stranger,) * 20,
            *(self.insider,) * 18,
            *(self.bad_document,) * 14,
            *(self.unsigned,) * 14,
            *(self.forged,) * 10,
            *(self.cross_site,) * 8,
            *(self.console,) * 8,
            *(self.odd_headers,) * 5,
            *(self.odd_method,) * 2,
            *(self.broken_http,) * 6,
            *(self.oversize,) * 2,
            *(self.live_line,) * 3,
        )
        for number in range(count):
            yield kinds[number % len(kinds)]()

    # --- pieces ---

    def word(self) -> str:
        return self.dice.choice(WORDS) if self.dice.random() < 0.85 else "".join(self.dice.choices(WORDS, k=2))[:9500]

    def raw(self) -> bytes:
        """Bytes that may be no text at all."""
        if self.dice.random() < 0.7:
            return self.word().encode("utf-8", "surrogatepass")
        return self.dice.choice(
            (b"\xff\xfe\xfd", b"\xc0\xaf\xc0\xaf", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\x80" * 50, b"+/v8-")
        )

    def in_path(self) -> str:
        return (
            quote(self.raw(), safe=self.dice.choice(("", "/", "/.<>'\"();:@&=+$,"))).replace(" ", "%20")[:3000] or "%20"
        )

    def path_of(self, template: str) -> str:
        parts = [self.in_path() if part.startswith("{") else part for part in template.split("/")]
        return "/".join(parts)

    def query(self) -> str:
        chosen = self.dice.choices(QUERY, k=self.dice.randrange(4))
        return "?" + "&".join(f"{name}={self.in_path()}" for name in chosen) if chosen else ""

    def document(self) -> bytes:
        members = {self.dice.choice(MEMBERS): self.value() for _ in range(self.dice.randrange(1, 5))}
        members["hostile"] = self.value()
        return json.dumps(members).encode()

    def value(self, depth: int = 0):
        turn = self.dice.randrange(8 if depth < 3 else 4)
        if turn < 3:
            return self.word()
        return (
            self.dice.choice((None, True, 1e308, -(2**70), 10**300, 0.1, "")),
            [self.value(depth + 1)] * self.dice.randrange(1, 5),
            {self.word(): self.value(depth + 1)},
            {"$ne": None},
            {"__proto__": {"role": "admin"}},
        )[turn - 3]

    @staticmethod
    def request(method: str, target: str, headers=(), body: bytes = b"") -> bytes:
        lines = [f"{method} {target} HTTP/1.1".encode("latin-1", "replace"), b"host: 127.0.0.1"]
        for name, value in headers:
            lines.append(name.encode() + b": " + (value if isinstance(value, bytes) else value.encode()))
        if body or method in {"POST", "PUT", "PATCH"}:
            lines.append(b"content-length: %d" % len(body))
        return b"\r\n".join([*lines, b"", body])

    # --- kinds ---

    def stranger(self) -> Shot:
        """Nobody known asks for anything described, with hostile values wherever one fits."""
        method, template = self.dice.choice(self.operations)
        body = self.document() if method != "GET" else b""
        headers = [("content-type", "application/json")] if body else []
        target = self.path_of(template) + self.query()
        return Shot(
            kind="stranger", sent=self.request(method, target, headers, body), reads=is_harmless(method, template)
        )

    def insider(self) -> Shot:
        """An administrator's key looks for hostile things."""
        template = self.dice.choice(
            [path for method, path in self.operations if method == "GET" and path.startswith("/api/")]
        )
        headers = [("authorization", f"Bearer {self.key}")]
        return Shot(
            kind="insider", sent=self.request("GET", self.path_of(template) + self.query(), headers), reads=True
        )

    def bad_document(self) -> Shot:
        """An administrator's key sends what is no document of the right shape, to whatever takes one."""
        method, template = self.dice.choice(
            [pair for pair in self.operations if pair[0] in TAKING and pair not in BARE]
        )
        body, kind = self.dice.choice(
            (
                (b"{" * 100_000, "application/json"),
                (b"[" * 200_000, "application/json"),
                (b'{"a":' * 5000 + b"1" + b"}" * 5000, "application/json"),
                (b'{"reason": "\xff\xfe"}', "application/json"),
                (b'{"reason": "\\ud800", "x": 1}', "application/json"),
                (b"", "application/json"),
                (b"null", "application/json"),
                (b"[]", "application/json"),
                (b'"x"', "application/json"),
                (b"NaN", "application/json"),
                (b'{"reason": 1e99999}', "application/json"),
                (b'{"a": ' + b"9" * 50_000 + b"}", "application/json"),
                (b"\x00" * 64, "application/json"),
                (b"\xef\xbb\xbf{}", "application/json"),
                ('{"reason": "x"}'.encode("utf-16"), "application/json"),
                (b"{'reason': 'x'}", "application/json"),
                (b"a=1&b=2", "application/x-www-form-urlencoded"),
                (b"<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>", "application/xml"),
                (
                    b"--b\r\ncontent-disposition: form-data; name=a; filename=../../x\r\n\r\n1\r\n--b--",
                    "multipart/form-data; boundary=b",
                ),
                (self.document(), "application/json"),
                (self.document(), "application/json; charset=utf-7"),
                (self.document(), "text/plain"),
                (base64.b64decode("H4sIAAAAAAAAA6uuBQBDv6ajAgAAAA=="), "application/json"),
            )
        )
        headers = [("authorization", f"Bearer {self.key}"), ("content-type", kind)]
        if body[:2] == b"\x1f\x8b":
            headers.append(("content-encoding", self.dice.choice(("gzip", "deflate", "br", "x" * 200))))
        return Shot(kind="bad document", sent=self.request(method, self.path_of(template), headers, body))

    def unsigned(self) -> Shot:
        """At the doors: no signature, another's, an old one, one of nothing, a key from elsewhere."""
        body = json.dumps(
            {
                "specversion": "1.0",
                "id": self.word()[:300],
                "source": "/x",
                "type": "order.delivered",
                "data": {MARK: self.word()},
            }
        ).encode()
        headers = [
            ("content-type", self.dice.choice(("application/cloudevents+json", "application/json", "text/html")))
        ]
        headers += self.dice.choice(
            (
                [],
                [("webhook-id", "1"), ("webhook-timestamp", "1"), ("webhook-signature", "v1,AAAA")],
                [("webhook-id", "m"), ("webhook-timestamp", "9" * 30), ("webhook-signature", "v1, " * 500)],
                [("webhook-id", "<x>"), ("webhook-timestamp", "1764000000"), ("webhook-signature", "v0,")],
                [("webhook-id", b"\xff\xfe"), ("webhook-timestamp", "-1"), ("webhook-signature", b"v1,\xff")],
                [("x-signature", "t=1764000000,v1=" + "0" * 64)],
                [("x-signature", "t=,v1=")],
                [("x-signature", "v1=" * 900)],
                [("x-signature", b"t=\xd9\xa3,v1=\xff")],
                [("x-magento-signature", "")],
                [("x-magento-signature", "0" * 64)],
                [("x-magento-signature", b"\xc3\xa9" * 32)],
                [("x-adobe-digital-signature-1", "AAAA"), ("x-adobe-public-key1-path", "//evil.example/key.pem")],
                [("x-adobe-digital-signature-1", "AAAA"), ("x-adobe-public-key1-path", "/prod/keys/../../x.pem")],
                [("x-adobe-digital-signature-1", "AAAA"), ("x-adobe-public-key1-path", "@evil.example/x.pem")],
            )
        )
        return Shot(kind="unsigned", sent=self.request("POST", self.dice.choice(DOORS) + self.query(), headers, body))

    def forged(self) -> Shot:
        """Credentials that are none: cookies, keys, headers a proxy would set; and guesses at the sign-in."""
        if self.dice.random() < 0.15:
            body = json.dumps({"name": self.word(), "password": self.word()}).encode()
            headers = [("content-type", "application/json")]
            path = self.dice.choice(("/api/session", "/api/access/setup"))
            return Shot(kind="guess", sent=self.request("POST", path, headers, body))
        method, template = self.dice.choice(self.operations)
        clean = bytes(byte for byte in self.raw() if byte >= 0x20 and byte != 0x7F)
        header = self.dice.choice(
            (
                ("cookie", b"millstream=" + clean),
                ("cookie", b"__Host-millstream=" + clean),
                ("cookie", b"; ".join([b"millstream=1"] * 300)),
                ("authorization", b"Bearer msk_" + b"0" * 16 + b"_" + b"A" * 43),
                ("authorization", b"Bearer " + clean[:4000]),
                ("authorization", b"Basic YWRtaW46YWRtaW4="),
                ("authorization", b"Bearer " + self.key.encode()[:-1]),
                ("authorization", b"bearer\t" + self.key.encode()),
                ("x-role", b"admin"),
                ("x-forwarded-user", b"admin"),
                ("x-real-ip", b"127.0.0.1"),
                ("x-http-method-override", b"DELETE"),
                ("x-original-url", b"/api/access/users"),
            )
        )
        body = self.document() if method != "GET" else b""
        headers = [("content-type", "application/json"), header] if body else [header]
        return Shot(
            kind="forged",
            sent=self.request(method, self.path_of(template), headers, body),
            reads=is_harmless(method, template),
        )

    def cross_site(self) -> Shot:
        """A genuine session's cookie on what another site makes the browser send, or without the token."""
        method, template = self.dice.choice(
            [pair for pair in self.operations if pair[0] != "GET" and pair[1].startswith("/api/")]
        )
        headers = [("cookie", self.cookie), ("content-type", self.dice.choice(("application/json", "text/plain")))]
        headers += self.dice.choice(
            (
                [],
                [("origin", EVIL_ORIGIN)],
                [("origin", "null")],
                [("sec-fetch-site", "cross-site")],
                [("x-csrf-token", "")],
                [("x-csrf-token", "0" * 64)],
                [("x-csrf-token", b"\xff" * 64)],
                [("origin", "http://127.0.0.1.evil.example")],
                [("origin", EVIL_ORIGIN), ("x-csrf-token", "0" * 64)],
                [("referer", EVIL_ORIGIN)],
            )
        )
        return Shot(kind="cross site", sent=self.request(method, self.path_of(template), headers, self.document()))

    def console(self) -> Shot:
        """The pages and what they are made of, asked for by nobody known."""
        start = self.dice.choice(
            (
                "/console",
                "/console/",
                "/console/_nicegui/",
                "/console/static/",
                "/console/sign-in",
                "/static/",
                "/console/_nicegui/3.18.0/",
            )
        )
        target = start + self.dice.choice(("", "/")) + self.in_path() + self.query()
        method = self.dice.choice(("GET", "GET", "GET", "POST", "DELETE"))
        body = b"name=x&password=y" if method == "POST" else b""
        headers = [("content-type", "application/x-www-form-urlencoded")] if body else []
        if self.dice.random() < 0.3:
            headers.append(("cookie", self.dice.choice((b"millstream=%ff", b"millstream=<script>", b"id=../../x"))))
        return Shot(kind="console", sent=self.request(method, target, headers, body), pages=True, reads=True)

    def odd_headers(self) -> Shot:
        """Headers that are allowed, and unusual in number, size or content."""
        method, template = self.dice.choice(self.operations)
        headers = self.dice.choice(
            (
                [(f"x-{n}", "y") for n in range(90)],
                [("x-long", "z" * 15_000)],
                [("accept", self.word().encode("unicode_escape"))],
                [("accept-language", "*" * 2000)],
                [("range", "bytes=0-,0-,0-")],
                [("if-match", b"\xff" * 200)],
                [("if-none-match", "*")],
                [("traceparent", "00-" + "0" * 32 + "-" + "0" * 16 + "-ff")],
                [("baggage", "a=" * 1000)],
                [("expect", "200-ok")],
                [("forwarded", 'for="[::1]";host=evil.example')],
                [("x-forwarded-host", "evil.example"), ("x-forwarded-proto", "https")],
                [("upgrade", "h2c"), ("connection", "upgrade, http2-settings"), ("http2-settings", "AAMAAABkAAQAAP__")],
                [("te", "trailers")],
            )
        )
        body = self.document() if method != "GET" else b""
        headers = [*headers, ("content-type", "application/json")] if body else headers
        return Shot(
            kind="odd headers",
            sent=self.request(method, self.path_of(template), headers, body),
            reads=is_harmless(method, template),
            alone=True,
        )

    def odd_method(self) -> Shot:
        _, template = self.dice.choice(self.operations)
        method = self.dice.choice(ODD_METHODS)
        return Shot(kind="odd method", sent=self.request(method, self.path_of(template)), alone=True)

    def broken_http(self) -> Shot:
        """What is no HTTP, or may mean two things to two servers. Whatever is hidden inside asks with the good key."""
        key = self.key.encode()
        good = b'{"name": "smuggled", "role": "viewer", "days": 1}'
        hidden = self.request("POST", "/api/access/keys", [("authorization", b"Bearer " + key), JSON], good)
        start = b"POST /in/events/carrier HTTP/1.1\r\nhost: x\r\n"
        sent = self.dice.choice(
            (
                start + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
                start + b"transfer-encoding: chunked\r\ncontent-length: %d\r\n\r\n0\r\n\r\n" % len(hidden) + hidden,
                start + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n" + hidden,
                start + b"transfer-encoding : chunked\r\n\r\n0\r\n\r\n" + hidden,
                start + b"transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n" + hidden,
                start + b"content-length: 5\r\ncontent-length: 6\r\n\r\nabcde" + hidden,
                start + b"content-length: +5\r\n\r\nabcde" + hidden,
                start + b"content-length: -1\r\n\r\n" + hidden,
                start + b"content-length: 0x5\r\n\r\nabcde" + hidden,
                start + b"content-length: 99999999999999999999999\r\n\r\n",
                start + b"transfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF1\r\nx\r\n0\r\n\r\n" + hidden,
                start + b"transfer-encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n",
                start + b"transfer-encoding: chunked\r\n\r\n5;" + b"e" * 9000 + b"\r\nabcde\r\n0\r\n\r\n",
                start + b" folded: header\r\ncontent-length: 0\r\n\r\n",
                start + b"x: a\x00b\r\ncontent-length: 0\r\n\r\n",
                start + b"x: a\nb\r\ncontent-length: 0\r\n\r\n",
                start + b"bad name: x\r\ncontent-length: 0\r\n\r\n",
                start + b": empty\r\ncontent-length: 0\r\n\r\n",
                start + b"\xff\xfe: x\r\ncontent-length: 0\r\n\r\n",
                b"GET http://evil.example/api/access/users HTTP/1.1\r\nhost: x\r\n\r\n",
                b"GET /api/access/users HTTP/9.9\r\n\r\n",
                b"GET /api/access/users\r\n\r\n",
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                b"GET  /api/access/users  HTTP/1.1\r\n\r\n",
                b"GET /\x00 HTTP/1.1\r\nhost: x\r\n\r\n",
                b"GET /api/orders?q=\xff\xfe HTTP/1.1\r\nhost: x\r\n\r\n",
                b"GET /in/%00%0a HTTP/1.1\r\nhost: x\r\n\r\n",
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                b"\x00" * 1000,
                b"SSH-2.0-x\r\n",
                b"EHLO x\r\n",
                b"\r\n" * 2000,
                b"get /healthz http/1.1\r\nhost: x\r\n\r\n",
                b"A" * 70_000,
                b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
                b"GET /healthz HTTP/1.1\nhost: x\n\n" + hidden.replace(b"POST", b"BREW"),
            )
        )
        return Shot(kind="broken HTTP", sent=sent, alone=True, reads=b"/healthz" in sent)

    def oversize(self) -> Shot:
        """More than is taken: declared, or streamed without end."""
        target = self.dice.choice((*DOORS[:4], "/api/session", "/api/bulk", "/api/secrets/x"))
        key = [("authorization", f"Bearer {self.key}"), ("content-type", "application/json")]
        head = self.request("PUT" if "secrets" in target else "POST", target, key)
        if self.dice.random() < 0.5:
            return Shot(
                kind="oversize", sent=head.replace(b"content-length: 0", b"content-length: 99000000"), alone=True
            )
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        return Shot(
            kind="oversize",
            sent=head.replace(b"content-length: 0", b"transfer-encoding: chunked"),
            alone=True,
            lingers=(chunk,) * 48,
        )

    def live_line(self) -> Shot:
        """The console's live line, opened by strangers and from other sites."""
        transport = self.dice.choice(("websocket", "polling", self.in_path()))
        target = f"/console/_nicegui_ws/socket.io/?EIO=4&transport={transport}&client_id={self.in_path()}"
        headers = [("cookie", self.dice.choice(("millstream=x", "", "millstream=" + "A" * 43)))]
        if self.dice.random() < 0.5:
            headers = [("cookie", self.cookie), ("origin", self.dice.choice((EVIL_ORIGIN, "null")))]
        if self.dice.random() < 0.7:
            headers += [
                ("upgrade", "websocket"),
                ("connection", "Upgrade"),
                ("sec-websocket-version", "13"),
                ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ]
        return Shot(kind="live line", sent=self.request("GET", target, headers), pages=True, alone=True)

    def slow(self) -> Iterator[Shot]:
        """Bodies and headers that come a byte at a time."""
        for _ in range(20):
            path = self.dice.choice((*DOORS[:4], "/api/session", "/api/deliveries/1/retry"))
            key = [("authorization", f"Bearer {self.key}")] if path.startswith("/api/deliveries") else []
            head = self.request("POST", path, [("content-type", "application/json"), *key])
            sent = head.replace(b"content-length: 0", b"content-length: 1000") + b"{"
            yield Shot(kind="slow body", sent=sent, alone=True, lingers=(b" ",) * 300)
        for _ in range(20):
            yield Shot(kind="slow head", sent=b"GET /healthz HTTP/1.1\r\nx: ", alone=True, lingers=(b"y",) * 300)
