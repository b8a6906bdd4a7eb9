"""`shmgate cp` between segments, of every layout, and from csv files."""

import io
import json
import os
import subprocess
import zlib

import numpy as np
import pandas as pd
import pytest
import shmgate as shm

from command_line import FRAME, ROWS, Line
from contract_cases import CASES, random_bytes
from contract_sides import Numpy, arrays_of
from gateway import binary


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_copy_is_the_same(local, case):
    local.run("create", "a", "--layout", json.dumps(case.layout), "--attrs", json.dumps(case.attrs))
    side = Numpy(local.directory)
    header = side.header("a")
    random = np.random.default_rng(zlib.crc32(case.name.encode()))
    places = {buffer["path"]: buffer["offset"] for buffer in header["buffers"]}
    with open(os.path.join(local.directory, "a"), "r+b") as file:
        for array in arrays_of(header["layout"]):
            data = random_bytes(random, array)
            if array.tz == "Europe/Berlin":
                # From 1970 on: before 1893 its offsets had seconds, which instants in JSON leave out.
                data = np.abs(np.frombuffer(data, "i8")).tobytes()
            file.seek(places[array.path])
            file.write(data)
    local.run("cp", "a", "b")
    assert side.read("b") == side.read("a")


def test_a_layout_of_ones_own_is_copied_as_what_it_stands_for(own_gateway):
    gateway = own_gateway()
    pair = {"kind": "struct", "members": {"a": {"kind": "series", "dtype": "f8", "index": ["x", "y"]}}}
    assert gateway.request("PUT", "/layouts/pair", {"layout": pair}).status in (200, 201)
    line = Line(gateway.directory, gateway.urls[0])
    line.run("create", "a", "--layout", '{"kind": "pair"}', "--fill", "2")
    line.run("cp", "a", "b")
    assert line.json("get", "b/members/a", "--sel", "index=y")["data"] == 2.0


TABLE = '''count,"large ""one""",price,ok,day,at,who,none
1,18446744073709551615,1.5,true,2024-01-01,2024-01-01T00:00:00Z,x,
-2,0,NaN,False,,2024-06-01 12:00:00+02:00,"q ""u"",
 ü",NA

 3 ,1,-inf,TRUE,2024-01-01 10:20:30.5,null,,
'''


def test_csv_becomes_what_pandas_reads(line, tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf" + TABLE.replace("\n", "\r\n").replace(",\r\n ü", ",\n ü").encode())
    line.run("cp", tmp_path / "a.csv", "a")
    made = shm.load("a", directory=line.directory)
    read = pd.read_csv(io.StringIO(TABLE))
    texts = read.pop("who").fillna("")
    assert made.pop("who").str.decode("utf-8").tolist() == texts.tolist()
    read["day"] = pd.to_datetime(read["day"], format="ISO8601").dt.as_unit("ns")
    read["at"] = pd.to_datetime(read["at"], format="ISO8601", utc=True).dt.as_unit("ns")
    pd.testing.assert_frame_equal(made[read.columns], read, check_index_type=False)


def test_labels_of_csv(line, tmp_path):
    frame = pd.DataFrame({"v": [1.5, 2.5]}, index=["a", "b"])
    frame.to_csv(tmp_path / "texts.csv")
    line.run("cp", tmp_path / "texts.csv", "texts")
    assert line.json("get", "texts", "--sel", "index=b")["data"] == [2.5]
    frame.reset_index(drop=True).to_csv(tmp_path / "range.csv")
    line.run("cp", tmp_path / "range.csv", "range")
    assert line.json("ls", "range", "--json")[0]["layout"]["index"] == {"range": [0, 2, 1]}
    frame.set_index(pd.DatetimeIndex(["2024-01-30", "2024-02-01"], name="time")).to_csv(tmp_path / "dates.csv")
    line.run("cp", tmp_path / "dates.csv", "dates", "--index", "time")
    assert line.json("get", "dates", "--sel", "index=2024-02")["data"] == [[2.5]]
    line.run("cp", tmp_path / "dates.csv", "plain")
    assert line.json("get", "plain")["columns"] == ["time", "v"]
    line.run("cp", tmp_path / "dates.csv", "plain", "--replace", "--index", "none", status=65)


def test_a_segment_goes_through_csv(line, tmp_path):
    line.run("create", "frame", "--layout", json.dumps(FRAME), "--data", json.dumps(ROWS))
    line.run("cp", "frame", tmp_path / "frame.csv")
    line.run("cp", tmp_path / "frame.csv", "again")
    assert line.json("get", "again") == line.json("get", "frame")
    for name, array in {"one": np.array([1.5, np.nan, -np.inf]), "two": np.arange(6).reshape(2, 3), "bool": np.array([[True, False]])}.items():
        np.save(tmp_path / "a.npy", array)
        line.run("cp", tmp_path / "a.npy", name)
        line.run("cp", name, tmp_path / "a.csv")
        line.run("cp", tmp_path / "a.csv", f"{name}-again", "--no-header")
        assert line.json("get", f"{name}-again") == line.json("get", name)


@pytest.mark.parametrize(
    "text, what",
    [
        ("a,b\n1\n", b"line 2: expected 2 fields, got 1"),
        ('a,b\n1,"x\n', b"line 2: expected the end of a field"),
        ('a,b\n"x\ny",1\n1,"x"y\n', b"line 4: expected the end of a field"),
        ("", b"expected a line of names"),
        ("a\n\udcff\n", b"expected UTF-8"),
        ("a,a\n1,2\n", b"occurs twice"),
    ],
)
def test_csv_that_is_none(local, tmp_path, text, what):
    (tmp_path / "a.csv").write_bytes(text.encode(errors="surrogateescape"))
    done = subprocess.run([binary(), "cp", "a.csv", "a"], cwd=tmp_path, capture_output=True, env=local.environment)
    assert done.returncode == 65 and done.stderr.startswith(b"Error: a.csv: ") and what in done.stderr, done
    assert os.listdir(local.directory) == []


def test_wrong_usage(local, tmp_path):
    for wrong in (["a.npy", "a", "--index", "x"], ["a", "a.csv", "--no-header"], ["a.csv", "a", "--no-header", "--index", "x"]):
        local.run("cp", *wrong, status=64)
