"""Machines made of Linux network namespaces: each with a cable to the database and another one to the systems.

Two bridges stand for two networks. The host has the first address of each, so PostgreSQL and the systems listen there
and nowhere else; a machine reaches the systems under the name `localhost`, because connectors send secrets over plain
HTTP to no other name. The host is a namespace as well, which the calling thread and what it starts live in meanwhile:
programs that watch the network of the real machine, as a browser does, notice nothing. Needs root and `ip` (Debian:
iproute2).
"""

import contextlib
import ctypes
import json
import os
import shutil
import subprocess
from pathlib import Path

NEW_NETWORK = 0x40000000  # CLONE_NEWNET of linux/sched.h; os.unshare and os.setns came with Python 3.12
LEDGER, SYSTEMS = "198.18.0", "198.19.0"  # 198.18.0.0/15 is set aside for measurements between networks (RFC 2544)
HOSTS = Path("/etc/netns")  # `ip netns exec` shows <HOSTS>/<namespace>/hosts as /etc/hosts


class NoNamespacesError(Exception):
    """This machine makes no network namespaces; the message says why."""


def _ip(*words: str) -> str:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoNamespacesError(f"ip {' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def _system_call(name: str, *words: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*words):
        raise NoNamespacesError(f"{name}: {os.strerror(ctypes.get_errno())}")


class Namespaces:
    """`with Namespaces("a", "b") as machines`: gone afterwards, come what may. Entering raises NoNamespacesError."""

    def __init__(self, *machines: str) -> None:
        self.machines = machines
        self._token = f"m{os.getpid():x}"[-7:]
        self._undo = contextlib.ExitStack()
        self.ledger_address = self.systems_address = ""

    def __enter__(self):
        if os.geteuid() != 0:
            raise NoNamespacesError("only root may make network namespaces")
        if shutil.which("ip") is None:
            raise NoNamespacesError("there is no `ip` command (Debian: apt-get install iproute2)")
        try:
            self._host()
            self.ledger_address = self._bridge("l", LEDGER)
            self.systems_address = self._bridge("s", SYSTEMS)
            for n, machine in enumerate(self.machines, start=2):
                self._machine(machine, n)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Takes every namespace, cable and bridge down again."""
        self._undo.close()

    def _host(self) -> None:
        """From here to `close`, this thread has a network of its own; the kernel takes it down with all its links."""
        real = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self._undo.callback(os.close, real)
        _system_call("unshare", NEW_NETWORK)
        self._undo.callback(_system_call, "setns", real, NEW_NETWORK)
        _ip("link", "set", "lo", "up")

    def _bridge(self, side: str, net: str) -> str:
        name = self._token + side
        _ip("link", "add", name, "type", "bridge")
        self._undo.callback(_ip, "link", "del", name)
        _ip("addr", "add", f"{net}.1/24", "dev", name)
        _ip("link", "set", name, "up")
        return f"{net}.1"

    def _machine(self, machine: str, n: int) -> None:
        name = self.namespace(machine)
        _ip("netns", "add", name)
        self._undo.callback(_ip, "netns", "del", name)
        _ip("-n", name, "link", "set", "lo", "up")
        for side, net in (("l", LEDGER), ("s", SYSTEMS)):
            outer = self._cable(machine, side)
            _ip("link", "add", outer, "type", "veth", "peer", "name", f"eth-{side}", "netns", name)
            self._undo.callback(_ip, "link", "del", outer)  # a namespace takes its end along in its own time
            _ip("link", "set", outer, "master", self._token + side, "up")
            _ip("-n", name, "addr", "add", f"{net}.{n}/24", "dev", f"eth-{side}")
            _ip("-n", name, "link", "set", f"eth-{side}", "up")
        folder = HOSTS / name
        folder.mkdir(parents=True)
        self._undo.callback(shutil.rmtree, folder)
        (folder / "hosts").write_text(f"{self.systems_address} localhost\n")

    def namespace(self, machine: str) -> str:
        """What the kernel calls it."""
        return f"{self._token}-{machine}"

    def _cable(self, machine: str, side: str) -> str:
        return f"{self._token}{side}{self.machines.index(machine)}"

    def command(self, machine: str) -> list[str]:
        """What goes in front of a command so that it runs on this machine, as the same process."""
        return ["ip", "netns", "exec", self.namespace(machine)]

    def cut_off_from_database(self, machine: str) -> None:
        """Every packet between this machine and PostgreSQL is lost from here on; nobody is told. Systems are there."""
        _ip("link", "set", self._cable(machine, "l"), "down")

    def heal(self, machine: str) -> None:
        """The cable to PostgreSQL carries again."""
        _ip("link", "set", self._cable(machine, "l"), "up")


def leftovers() -> list[str]:
    """Namespaces of this process that are still there, and links in the real one: none, after `close`."""
    token = f"m{os.getpid():x}"[-7:]
    names = [entry["name"] for entry in json.loads(_ip("-j", "netns") or "[]")]
    names += [link["ifname"] for link in json.loads(_ip("-j", "link"))]
    return [name for name in names if name.startswith(token)]
