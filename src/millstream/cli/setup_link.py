"""How the first administrator is made, shown to whoever stands at the machine."""

from typing import Final

from millstream.cli.session import console
from millstream.settings import Settings

EVERY_ADDRESS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not listened on


def show_setup(settings: Settings, token: str) -> None:
    """The link that makes the first administrator. Behind the #, the token reaches no log and no other site."""
    host = "127.0.0.1" if settings.host in EVERY_ADDRESS else settings.host
    base = settings.access.public_url or f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"
    console.print(
        f"Nobody can administer access yet. Within {settings.access.setup_s / 60:g} minutes, open this link in a "
        "browser and choose name and password (12 characters or more):\n"
        f"  {base}/console/set-up#{token}\n"
        "Or run here, and be asked for the password: millstream access users add admin --role admin",
        soft_wrap=True,
    )
