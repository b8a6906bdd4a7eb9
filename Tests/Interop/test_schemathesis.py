"""The description, /openapi.yaml, and the gateway say the same: schemathesis asks everything, and finds nothing."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

SEED = 20261125
EXAMPLES = 200
HERE = pathlib.Path(__file__).resolve().parent


@pytest.mark.parametrize("token, examples", [(None, EXAMPLES), ("secret", EXAMPLES // 4)])
def test_the_gateway_answers_as_its_description_says(own_gateway, tmp_path, token, examples):
    (tmp_path / "tokens").write_text("all plain:secret read,write,create,unlink,admin *\n")
    flags = ["--tokens", str(tmp_path / "tokens")] if token else []
    gateway = own_gateway("--max-body", "16MiB", "--snapshot-memory", "256MiB", *flags)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    # What the examples of the description are about.
    layouts = {
        "prices": {"kind": "ndarray", "dtype": "f4", "shape": [3, 5]},
        "trades": {"kind": "dataframe", "columns": [{"name": "price", "dtype": "f8"}, {"name": "qty", "dtype": "i4"}], "index": 4},
        "temperature": {"kind": "series", "dtype": "f8", "index": ["a", "b", "c"]},
    }
    for name, layout in layouts.items():
        answer = gateway.request("POST", "/segments", {"name": name, "layout": layout}, headers)
        assert answer.status == 201, answer
    address = f"http://127.0.0.1:{gateway.port}"
    words = [
        os.path.join(os.path.dirname(sys.executable), "schemathesis"), "--config-file", str(HERE / "schemathesis.toml"),
        "run", f"{address}/openapi.yaml", "--url", address, "--checks", "all", "--max-examples", str(examples),
        # A stream that is granted has no end, and schemathesis waits for it.
        "--exclude-operation-id", "watchSegment", "--exclude-operation-id", "watchAll",
        "--seed", str(SEED), "--workers", "1", "--continue-on-failure", "--no-color",
        *(["--header", f"Authorization: Bearer {token}"] if token else []),
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    run = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=3600)
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-2_000:]
    selected, tested = re.search(r"Selected: (\d+)/\d+\s+Tested: (\d+)", run.stdout).groups()
    assert selected == tested and int(tested) >= 29, run.stdout[-3_000:]
    cases = re.search(r"([\d,]+) generated", run.stdout).group(1)
    print(f"schemathesis: seed {SEED}, {tested} operations, {examples} examples each, {cases} requests, nothing found")
