"""`millstream demo`."""


def demo() -> None:
    """Placeholder until the play exists."""
