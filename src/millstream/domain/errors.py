"""How anything can fail, named by what the caller does next.

    Failure
    ├── Retry      try the same thing again later; nothing happened, or repeating it is harmless
    ├── Reject     the other side (or a rule of ours) refuses; a human must decide
    ├── Conflict   somebody changed the record meanwhile; read again, then decide again
    └── Unknown    the effect may or may not have happened; look it up by its key before repeating it

Connectors raise only these. The engine alone decides about backoff, hold and dead letter.
"""


class Failure(Exception):  # noqa: N818 - the four words are the vocabulary of the field, an Error suffix would blur it
    """Carries two messages: `message` for the operator (what, where, what to do) and `log` for the log."""

    def __init__(self, code: str, message: str, *, log: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.log = log or message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class Retry(Failure):
    """Try again. `after_s` is the delay the other side asked for, None = the engine's backoff decides.

    `counts` is False where no attempt was made at all (breaker open, connection paused): such a wait never
    brings a delivery nearer to the dead letters.
    """

    def __init__(
        self, code: str, message: str, *, after_s: float | None = None, counts: bool = True, log: str = ""
    ) -> None:
        super().__init__(code, message, log=log)
        self.after_s = after_s
        self.counts = counts


class Reject(Failure):
    """Refused for a reason that trying again will not change. `field` names the offending place, if known."""

    def __init__(self, code: str, message: str, *, field: str | None = None, log: str = "") -> None:
        super().__init__(code, message, log=log)
        self.field = field


class Conflict(Failure):
    """The record moved on. `theirs` describes what the other side holds now."""

    def __init__(self, code: str, message: str, *, theirs: object = None, log: str = "") -> None:
        super().__init__(code, message, log=log)
        self.theirs = theirs


class Unknown(Failure):
    """The answer was lost after the request may have been carried out. `key` is the idempotency key to look up."""

    def __init__(self, code: str, message: str, *, key: str, log: str = "") -> None:
        super().__init__(code, message, log=log)
        self.key = key
