"""The description, /openapi.yaml, and the gateway say the same: schemathesis asks everything, and finds nothing."""

import os
import pathlib
import re
import subprocess
import sys

SEED = 20261125
EXAMPLES = 200
HERE = pathlib.Path(__file__).resolve().parent


def test_the_gateway_answers_as_its_description_says(own_gateway, tmp_path):
    gateway = own_gateway("--max-body", "16MiB", "--snapshot-memory", "256MiB")
    # What the examples of the description are about.
    gateway.create("prices", {"kind": "ndarray", "dtype": "f4", "shape": [3, 5]})
    columns = [{"name": "price", "dtype": "f8"}, {"name": "qty", "dtype": "i4"}]
    gateway.create("trades", {"kind": "dataframe", "columns": columns, "index": 4})
    gateway.create("temperature", {"kind": "series", "dtype": "f8", "index": ["a", "b", "c"]})
    address = f"http://127.0.0.1:{gateway.port}"
    words = [
        os.path.join(os.path.dirname(sys.executable), "schemathesis"), "--config-file", str(HERE / "schemathesis.toml"),
        "run", f"{address}/openapi.yaml", "--url", address, "--checks", "all", "--max-examples", str(EXAMPLES),
        "--seed", str(SEED), "--workers", "1", "--continue-on-failure", "--no-color",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    run = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=3600)
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-2_000:]
    selected, tested = re.search(r"Selected: (\d+)/\d+\s+Tested: (\d+)", run.stdout).groups()
    assert selected == tested and int(tested) >= 28, run.stdout[-3_000:]
    cases = re.search(r"([\d,]+) generated", run.stdout).group(1)
    print(f"schemathesis: seed {SEED}, {tested} operations, {EXAMPLES} examples each, {cases} requests, nothing found")
