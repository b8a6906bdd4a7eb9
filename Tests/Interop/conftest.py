"""Fixtures, and the lines that the property test adds to the report."""

import os
import tempfile

import pytest

from command_line import Line
from gateway import Gateway

report_lines = []


@pytest.fixture(scope="module")
def gateway():
    """One gateway for the tests of a file."""
    running = Gateway()
    yield running
    running.close()


@pytest.fixture
def own_gateway():
    """Makes gateways of the test's own: `own_gateway("--max-body", "1MiB")`."""
    started = []

    def start(*flags, **settings):
        started.append(Gateway(*flags, **settings))
        return started[-1]

    yield start
    for running in started:
        running.close()


@pytest.fixture
def local():
    """Commands on a directory by itself; no half segment may be left in it."""
    with tempfile.TemporaryDirectory(prefix="shmgate-interop-", dir="/dev/shm") as directory:
        yield Line(directory)
        assert [name for name in os.listdir(directory) if name.startswith((".shmgate-tmp", ".shmgate-journal"))] == []


@pytest.fixture(params=["directory", "gateway"])
def line(request, local, own_gateway):
    """Commands on a directory by itself, and on a gateway over it."""
    if request.param == "directory":
        return local
    gateway = own_gateway(directory=local.directory)
    return Line(local.directory, gateway.urls[0])


@pytest.fixture
def report():
    """Adds a line to the end of the report, where it is seen although the test passed."""
    return report_lines.append


def pytest_terminal_summary(terminalreporter):
    for line in report_lines:
        terminalreporter.write_line(line)


@pytest.fixture(scope="module")
def chromium():
    """The browser for the tests of a file; its driver keeps an event loop, beside which no other one runs."""
    from browser import Browser

    running = Browser()
    yield running
    running.close()


@pytest.fixture
def browser(chromium):
    """The browser; afterwards no page of the test may have broken its policy, thrown, or asked anybody else."""
    yield chromium
    try:
        chromium.check()
    finally:
        chromium.forget()
