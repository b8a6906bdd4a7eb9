"""The README's examples, in their order."""

import pathlib
import re

import gateway as gateways

README = pathlib.Path(__file__).resolve().parents[1] / "README.md"


def test_examples(directory, monkeypatch, capsys):
    running = gateways.Gateway(directory)
    monkeypatch.setenv("SHMGATE_URL", running.url)
    try:
        names = {"__name__": "readme"}
        blocks = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.M | re.S)
        assert len(blocks) == 7
        for block in blocks:
            exec(compile(block, str(README), "exec"), names)
    finally:
        running.close()
    assert capsys.readouterr().out.split("\n")[:-1] == ["2.5", "None", "['array', 'book', 'both', 'frame']"]
    shm = names["shm"]
    assert shm.load("frame").to_dict("list") == {"a": [3.0, 5.0], "b": [1, 7]}
    assert shm.load("array").loc[2, "b"] == 7
    assert shm.load("both")["weights"].tolist() == [0, 0, 0]
