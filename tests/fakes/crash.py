"""A process that dies at the n-th step it takes, and stays dead."""


class Crash(BaseException):
    """Nothing of ours may catch this: a dead process runs no except clause."""


class CrashTap:
    """Counts the steps of one process; at the chosen one, and at every later one, the process is dead."""

    def __init__(self, die_at: int | None = None) -> None:
        self.die_at = die_at
        self.steps: list[str] = []
        self.armed = True

    @property
    def died(self) -> bool:
        return self.die_at is not None and len(self.steps) >= self.die_at

    def note(self, name, /, **facts) -> None:
        if not self.armed:
            return
        where = f"{facts['system']}:{facts['operation']}" if "operation" in facts else ""
        self.steps.append(f"{name} {where}".strip())
        if self.died:
            raise Crash(self.steps[self.die_at - 1])
