"""The servers that are measured, and how they are started."""

import http.client
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
HOST = "127.0.0.1"


@dataclass
class Peer:
    """A running server."""

    name: str
    port: int
    process: subprocess.Popen

    def pids(self) -> list[int]:
        """The server's process and its children (nginx: master and workers)."""
        pid = self.process.pid
        return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]

    def cpu_seconds(self) -> float:
        total = 0
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])  # utime, stime
        return total / os.sysconf("SC_CLK_TCK")

    def status(self, name: str) -> int:
        """A number of `/proc/PID/status`, such as VmRSS in KiB or Threads, the sum over all its processes."""
        lines = [line for pid in self.pids() for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
        return sum(int(line.split()[1]) for line in lines if line.startswith(name + ":"))

    def request(self, method: str, path: str, body: bytes | None = None, kind: str = "", expected: int = 200) -> bytes:
        """The body of an answer that has this status; each request has a connection of its own."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=60)
        try:
            connection.request(method, path, body, {"Content-Type": kind} if kind else {})
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        if response.status != expected:
            raise SystemExit(f"{self.name}: {method} {path} is {response.status}: {text[:300]!r}")
        return text

    def get(self, path: str) -> bytes:
        return self.request("GET", path)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def pin(cpus: list[int]):
    """For `preexec_fn`: keeps a child on these processors; no processors, no limit."""
    return (lambda: os.sched_setaffinity(0, cpus)) if cpus else None


def wait_for(peer: Peer, path: str) -> Peer:
    """Asks until there is an answer, or without a path until there is a connection, for a minute."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if peer.process.poll() is not None:
            raise SystemExit(f"{peer.name} ended with status {peer.process.returncode} before it served")
        try:
            if path:
                peer.get(path)
            else:
                socket.create_connection((HOST, peer.port)).close()
            return peer
        except OSError:
            time.sleep(0.0002)
    raise SystemExit(f"{peer.name} does not answer on port {peer.port}")


def find_nginx() -> str:
    found = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    return found or sys.exit("nginx is missing; `make bench` installs it")


def launch_gateway(binary: str, directory: Path, threads: int, cpus: list[int]) -> Peer:
    """The gateway over a directory, which may not answer yet."""
    port = free_port()
    command = [binary, "serve", "--listen", f"{HOST}:{port}", "--directory", str(directory)]
    command += ["--threads", str(threads), "--log-level", "warning"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SHMGATE_")}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, preexec_fn=pin(cpus))
    return Peer("shmgate", port, process)


def launch_nginx(name: str, home: Path, files: Path, threads: int, cpus: list[int]) -> Peer:
    """nginx over a directory of files, which may not answer yet."""
    port = free_port()
    home.mkdir(exist_ok=True)
    user = "user root;" if os.geteuid() == 0 else ""
    temporary = "\n".join(
        f"    {kind}_temp_path {home};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (home / "nginx.conf").write_text(f"""
{user}
daemon off;
worker_processes {threads};
pid {home}/pid;
error_log {home}/error.log error;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    tcp_nodelay on;
    keepalive_timeout 3600s;
    keepalive_requests 1000000000;
    types {{ application/json json; }}
    default_type application/octet-stream;
{temporary}
    server {{ listen {HOST}:{port}; root {files}; }}
}}
""")
    command = [find_nginx(), "-e", f"{home}/error.log", "-p", str(home), "-c", str(home / "nginx.conf")]
    return Peer(name, port, subprocess.Popen(command, preexec_fn=pin(cpus)))


def compile_c(source: str, program: Path, *libraries: str) -> Path:
    """A C program of this folder, compiled with optimisation."""
    compiler = shutil.which("cc") or shutil.which("clang") or sys.exit("no C compiler")
    flags = ["-O2", "-pthread", "-Wall", "-Wextra", "-D_GNU_SOURCE", "-I", HERE.parent / "Sources/CSegment/include"]
    subprocess.run([compiler, *flags, "-o", program, HERE / source, *(f"-l{name}" for name in libraries)], check=True)
    return program


def launch_static(program: Path, files: Path, threads: int, cpus: list[int]) -> Peer:
    """The plain libmicrohttpd program over a directory of files, which may not answer yet."""
    port = free_port()
    command = [str(program), str(port), str(threads), str(files)]
    return Peer("libmicrohttpd", port, subprocess.Popen(command, preexec_fn=pin(cpus)))


def launch_asgi(name: str, module: str, segments: Path, cpus: list[int]) -> Peer:
    """The ASGI program of a module over a directory of segments, which may not answer yet."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", f"{module}:app", "--app-dir", str(HERE), "--host", HOST]
    command += ["--port", str(port), "--workers", "2", "--loop", "uvloop", "--http", "httptools", "--lifespan", "off"]
    command += ["--no-access-log", "--no-date-header", "--no-server-header", "--log-level", "warning"]
    environment = os.environ | {"SHMGATE_DIRECTORY": str(segments)}
    return Peer(name, port, subprocess.Popen(command, env=environment, preexec_fn=pin(cpus)))


@contextmanager
def running(*peers: Peer, path: str = "") -> Iterator[dict[str, Peer]]:
    """Servers that answer, by name, and are stopped at the end."""
    try:
        for peer in peers:
            wait_for(peer, path)
        yield {peer.name: peer for peer in peers}
    finally:
        for peer in peers:
            peer.stop()


def launch_redis(cpus: list[int]) -> Peer:
    """Redis without persistence, which may not answer yet."""
    port = free_port()
    program = shutil.which("redis-server") or sys.exit("redis-server is missing; `make bench` installs it")
    command = [program, "--bind", HOST, "--port", str(port), "--save", "", "--appendonly", "no", "--dir", "/dev/shm"]
    return Peer("Redis", port, subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=pin(cpus)))
