"""Who may ask the operator API for what."""

from typing import Annotated

from millstream.domain.access import Identity, Right
from millstream.web.access import require
from millstream.web.problems import Problem

Viewer = Annotated[Identity, require(Right.VIEW)]
PayloadViewer = Annotated[Identity, require(Right.VIEW_PAYLOAD)]
Mender = Annotated[Identity, require(Right.REPLAY)]
Releaser = Annotated[Identity, require(Right.REPLAY, Right.RELEASE_CREDIT)]
Amender = Annotated[Identity, require(Right.AMEND_PAYLOAD)]
Keeper = Annotated[Identity, require(Right.MANAGE_CONNECTIONS)]
Watcher = Annotated[Identity, require(Right.MANAGE_ALERTS)]
Administrator = Annotated[Identity, require(Right.MANAGE_ACCESS)]
Auditor = Annotated[Identity, require(Right.VIEW_AUDIT)]


def refuse_without(identity: Identity, right: Right) -> None:
    """Refuses with 403 who does not have this right."""
    if right not in identity.rights:
        raise Problem("access.denied", f"This needs the right `{right}`; an administrator can grant a role with it.")
