"""The three systems as a preview has them: what a flow asks of them is written down, and nobody is asked.

Which operation is what stands in the ports themselves: what takes an idempotency key is an effect, what must be waited
for without one is a question, and what answers at once is a mapping of the connector's own, which calls nobody.
"""

import inspect
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any, Final, Literal, NoReturn

import msgspec

from millstream.flows.hub import Hub
from millstream.ports.commerce import CommercePort
from millstream.ports.crm import CrmPort
from millstream.ports.erp import ErpPort

Nature = Literal["effect", "question", "mapping"]
PORTS: Final[Mapping[str, type]] = {"store": CommercePort, "erp": ErpPort, "crm": CrmPort}
TARGETS: Final[Mapping[str, str]] = {
    "acknowledge": "acknowledgement",
    "promise": "ship date",
    "tell_customer": "comment",
    "ship": "shipment",
    "hold": "hold",
    "unhold": "release from hold",
    "cancel": "cancellation",
    "place_order": "order",
    "cancel_order": "cancellation",
    "change_address": "ship-to address",
    "adopt_customer": "hub id of the customer",
    "create_customer": "customer",
    "record_purchase": "purchase",
    "complete_purchase": "rest of the purchase",
    "announce_purchase": "announcement of the purchase",
    "restate_lifetime_value": "lifetime value",
    "record_progress": "progress",
}
"""Every effect of the three ports, in words."""
_OF_THE_TRY: Final = frozenset({"self", "key", "again"})  # how an effect is had once, not what it is


class Requested(msgspec.Struct, frozen=True, kw_only=True):
    """One effect that the hub asks of a connection, before its connector gives it the system's own form.

    `operation` is the port's, `target` says in words what it is about. What is left alone stands in no field.
    """

    connection: str
    operation: str
    target: str
    fields: dict[str, Any]


class AnswerNeeded(Exception):  # noqa: N818 - it is no error: the flow is as far as it gets without asking
    """What follows depends on what a system would answer."""

    def __init__(self, connection: str, operation: str) -> None:
        super().__init__(f"needs an answer of {connection}: {_words(operation)}")


class Recorder:
    """Stands in for one port. Effects are added to `requests`; questions raise AnswerNeeded."""

    def __init__(self, port: Any, protocol: type, requests: list[Requested]) -> None:
        self._port = port
        self._protocol = protocol
        self._requests = requests

    def __getattr__(self, name: str) -> Any:
        """Whatever the port has; AttributeError for anything else."""
        match natures(self._protocol).get(name):
            case "effect":
                return partial(self._effect, name)
            case "question":
                return partial(self._question, name)
            case "mapping":
                return getattr(self._port, name)
        if name in facts_of(self._protocol):
            return getattr(self._port, name)
        raise AttributeError(f"{self._protocol.__name__} has no {name}")

    async def _effect(self, operation: str, *args: Any, **kwargs: Any) -> "Pending":
        signature = inspect.signature(getattr(self._protocol, operation))
        given = signature.bind(self, *args, **kwargs).arguments
        pending = Pending(AnswerNeeded(self._port.name, operation))
        fields = {
            name: msgspec.to_builtins(value, enc_hook=_look)
            for name, value in given.items()
            if name not in _OF_THE_TRY and _says_something(value, signature.parameters[name])
        }
        target = TARGETS.get(operation, _words(operation))
        self._requests.append(Requested(connection=self._port.name, operation=operation, target=target, fields=fields))
        return pending

    async def _question(self, operation: str, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise AnswerNeeded(self._port.name, operation)


class Pending:
    """What a system would answer to an effect: whoever looks at it needs it, whoever does not goes on without."""

    __slots__ = ("_needed",)

    def __init__(self, needed: AnswerNeeded) -> None:
        self._needed = needed

    def _look(self, *_: object) -> NoReturn:
        raise self._needed

    __bool__ = __str__ = __format__ = __eq__ = __hash__ = __getattr__ = _look
    __iter__ = __len__ = __getitem__ = __contains__ = _look


def recording(hub: Hub, requests: list[Requested]) -> Hub:
    """The hub with recorders for its systems. Its books are its own."""
    ports: dict[str, Any] = {name: Recorder(getattr(hub, name), protocol, requests) for name, protocol in PORTS.items()}
    return msgspec.structs.replace(hub, **ports)


@cache
def natures(protocol: type) -> Mapping[str, Nature]:
    """What each operation of a port is."""
    return {
        name: _nature(operation)
        for name, operation in inspect.getmembers(protocol, inspect.isfunction)
        if name[0] != "_"
    }


@cache
def facts_of(protocol: type) -> frozenset[str]:
    """The attributes of a port: what a connection is called, and the like."""
    return frozenset(name for base in protocol.__mro__ for name in inspect.get_annotations(base) if name[0] != "_")


def _nature(operation: Callable[..., Any]) -> Nature:
    if not inspect.iscoroutinefunction(operation):
        return "mapping"
    return "effect" if "key" in inspect.signature(operation).parameters else "question"


def _says_something(value: object, parameter: inspect.Parameter) -> bool:
    """What may be left out, and is, does not; None does wherever it is not what stands for leaving it out."""
    return value is not msgspec.UNSET and (value is not None or parameter.default is not None)


def _words(operation: str) -> str:
    return operation.replace("_", " ")


def _look(value: object) -> object:
    """An answer that would be handed on to another system is looked at, too."""
    if isinstance(value, Pending):
        bool(value)
    raise TypeError(f"{type(value).__name__} is no JSON")
