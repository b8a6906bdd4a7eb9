"""Every block of the README's tour does what it shows."""

import os
import re
import subprocess
import sys

import pytest

from gateway import ROOT, Gateway

README = (ROOT / "README.md").read_text()
MARK = "--- end of a command ---"


def blocks():
    """The console blocks of the tour: lists of (command, output)."""
    tour = README.split("<!-- tour -->")[1].split("<!-- /tour -->")[0]
    return [parse(block) for block in re.findall(r"```console\n(.*?)```", tour, re.S)]


def parse(block):
    commands = []
    for line in block.splitlines():
        if line.startswith("$ "):
            commands.append(([line[2:]], []))
        elif line.startswith(">") and not commands[-1][1]:
            commands[-1][0].append(line[2:])
        else:
            commands[-1][1].append(line)
    return [("\n".join(command), "\n".join(output)) for command, output in commands]


class Shell:
    """One bash for the whole tour, as a reader has it."""

    def __init__(self, gateway):
        self.gateway = gateway
        # The reader's python3 has the libraries that this one has.
        path = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
        self.process = subprocess.Popen(
            ["bash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            cwd=gateway.directory, env={**os.environ, "PATH": path, "LC_ALL": "C.UTF-8"},
        )

    def run(self, command):
        here = command.replace("localhost:8080", f"localhost:{self.gateway.port}").replace("/dev/shm", self.gateway.directory)
        self.process.stdin.write(f"{here}\nprintf '\\n%s\\n' '{MARK}'\n")
        self.process.stdin.flush()
        lines = []
        while (line := self.process.stdout.readline()).rstrip("\n") != MARK:
            assert line, "the shell ended"
            lines.append(line)
        return "".join(lines).rstrip("\n").replace(self.gateway.directory, "/dev/shm")

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def shell():
    gateway = Gateway()
    shell = Shell(gateway)
    yield shell
    shell.close()
    gateway.close()


def matches(shown, got):
    """Equal, where an ellipsis stands for anything in its line, and alone in a line for any lines."""
    pattern = "".join(
        r"(?:.*\n)*?" if line == "…\n" else re.escape(line).replace("…", ".*") for line in (shown + "\n").splitlines(True)
    )
    return re.fullmatch(pattern, got + "\n") is not None


def test_an_ellipsis_is_not_everything():
    assert matches('{"a":"…"}', '{"a":"b"}')
    assert not matches('{"a":"…"}', '{"b":"b"}')
    assert not matches("204", "200")


def test_tour_has_what_it_promises():
    tour = "\n".join(command for block in blocks() for command, _ in block)
    for word in ("curl", "PATCH", "np.memmap", "DELETE", "pd.Series", "pd.DataFrame", "xr.DataArray", "patches", "PUT"):
        assert word in tour


@pytest.mark.parametrize("number", range(len(blocks())))
def test_block_shows_what_happens(shell, number):
    for command, shown in blocks()[number]:
        got = shell.run(command)
        assert matches(shown, got), f"$ {command}\nshown:\n{shown}\ngot:\n{got}"
