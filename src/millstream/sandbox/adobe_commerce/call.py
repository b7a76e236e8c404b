"""One REST call as a service method sees it: who is asked, the path's arguments, query and body."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from millstream.sandbox.adobe_commerce.errors import required, unsupported, wrong_path_type, wrong_type
from millstream.sandbox.adobe_commerce.state import Shop

Json = dict[str, Any]


@dataclass(kw_only=True)
class Call:
    """What came in, decoded."""

    shop: Shop
    path: dict[str, str] = field(default_factory=dict)
    query: Json = field(default_factory=dict)
    body: Json = field(default_factory=dict)
    base_url: str = ""
    is_saas: bool = False

    def number(self, name: str) -> int:
        """A path argument that must be a whole number."""
        text = self.path[name]
        if not text.lstrip("-").isdigit():
            raise wrong_path_type(text, "int")
        return int(text)

    def member(self, name: str) -> Json:
        """A required object of the body."""
        found = self.body.get(name)
        if not isinstance(found, dict):
            raise required(name)
        return found


@dataclass(kw_only=True)
class Route:
    """A row of webapi.xml: verb, path, the resource that the caller must own, the service method."""

    method: str
    path: str
    resource: str
    serve: Callable[[Call], Any]

    def match(self, method: str, segments: list[str]) -> dict[str, str] | None:
        parts = self.path.split("/")
        if method != self.method or len(parts) != len(segments):
            return None
        found: dict[str, str] = {}
        for part, segment in zip(parts, segments, strict=True):
            if part.startswith(":"):
                found[part[1:]] = segment
            elif part != segment:
                return None
        return found


def whole(entity: Json, name: str, default: int = 0) -> int:
    """An int member; raises the type error that Magento gives."""
    value = entity.get(name, default)
    try:
        return int(value or 0)
    except (TypeError, ValueError):
        raise wrong_type(name, value, "int") from None


def decimal(entity: Json, name: str, default: float = 0) -> float:
    """A float member; raises the type error that Magento gives."""
    value = entity.get(name, default)
    try:
        return float(value or 0)
    except (TypeError, ValueError):
        raise wrong_type(name, value, "float") from None


def known_members(entity: Json, known: frozenset[str]) -> None:
    """Refuses a member that the data interface does not have."""
    for name in entity:
        if name not in known:
            raise unsupported(name)


def camel(entity: Json, name: str, default: Any = None) -> Any:
    """A parameter under its camelCase or snake_case name."""
    snake = "".join(f"_{char.lower()}" if char.isupper() else char for char in name)
    return entity.get(name, entity.get(snake, default))
