"""`millstream work` as it is, with one connector more: the counting ERP, which has no name in the product.

Settings come from the environment as for every process; `erp.kind` is "counting".
"""

import sys
from pathlib import Path

from pydantic import BaseModel

from millstream import bootstrap
from millstream.cli import main
from millstream.ports.connector import Connector
from sample_orders import PRICES

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from fakes.counting_erp import CountingErp


class CountingSettings(BaseModel):
    """Where it is, and how many calls it takes side by side."""

    base_url: str
    concurrency: int = 64


def _open(name: str, settings: CountingSettings, kit) -> CountingErp:
    return CountingErp(kit, settings.base_url, name=name, concurrency=settings.concurrency, prices=PRICES)


SPEC = Connector(name="counting", kind="erp", title="Counting ERP", settings=CountingSettings, open=_open)
bootstrap.CONNECTORS["erp", "counting"] = "hub_worker"

if __name__ == "__main__":
    sys.modules["hub_worker"] = sys.modules["__main__"]
    sys.argv = ["millstream", "work"]
    main()
