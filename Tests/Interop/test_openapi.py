"""openapi.yaml is valid, is what the gateway serves, and its examples are true."""

import copy
import json
import re
import urllib.parse

import pytest
import yaml
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from gateway import JSON, ROOT, Gateway

DOCUMENT = yaml.safe_load((ROOT / "openapi.yaml").read_text())
METHODS = ("get", "head", "post", "put", "patch", "delete")
STORY = DOCUMENT["x-examples"]


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


def resolved(part):
    """What a reference leads to, or the part itself."""
    while "$ref" in part:
        target = DOCUMENT
        for name in part["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        part = target
    return part


def operations():
    """Method, path and operation, in the order of the document."""
    paths = DOCUMENT["paths"].items()
    return [(method, path, item[method]) for path, item in paths for method in METHODS if method in item]


def template(target):
    """The path of the document that a request target belongs to; None if there is none."""
    parts = target.partition("?")[0].split("/")
    if parts[1] == "segments" and len(parts) > 2:
        parts[2] = "{name}"
        parts[4:] = ["{member}"] if len(parts) > 4 and parts[3] in ("data", "stats") else parts[4:]
    elif parts[1] == "zarr" and len(parts) > 2:
        parts[2:] = ["{name}", "{key}"] if "".join(parts[3:]) else ["{name}"]
    elif parts[1] == "layouts" and len(parts) > 2:
        parts[2] = "{kind}"
    elif parts[1] == "console":
        parts[2] = "{file}"
    path = "/".join(parts)
    return path if path in DOCUMENT["paths"] else None


def test_every_operation_has_an_example():
    told = {(example["request"]["method"].lower(), template(example["request"]["path"])) for example in STORY}
    for method, path, _ in operations():
        assert (method, path) in told, f"no example of {method} {path}"


def responses_of(method, path):
    """The responses of an operation; for a method that the path does not have, those of any other."""
    item = DOCUMENT["paths"][path]
    return (item.get(method.lower()) or item["get"])["responses"]


def assert_documented(method, target, answer):
    """The document has this status for the operation, names the code in it, and says what the body looks like."""
    path = template(target)
    if path is None:
        return
    responses = responses_of(method, path)
    key = str(answer.status) if str(answer.status) in responses else f"{answer.status // 100}XX"
    assert key in responses, f"{method} {path} may answer {answer.status}"
    response = resolved(responses[key])
    for name, header in response.get("headers", {}).items():
        assert name in answer.headers or not resolved(header).get("required"), (name, dict(answer.headers))
    if not answer.body:
        return
    media = answer.headers["Content-Type"].partition(";")[0]
    assert media in response["content"], (media, response["content"].keys())
    if not media.endswith("json"):
        return
    body = answer.json()
    schema = response["content"][media]["schema"]
    Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(body)
    if answer.status >= 400 and media == "application/problem+json":
        assert f"`{body['code']}`" in response["description"], f"{method} {path}: {answer.status} may be {body['code']}"


@pytest.mark.parametrize("example", STORY, ids=lambda example: example["name"])
def test_example_is_true(fresh_gateway, example):
    asked, told = example["request"], example["response"]
    body = asked.get("body", ...)
    if isinstance(body, str):
        body = body.encode()
    answer = fresh_gateway.request(asked["method"], asked["path"], body, asked.get("headers"))
    assert answer.status == told["status"], answer
    assert_documented(asked["method"], asked["path"], answer)
    for name, value in told.get("headers", {}).items():
        assert name in answer.headers, (name, dict(answer.headers))
        assert value == "*" or answer.headers[name] == str(value), (name, answer.headers[name])
    if "json" in told:
        assert_contains(json.loads(answer.body), told["json"], "$")
    if "text" in told:
        assert answer.body.decode() == told["text"]


def test_every_code_of_the_story_is_stable():
    told = {example["response"].get("json", {}).get("code") for example in STORY} - {None}
    assert told <= set(DOCUMENT["components"]["schemas"]["Problem"]["properties"]["code"]["enum"])


# The examples beside the operations: bodies, parameters and answers.


def beside():
    """(order, method, path, name, kind, part, example) of each example object, in the order in which they are run."""
    found, seen = [], set()

    def add(method, path, kind, part):
        for name, example in part.get("examples", {}).items():
            if id(example) not in seen:
                seen.add(id(example))
                # Layouts first, then what is created of them; what is written is not read again.
                order = {("put", "body"): 0, ("post", "body"): 1, ("patch", "body"): 3}.get((method, kind), 2)
                order = 3 if path == "/patch" else order
                found.append((order, method, path, name, kind, part, example))

    for method, path, operation in operations():
        for parameter in DOCUMENT["paths"][path].get("parameters", []) + operation.get("parameters", []):
            add(method, path, "parameter", resolved(parameter))
        for media in operation.get("requestBody", {}).get("content", {}).values():
            add(method, path, "body", media)
        for response in operation["responses"].values():
            for media in resolved(response).get("content", {}).values():
                add(method, path, "answer", media)
    return sorted(found, key=lambda entry: entry[0])


@pytest.fixture(scope="module")
def second_gateway():
    running = Gateway()
    yield running
    running.close()


def encoded(target):
    """A target as it is sent; in the document its query stands readable."""
    path, mark, query = target.partition("?")
    pairs = [pair.partition("=") for pair in query.split("&")] if mark else []
    return path + mark + "&".join(f"{name}={urllib.parse.quote(value, safe=':,')}" for name, _, value in pairs)


def with_parameter(target, parameter, value):
    """The target with a parameter: in its path, or behind what its query has already."""
    if parameter["in"] == "path":
        return encoded(target.replace("{" + parameter["name"] + "}", value))
    values = value if isinstance(value, list) else [value]
    pairs = value.items() if isinstance(value, dict) else [(parameter["name"], one) for one in values]
    return encoded(target + ("&" if "?" in target else "?") + "&".join(f"{name}={text}" for name, text in pairs))


def varying(example):
    """The value of an example, "*" in the places that differ from run to run."""
    value = copy.deepcopy(example["value"])
    for place in example.get("x-varies", []):
        *way, last = place.split(".")
        part = value
        for name in way:
            part = part[name]
        assert last in part
        part[last] = "*"
    return value


def title(entry):
    return " ".join([entry[1], entry[4], entry[5].get("name", ""), entry[3]])


@pytest.mark.parametrize("entry", beside(), ids=title)
def test_example_beside_an_operation_is_true(second_gateway, entry):
    _, method, path, _, kind, part, example = entry
    target = example.get("x-target", path)
    assert not re.search(r"\{(name|kind)\}", target), "an example of a path with a hole says where it belongs"
    Draft202012Validator({**part["schema"], "components": DOCUMENT["components"]}).validate(example["value"])
    if kind == "body":
        target = encoded(target)
        answer = second_gateway.request(method.upper(), target, json.dumps(example["value"]).encode(), JSON)
    elif kind == "parameter":
        method, target = "get", with_parameter(target, part, example["value"])
        answer = second_gateway.request("GET", target)
    else:
        method, target = "get", encoded(target)
        answer = second_gateway.request("GET", target)
        assert_contains(answer.json(), varying(example), "$", exactly=True)
    assert answer.status < 300, (target, answer)
    assert_documented(method, target, answer)


def assert_contains(got, expected, where, exactly=False):
    """Every member that the example names is there and equal, exactly: and no other; "*" stands for any value."""
    if expected == "*":
        return
    if isinstance(expected, dict):
        assert isinstance(got, dict), (where, got)
        assert not exactly or list(got) == list(expected), (where, list(got), list(expected))
        for key, value in expected.items():
            assert key in got, (where, key, got)
            assert_contains(got[key], value, f"{where}.{key}", exactly)
    elif isinstance(expected, list):
        assert isinstance(got, list) and len(got) == len(expected), (where, got, expected)
        for index, (one, other) in enumerate(zip(got, expected)):
            assert_contains(one, other, f"{where}[{index}]", exactly)
    else:
        assert got == expected and isinstance(got, bool) == isinstance(expected, bool), (where, got, expected)
