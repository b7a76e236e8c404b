"""A process loads what it was started for, and nothing else: that is most of how fast it starts."""

import os
import subprocess
import sys

import pytest

SETTINGS = {
    "MILLSTREAM_STORE__KIND": "adobe_commerce",
    "MILLSTREAM_STORE__BASE_URL": "http://127.0.0.1:9",
    **{
        f"MILLSTREAM_STORE__{name}": "x"
        for name in ("CONSUMER_KEY", "CONSUMER_SECRET", "ACCESS_TOKEN", "ACCESS_TOKEN_SECRET")
    },
    "MILLSTREAM_ERP__KIND": "sap_s4hana",
    "MILLSTREAM_ERP__BASE_URL": "http://127.0.0.1:9",
}
# As `millstream <command>` begins, up to the moment it would open its database.
BEGIN = """
import sys
from millstream.cli import app_for
app_for([{command!r}])
import millstream.cli.serve as serve
from millstream.settings import read_settings
if {command!r} == "serve":
    serve._edge(read_settings().model_copy(update={{"port": 0}}))
from millstream.bootstrap import connector
for kind, section in (("commerce", read_settings().store), ("erp", read_settings().erp)):
    connector(kind, section)
print("\\n".join(sorted(sys.modules)))
"""
NEVER = ("millstream.demo", "millstream.sandbox", "millstream.cli.demo", "millstream.cli.doctor", "pytest", "httpx")
OF_THE_WEB = ("fastapi", "uvicorn", "millstream.web")


def loaded(command, tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MILLSTREAM_")}
    ran = subprocess.run(
        [sys.executable, "-c", BEGIN.format(command=command)],
        env={**environment, **SETTINGS},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return set(ran.stdout.split())


def under(names, modules):
    return {module for module in modules if any(module == name or module.startswith(f"{name}.") for name in names)}


@pytest.mark.parametrize("command", ["serve", "work"])
def test_a_long_running_process_loads_no_demo_no_sandbox_and_no_other_command(command, tmp_path):
    assert under(NEVER, loaded(command, tmp_path)) == set()


@pytest.mark.parametrize("command", ["serve", "work"])
def test_only_the_connectors_that_the_settings_name_are_loaded(command, tmp_path):
    modules = loaded(command, tmp_path)
    assert {"millstream.connectors.adobe_commerce", "millstream.connectors.sap_s4hana"} <= modules
    assert under(("millstream.connectors.tryton", "millstream.connectors.salesforce"), modules) == set()


def test_a_worker_loads_no_web_server(tmp_path):
    assert under(OF_THE_WEB, loaded("work", tmp_path)) == set()
    assert "uvicorn" in loaded("serve", tmp_path)
