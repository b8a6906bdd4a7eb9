"""THREATS.md: every line of it names tests that exist."""

import ast
import re

import pytest

from gateway import ROOT

PAGE = (ROOT / "THREATS.md").read_text()
LINES = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("| through |")
]


def names_of_python(path):
    """The tests of a file: functions, and methods behind the names of their classes."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.ClassDef):
            yield from (f"{node.name}::{method.name}" for method in node.body if isinstance(method, ast.FunctionDef))


def names_of_swift(path):
    """What stands behind `@Test(` in a file."""
    return re.findall(r'@Test\(\s*"((?:[^"\\]|\\.)*)"', path.read_text())


def resolved(reference):
    """The files that a reference may mean, the tests that they have, and the one that it names."""
    if (python := re.fullmatch(r"(test_\w+\.py)::([\w:]+)", reference)) is not None:
        paths, read = list((ROOT / "Tests").rglob(python[1])), names_of_python
        name = python[2]
    else:
        swift = re.fullmatch(r"(\w+Tests): (.+)", reference)
        assert swift is not None, f"expected test_file.py::test_name or FileTests: name, got {reference}"
        paths, read = list((ROOT / "Tests").rglob(f"{swift[1]}.swift")), names_of_swift
        name = swift[2]
    return paths, [test for path in paths for test in read(path)], name


def references(line):
    return re.findall(r"`([^`]+)`", line[3])


def test_the_page_has_a_table_for_everybody():
    headings = re.findall(r"^## (.*)$", PAGE, re.M)
    assert headings == [
        "A stranger on the network", "A web page in the user's browser", "A local user without rights",
        "A tenant with a token", "A process that maps a segment", "What dies", "The operator's mistakes",
    ]
    assert PAGE.count("| through | what could happen | what stops it | shown by |") == len(headings)
    assert "confused deputy" in PAGE and len(LINES) > 50


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line[0]}: {line[1]}")
def test_each_line_names_tests_that_exist(line):
    assert len(line) == 4 and all(line), line
    assert references(line), "no test is named"
    for reference in references(line):
        paths, tests, name = resolved(reference)
        assert len(paths) == 1, f"{reference}: {len(paths)} files"
        assert name in tests, f"{paths[0].name} has no test {name}"
        assert name.rpartition("::")[2].startswith("test_") or not paths[0].suffix == ".py", reference


def test_what_is_not_stopped_says_what_to_do():
    open_ends = [line for line in LINES if "not stopped" in line[2].lower()]
    assert open_ends and all("**Not stopped**" in line[2] and len(line[2]) > 60 for line in open_ends)
