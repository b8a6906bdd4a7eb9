"""What shells complete, typed into the shells themselves; those that are not there are left out."""

import os
import pty
import select
import shutil
import signal
import subprocess

import pytest

from gateway import await_that, binary

SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "source ./script"),
    "zsh": (["zsh", "-f", "-i"], "autoload -Uz compinit; compinit -u -D; source ./script; compdef _shmgate shmgate"),
    "fish": (["fish", "--no-config", "-i"], "source ./script"),
}


class Shell:
    """A shell on a terminal, which completes what is typed."""

    def __init__(self, name, directory, environment):
        command, load = SHELLS[name]
        done = subprocess.run([binary(), "--generate-completion-script", name], capture_output=True, check=True)
        (directory / "script").write_bytes(done.stdout)
        os.symlink(os.path.abspath(binary()), directory / "shmgate")
        path = f"{directory}:{environment['PATH']}"
        own = {**environment, "PATH": path, "HOME": str(directory), "TERM": "xterm", "PS1": "> "}
        # A shell wants to have its terminal to itself.
        self.process, self.leader = pty.fork()
        if self.process == 0:
            os.chdir(directory)
            os.execvpe(command[0], command, own)
        self.text = ""
        self.type(f"{load}; echo loa''ded\n")
        self.until("loaded")

    def type(self, text):
        os.write(self.leader, text.encode())

    def until(self, *words):
        """Waits until all of these words are on the screen."""

        def seen():
            while select.select([self.leader], [], [], 0)[0]:
                piece = os.read(self.leader, 65_536).decode(errors="replace")
                self.text += piece
                # A terminal that is asked what it is says so.
                if "\x1b[c" in piece or "\x1b[0c" in piece:
                    self.type("\x1b[?62c")
            return all(word in self.text for word in words)

        await_that(seen, lambda: f"{words}, got {self.text!r}")

    def complete(self, line, *words):
        """Types a line, asks what it may become, and waits for these words; then the line is forgotten."""
        self.text = ""
        self.type(f"{line}\t\t\t")
        self.until(*words)
        self.type("\x15")

    def close(self):
        os.close(self.leader)
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)


@pytest.fixture(params=SHELLS)
def shell(request, local, tmp_path):
    if not shutil.which(request.param):
        pytest.skip(f"there is no {request.param}")
    running = Shell(request.param, tmp_path, local.environment)
    yield running
    running.close()


def test_names_of_segments_are_completed(shell, local, tmp_path):
    for name in ("feed-left", "feed-right", "other"):
        local.run("create", name, "--layout", '{"kind": "bytes", "size": 1}')
    shell.complete("shmgate show fe", "feed-left", "feed-right")
    shell.complete("shmgate rm feed-left oth", "other")
    shell.complete("shmgate get fe", "feed-left", "feed-right")
    (tmp_path / "feed.npy").touch()
    shell.complete("shmgate cp fe", "feed-left", "feed.npy")
    shell.complete("shmgate get other --format ar", "arrow")
    shell.complete("shmgate rest", "shmgate restore")
    shell.complete("shmgate get other --max-", "--max-points")
