"""The shape of the catalogue."""

from typing import Literal

Who = Literal["desk", "store", "erp", "crm", "credit", "it", "nobody", "makers"]
Text = tuple[Who, str, str]
"""Who can mend it, what it means, what to do: the latter two as the runbook has them, without marks."""
