"""A server that speaks PostgreSQL's protocol as far as letting a client in, and tells whichever version it is given."""

import asyncio
import struct

SSL_REQUEST = 80877103


class PostgresOfVersion:
    """Listens on loopback while it is entered. `sessions` counts who was let in; no statement is ever answered."""

    def __init__(self, version):
        self.version = version
        self.sessions = 0

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"postgresql://hub@127.0.0.1:{port}/millstream"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader, writer):
        try:
            while await self._startup(reader) == SSL_REQUEST:
                writer.write(b"N")
            self.sessions += 1
            writer.write(
                _message(b"R", struct.pack("!i", 0))
                + _parameter("server_version", self.version)
                + _parameter("client_encoding", "UTF8")
                + _message(b"K", struct.pack("!ii", 1, 1))
                + _message(b"Z", b"I")
            )
            await reader.readuntil(b"X")  # the client takes its leave
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    @staticmethod
    async def _startup(reader):
        length, code = struct.unpack("!ii", await reader.readexactly(8))
        await reader.readexactly(length - 8)
        return code


def _message(kind, body):
    return kind + struct.pack("!i", len(body) + 4) + body


def _parameter(name, value):
    return _message(b"S", f"{name}\0{value}\0".encode())
