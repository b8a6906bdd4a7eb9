"""The ground that all servers stand on: a network of their own, and which processors are whose."""

import ctypes
import os
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

CONGESTION = Path("/proc/sys/net/ipv4/tcp_congestion_control")


@dataclass(frozen=True)
class Ground:
    """Processors of the servers and of the clients; no processors, no limit."""

    threads: int  # of each server
    servers: list[int]
    clients: list[int]

    @property
    def pinned(self) -> bool:
        return bool(self.servers)


def divide(threads: int | None, pinned: bool) -> Ground:
    """Half of the processors for the servers, unless `threads` says otherwise."""
    processors = sorted(os.sched_getaffinity(0))
    threads = threads or max(1, len(processors) // 2)
    if not pinned or len(processors) <= threads:
        return Ground(threads, [], [])
    return Ground(threads, processors[:threads], processors[threads:])


def enter_network(congestion: str) -> str:
    """Moves this process into a network of its own, with nothing in it but loopback, if it may. Says where it is.

    There the route of loopback names the congestion control, which the kernel takes for every connection over it. A
    namespace could set its default only to what the host allows (`tcp_allowed_congestion_control`), often not cubic.
    """
    clone_newnet = 0x40000000
    if os.geteuid() != 0 or ctypes.CDLL(None, use_errno=True).unshare(clone_newnet) != 0:
        return "the host's network"
    path = {"PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True, env=path)
    for destination in ("127.0.0.0/8", "127.0.0.1"):
        route = ["ip", "route", "replace", "local", destination, "dev", "lo", "table", "local", "proto", "kernel"]
        route += ["scope", "host", "src", "127.0.0.1", "congctl"]
        if subprocess.run([*route, congestion], check=False, env=path).returncode != 0:
            subprocess.run([*route, "reno"], check=True, env=path)  # every kernel has it
    return "a private network namespace"


def congestion_in_force() -> str:
    """What a connection over loopback runs under."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with socket.create_connection(listener.getsockname()) as client:
            return client.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0").decode()


def processor_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
