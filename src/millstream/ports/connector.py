"""What a connector's `__init__` publishes: its spec."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from pydantic import BaseModel


class Connector(msgspec.Struct, frozen=True, kw_only=True):
    """A connector's name, kind ("commerce" | "erp" | "crm"), settings model and the function that opens it.

    `open(name, settings, wire)` returns the port; `wire` is the transport, world and tap it may use (see
    `millstream.wire.kit`). `capabilities` are words the docs and the doctor print.
    """

    name: str
    kind: str
    title: str
    settings: type[BaseModel]
    open: Callable[..., Any]
    capabilities: Sequence[str] = ()
