"""Transports that need no socket."""

from urllib.parse import unquote, urlsplit

from millstream.wire.http import Request, Response, TransportError


class AsgiTransport:
    """Runs the real client against in-process ASGI systems, chosen by the host of the URL."""

    def __init__(self, **apps) -> None:
        self.apps = apps  # host -> ASGI app

    async def send(self, request: Request) -> Response:
        url = urlsplit(request.url)
        app = self.apps[url.hostname]
        path = unquote(url.path)
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": url.scheme,
            "path": path,
            "raw_path": url.path.encode(),
            "query_string": url.query.encode(),
            "root_path": "",
            "headers": [(b"host", url.netloc.encode())]
            + [(k.lower().encode(), v.encode()) for k, v in request.headers.items()],
            "client": ("127.0.0.1", 1),
            "server": (url.hostname, url.port or 80),
        }
        body = request.body or b""
        received = False
        status, headers, cookies, chunks = 500, {}, {}, []

        async def receive():
            nonlocal received
            if received:
                return {"type": "http.disconnect"}
            received = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status = message["status"]
                lines = [(k.decode().lower(), v.decode()) for k, v in message.get("headers", [])]
                headers = dict(lines)
                cookies.update(v.partition(";")[0].split("=", 1) for k, v in lines if k == "set-cookie")
            elif message["type"] == "http.response.body":
                chunks.append(message.get("body", b""))

        try:
            await app(scope, receive, send)
        except ConnectionError as lost:  # what a sandbox fault raises in place of an answer
            raise TransportError(str(lost), sent=getattr(lost, "sent", True)) from lost
        return Response(status=status, headers=headers, body=b"".join(chunks), cookies=cookies)

    async def close(self) -> None:
        pass


class ScriptedTransport:
    """Answers from a list; an exception in the list is raised. Keeps every request."""

    def __init__(self, *answers) -> None:
        self.answers = list(answers)
        self.requests: list[Request] = []

    async def send(self, request: Request) -> Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        pass
