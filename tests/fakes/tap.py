"""A tap that remembers."""


class RecordingTap:
    def __init__(self) -> None:
        self.notes: list[tuple[str, dict]] = []

    def note(self, name: str, /, **facts) -> None:
        self.notes.append((name, facts))

    def named(self, name: str) -> list[dict]:
        return [facts for noted, facts in self.notes if noted == name]
