"""openapi.yaml is valid, is what the gateway serves, and its examples are true."""

import json

import pytest
import yaml
from openapi_spec_validator import validate

from gateway import ROOT, Gateway

DOCUMENT = yaml.safe_load((ROOT / "openapi.yaml").read_text())


@pytest.fixture(scope="module")
def fresh_gateway():
    """The examples tell one story, from an empty directory on."""
    running = Gateway()
    yield running
    running.close()


def test_document_is_valid_openapi_3_1():
    assert DOCUMENT["openapi"].startswith("3.1")
    validate(DOCUMENT)


def test_gateway_serves_the_document(fresh_gateway):
    answer = fresh_gateway.request("GET", "/openapi.yaml")
    assert answer.status == 200
    assert answer.body == (ROOT / "openapi.yaml").read_bytes()


def test_every_operation_has_an_example():
    told = {(example["request"]["method"], template(example["request"]["path"])) for example in DOCUMENT["x-examples"]}
    for path, item in DOCUMENT["paths"].items():
        for method in set(item) & {"get", "head", "post", "put", "patch", "delete"}:
            if "{member}" not in path:  # the layouts of today have no members
                assert (method.upper(), path) in told, f"no example of {method} {path}"


def template(target):
    """The path of the document that a request target belongs to."""
    parts = target.partition("?")[0].split("/")
    if len(parts) > 2 and parts[1] == "segments":
        parts[2] = "{name}"
    return "/".join(parts)


@pytest.mark.parametrize("example", DOCUMENT["x-examples"], ids=lambda example: example["name"])
def test_example_is_true(fresh_gateway, example):
    asked, told = example["request"], example["response"]
    body = asked.get("body", ...)
    if isinstance(body, str):
        body = body.encode()
    answer = fresh_gateway.request(asked["method"], asked["path"], body, asked.get("headers"))
    assert answer.status == told["status"], answer
    for name, value in told.get("headers", {}).items():
        assert name in answer.headers, (name, dict(answer.headers))
        assert value == "*" or answer.headers[name] == str(value), (name, answer.headers[name])
    if "json" in told:
        assert_contains(json.loads(answer.body), told["json"], "$")
    if "text" in told:
        assert answer.body.decode() == told["text"]


def assert_contains(got, expected, where):
    """Every member that the example names is there and equal; "*" stands for any value."""
    if expected == "*":
        return
    if isinstance(expected, dict):
        assert isinstance(got, dict), (where, got)
        for key, value in expected.items():
            assert key in got, (where, key, got)
            assert_contains(got[key], value, f"{where}.{key}")
    elif isinstance(expected, list):
        assert isinstance(got, list) and len(got) == len(expected), (where, got, expected)
        for index, (one, other) in enumerate(zip(got, expected)):
            assert_contains(one, other, f"{where}[{index}]")
    else:
        assert got == expected and isinstance(got, bool) == isinstance(expected, bool), (where, got, expected)
