"""The channels people are told by: Apprise speaks to them, in a thread, because it blocks."""

import asyncio
import logging
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from millstream.wire.blocking import guarded
from millstream.wire.outbound import OutboundGuard

TELL_TIMEOUT_S: Final = 20.0
AT_ONCE_MAX: Final = 4  # threads; a channel that hangs holds one until its own sockets give up
LOG_SECRETS: Final = ("apprise", "urllib3")  # at debug level these log whole URLs
_STATUS: Final = re.compile(r"error\s*=\s*(\d{3})\b")


class AppriseChannels:
    """See `ports.notifier.Notifier`. The URLs are secrets: they are held here and told nobody.

    `guard` decides where they may lead; None: anywhere.
    """

    def __init__(self, urls: Mapping[str, str] | None = None, *, guard: OutboundGuard | None) -> None:
        self._urls = dict(urls or {})
        self._guard = guard
        self._threads = ThreadPoolExecutor(AT_ONCE_MAX, thread_name_prefix="notifier")

    def use(self, urls: Mapping[str, str]) -> None:
        """These from now on."""
        self._urls = dict(urls)

    @property
    def channels(self) -> Sequence[str]:
        """See Notifier."""
        return tuple(self._urls)

    async def tell(self, channel: str, *, title: str, body: str, urgent: bool) -> str | None:
        """See Notifier."""
        url = self._urls.get(channel)
        if url is None:
            return f"no channel {channel} in the settings of the process that was to tell it"
        work = asyncio.get_running_loop().run_in_executor(self._threads, self._tell, url, title, body, urgent)
        try:
            return await asyncio.wait_for(work, TELL_TIMEOUT_S)
        except TimeoutError:
            return f"no answer in {TELL_TIMEOUT_S:g} s"
        except Exception as error:  # noqa: BLE001 - whatever a channel's library raises, the record says it, not the URL
            return f"the channel failed ({type(error).__name__})"

    def _tell(self, url: str, title: str, body: str, urgent: bool) -> str | None:
        if self._guard is None:
            return _call(url, title, body, urgent)
        with guarded(self._guard) as watched:
            problem = _call(url, title, body, urgent)
        if watched.refused:
            return f"it leads to {watched.refused[0]}, inside the own network: see alerts.allow_private"
        return problem

    def close(self) -> None:
        """Lets go of the threads; one that hangs is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def unusable(url: str) -> bool:
    """Whether nobody can be told by such a URL: no such service, or parts of its address are missing."""
    apprise = _apprise()
    return apprise.Apprise.instantiate(url, suppress_exceptions=True) is None


def _call(url: str, title: str, body: str, urgent: bool) -> str | None:
    apprise = _apprise()
    channel = apprise.Apprise()
    if not channel.add(url):
        return "its URL is none that Apprise understands"
    kind = apprise.NotifyType.FAILURE if urgent else apprise.NotifyType.WARNING
    heard = _Statuses()
    log = logging.getLogger("apprise")
    log.addHandler(heard)
    try:
        if channel.notify(title=title, body=body, notify_type=kind):
            return None
    finally:
        log.removeHandler(heard)
    return "the channel did not take it" + (f" (answered {heard.last})" if heard.last else "")


def _apprise() -> Any:
    """Loaded with the first message. Apprise and what it calls with log URLs: only `_Statuses` hears of that."""
    for name in LOG_SECRETS:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("apprise").propagate = False
    import apprise  # noqa: PLC0415 - a fifth of a second and ten megabytes that most processes never need

    return apprise


class _Statuses(logging.Handler):
    """Keeps the HTTP status a channel answered with, and nothing else of what Apprise says."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last: str | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        found = _STATUS.search(record.getMessage())
        if found:
            self.last = found[1]
