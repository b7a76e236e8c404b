"""Channels that remember, and refuse on request."""


class RecordingNotifier:
    def __init__(self, *channels):
        self.channels = channels or ("desk",)
        self.told = []
        self.refusing = set()

    async def tell(self, channel, *, title, body, urgent):
        if channel in self.refusing:
            return "the channel did not take it"
        self.told.append((channel, title, body))
        return None

    def titles(self, channel="desk"):
        return [title for told, title, _ in self.told if told == channel]
