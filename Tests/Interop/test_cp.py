"""`shmgate cp` between segments, of every layout, and from csv files."""

import io
import json
import os
import pty
import signal
import socket
import subprocess
import termios
import zlib

import numpy as np
import pandas as pd
import pytest
import shmgate as shm

from command_line import FRAME, ROWS, Line
from contract_cases import CASES, random_bytes
from contract_sides import Numpy, arrays_of
from gateway import await_that, binary


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
    ],
)
def test_csv_that_is_none(local, tmp_path, text, what):
    (tmp_path / "a.csv").write_bytes(text.encode(errors="surrogateescape"))
    done = subprocess.run([binary(), "cp", "a.csv", "a"], cwd=tmp_path, capture_output=True, env=local.environment)
    assert done.returncode == 65 and done.stderr.startswith(b"Error: a.csv: ") and what in done.stderr, done
    assert os.listdir(local.directory) == []


def test_csv_with_a_name_twice(line, tmp_path):
    """The gateway refuses it, as it does in any form."""
    (tmp_path / "a.csv").write_text("a,a\n1,2\n")
    line.run("cp", tmp_path / "a.csv", "a", status=65)


def test_wrong_usage(local, tmp_path):
    for wrong in (["a.npy", "a", "--index", "x"], ["a", "a.csv", "--no-header"], ["a.csv", "a", "--no-header", "--index", "x"]):
        local.run("cp", *wrong, status=64)


def interrupted(line, directory, prefix, *arguments):
    """Runs a command, and interrupts it as soon as there is something that it has not finished."""
    process = subprocess.Popen([binary(), *map(str, arguments)], env=line.environment)
    await_that(
        lambda: process.poll() is not None or any(prefix in name for name in os.listdir(directory)), f"{prefix} in {directory}"
    )
    process.send_signal(signal.SIGINT)
    # It may have been faster.
    return process.wait(60) != 0


def test_an_interruption_leaves_nothing_half_done(local, tmp_path):
    np.save(tmp_path / "in.npy", np.ones(8_000_000))
    local.run("cp", tmp_path / "in.npy", "a")
    while not interrupted(local, tmp_path, ".part", "cp", "a", tmp_path / "out.npy"):
        os.unlink(tmp_path / "out.npy")
    assert os.listdir(tmp_path) == ["in.npy"]
    while not interrupted(local, local.directory, ".shmgate-tmp-", "cp", tmp_path / "in.npy", "b"):
        local.run("rm", "b")
    assert os.listdir(local.directory) == ["a"]
    while not interrupted(local, local.directory, ".shmgate-journal-", "set", "a", f"@{tmp_path}/in.npy"):
        pass
    # A write that has begun is finished by whoever comes next.
    local.run("set", "a", "--slice", "0", "1")
    assert os.listdir(local.directory) == ["a"] and set(np.unique(shm.load("a", directory=local.directory))) == {1}
    (tmp_path / "saved").mkdir()
    while not interrupted(local, tmp_path / "saved", ".part", "save", tmp_path / "saved"):
        os.unlink(tmp_path / "saved" / "a")
    assert os.listdir(tmp_path / "saved") == []


def test_nohup_is_obeyed(local, tmp_path):
    """A signal that is ignored stays so."""
    local.run("create", "a", "--layout", '{"kind": "ndarray", "dtype": "f8", "shape": [3]}')
    process = subprocess.Popen(
        ["nohup", binary(), "watch", "a", "--count", "1"], env=local.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    await_that(lambda: open(f"/proc/{process.pid}/comm").read() == "shmgate\n", "the command")
    await_that(lambda: "shmgate-signals" in threads(process), "the thread that takes signals")
    process.send_signal(signal.SIGHUP)
    await_that(lambda: local.run("set", "a", 1) == b"" and process.poll() is not None, "the end")
    assert process.returncode == 0


def threads(process):
    """The names of the threads of a process."""
    directory = f"/proc/{process.pid}/task"
    return [open(f"{directory}/{number}/comm").read().strip() for number in os.listdir(directory)]


def test_what_takes_long_shows_how_far_it_is(tmp_path):
    """On a terminal only."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        leader, follower = pty.openpty()
        termios.tcsetwinsize(follower, (24, 90))
        # A line that wraps could not be taken away.
        name = tmp_path / f"{'long' * 30}.npy"
        process = subprocess.Popen(
            [binary(), "cp", "a" * 120, name, "--url", f"http://127.0.0.1:{server.getsockname()[1]}"], stderr=follower
        )
        os.close(follower)
        os.set_blocking(leader, False)
        shown = []

        def is_shown():
            peer.sendall(b"x" * 1000)
            shown.append(b"x" * 1000)
            try:
                shown[0] += os.read(leader, 65536)
            except BlockingIOError:
                pass
            return b" % of 9.5 MiB" in shown[0]

        peer, _ = server.accept()
        with peer:
            peer.recv(65536)
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n")
            shown.append(b"")
            await_that(is_shown, "the bar", every=0.05)
            peer.sendall(b"x" * (10_000_000 - 1000 * (len(shown) - 1)))
            assert process.wait(60) == 0
    os.set_blocking(leader, True)
    shown[0] += os.read(leader, 65536)
    os.close(leader)
    assert shown[0].endswith(b"\r\x1b[K") and os.path.getsize(name) == 10_000_000
    assert all(len(state) < 90 for state in shown[0].decode().split("\r\x1b[K"))


def test_a_name_that_is_taken_is_told_before_the_body_is_sent(own_gateway):
    gateway = own_gateway()
    gateway.create("a", {"kind": "bytes", "size": 1})

    def answer(name, *fields, type="application/x-npy", query=""):
        with socket.create_connection(("127.0.0.1", gateway.port)) as client:
            head = [f"PUT /segments/{name}{query} HTTP/1.1", "Host: localhost", f"Content-Type: {type}", *fields]
            client.sendall("\r\n".join([*head, "Content-Length: 9999999", "Expect: 100-continue", "", ""]).encode())
            return int(client.makefile("rb").readline().split()[1])

    assert answer("a") == 409
    assert answer("b") == 100
    assert answer("a", query="?replace=true") == 100
    # These are judged when all is known.
    assert answer("a", "If-Match: *") == 100 and answer("a", "If-None-Match: *") == 100
    assert answer("a", type="application/json") == 100
