"""Credit: an order that the ERP stops because of it is let go by people of credit, and by nobody else."""

from typing import Final

from millstream.domain.access import Right

CREDIT: Final = "credit."
"""How the fault codes begin that the ERP gives for credit."""
AGREE: Final = f"then agree to it here: `release`, with the right {Right.RELEASE_CREDIT}"
"""How the messages of connectors end that stop an order for credit: a mere retry is not how it goes on."""


def is_credit(code: str | None) -> bool:
    """Whether credit holds it. Releasing it waives nothing: credit is agreed, and the ERP still decides."""
    return code is not None and code.startswith(CREDIT)


def right_to_release(code: str | None) -> Right:
    """The right that releasing from this fault code needs."""
    return Right.RELEASE_CREDIT if is_credit(code) else Right.REPLAY
