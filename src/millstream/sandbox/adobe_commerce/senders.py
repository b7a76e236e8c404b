"""Webhooks over real HTTP, for the sandbox that runs as a server of its own."""

import aiohttp

TIMEOUT_S = 10  # the sender waits no longer, connecting included


class Sender:
    """A short-lived client per call: no connection is kept, none is left open."""

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> int:
        """The status. Raises OSError or TimeoutError when no answer came."""
        try:
            async with self._client() as client, client.post(url, data=body, headers=headers) as answer:
                await answer.read()
                return answer.status
        except aiohttp.ClientError as error:
            raise OSError(str(error)) from error

    async def get(self, url: str) -> tuple[int, bytes]:
        """Status and body. Raises OSError or TimeoutError when no answer came."""
        try:
            async with self._client() as client, client.get(url) as answer:
                return answer.status, await answer.read()
        except aiohttp.ClientError as error:
            raise OSError(str(error)) from error

    def _client(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
