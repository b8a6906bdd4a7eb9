"""The command line, on a directory by itself and against a gateway: every command, its output and its exit status."""

import io
import json
import os
import pty
import select
import socket
import subprocess
import unicodedata

import numpy as np
import pandas as pd
import pytest
import shmgate as shm

from command_line import FRAME, ROWS, Line
from gateway import binary


def test_a_segment_from_its_creation_to_its_end(line):
    layout = '{"kind": "ndarray", "dtype": "float32", "shape": [3, 2]}'
    assert line.run("create", "prices", "--layout", layout, "--fill", 1.5) == b""
    assert line.run("set", "prices", "--slice", "1", "[7, 8]") == b""
    array = json.loads(line.run("get", "prices"))
    assert array["data"] == [[1.5, 1.5], [7.0, 8.0], [1.5, 1.5]]
    assert line.run("get", "prices", "--slice", "1", "--format", "csv") == b"7.0\n8.0\n"
    assert np.array_equal(np.load(io.BytesIO(line.run("get", "prices", "-f", "npy"))), np.array(array["data"], "f4"))
    assert line.run("get", "prices", "-f", "raw") == np.array(array["data"], "<f4").tobytes()
    # The bytes are those that local programs map.
    assert shm.load("prices", directory=line.directory)[1].tolist() == [7, 8]
    listed = line.json("ls", "--json")
    assert [item["name"] for item in listed] == ["prices"] and listed[0]["sequence"] == 4
    assert line.run("rm", "prices") == b""
    assert line.json("ls", "--json") == []


def test_create_has_every_member(line, tmp_path):
    (tmp_path / "layout.json").write_text(json.dumps(FRAME))
    (tmp_path / "data.json").write_text(json.dumps(ROWS))
    made = line.json(
        *("create", "quotes", "--layout", f"@{tmp_path}/layout.json", "--data", f"@{tmp_path}/data.json", "--json"),
        *("--attrs", '{"big": 12345678901234567890123}', "--mode", "0640", "--ttl", "600", "--pinned", "--readonly"),
    )
    assert made["mode"] == "0640" and made["pinned"] and made["expires"]
    assert made["attrs"]["big"] == pytest.approx(1.2345678901234568e22)
    line.run("set", "quotes/columns/price", "0", status=77)
    line.run("create", "quotes", "--layout", '{"kind": "bytes", "size": 4}', status=73)
    line.run("create", "quotes", "--layout", '{"kind": "bytes", "size": 4}', "--replace")
    line.run("create", "x", "--layout", "{", status=65)
    line.run("create", "x", "--layout", '{"kind": "nothing"}', status=65)
    line.run("create", "a/b", "--layout", '{"kind": "bytes", "size": 4}', status=65)
    line.run("create", "x", "--layout", f"@{tmp_path}/none", status=66)
    line.run("create", "x", status=64)


def test_parts_by_label_condition_and_member(line):
    line.run("create", "quotes", "--layout", json.dumps(FRAME), "--data", json.dumps(ROWS))
    assert line.json("get", "quotes", "--where", "price>1.5")["index"] == ["b"]
    assert line.json("get", "quotes", "--columns", "side", "--sel", "index=a..b")["data"] == [["buy"], ["sell"]]
    assert line.json("get", "quotes/columns/price", "--sel", "index=b")["data"] == 2.5
    line.run("set", "quotes/columns/price", "--sel", "index=c", "9")
    line.run("set", "quotes", "--where", "price>5", "--columns", "side", '"none"')
    frame = pd.read_csv(io.BytesIO(line.run("get", "quotes", "-f", "csv")), index_col=0)
    assert frame["price"].tolist() == [1.5, 2.5, 9.0] and frame["side"].tolist() == ["buy", "sell", "none"]
    line.run("get", "quotes", "--sel", "index", status=64)
    line.run("get", "quotes", "--sel", "index=z", status=65)
    line.run("get", "quotes/columns/none", status=66)
    line.run("get", "none", status=66)
    line.run("get", "quotes", "--format", "xml", status=65)


def test_names_with_everything_a_url_minds(line):
    columns = [{"name": "a b&c=ü?#", "dtype": "i4"}]
    line.run("create", "odd", "--layout", json.dumps({"kind": "dataframe", "columns": columns, "index": ["x&y", "z=1+2"]}))
    line.run("set", "odd/columns/a b&c=ü?#", "--sel", "index=z=1+2", "5")
    assert line.json("get", "odd", "--where", '"a b&c=ü?#"==5')["index"] == ["z=1+2"]
    assert line.json("get", "odd/columns/a%20b&c=ü?#")["data"] == [0, 5]


def test_values_from_files_and_standard_input(line, tmp_path):
    line.run("create", "a", "--layout", '{"kind": "ndarray", "dtype": "i8", "shape": [3]}')
    line.run("set", "a", "-", input=b"[1, 2, 3]")
    assert line.json("get", "a")["data"] == [1, 2, 3]
    np.save(tmp_path / "a.npy", np.array([4, 5, 6]))
    line.run("set", "a", f"@{tmp_path}/a.npy")
    assert line.json("get", "a")["data"] == [4, 5, 6]
    (tmp_path / "a.json").write_text("7")
    tag = line.json("set", "a", f"@{tmp_path}/a.json", "--json")["etag"]
    line.run("set", "a", "8", "--if-match", tag)
    line.run("set", "a", "9", "--if-match", tag, status=73)
    line.run("set", "a", "1.5", status=65)
    line.run("set", "a", "[1, 2]", status=65)
    assert line.json("get", "a")["data"] == [8, 8, 8]


def test_negative_numbers_are_values(line):
    """And no options."""
    line.run("create", "a", "--layout", '{"kind": "ndarray", "dtype": "f8", "shape": [3]}', "--fill", "-3")
    line.run("set", "a", "--slice", "-1", "-0.5")
    line.run("set", "a", "-7", "--slice", "-3:-2")
    assert line.json("get", "a", "--slice", "-3:")["data"] == [-7.0, -3.0, -0.5]
    line.run("set", "a", "--slcie", "-1", "5", status=64)
    line.run("set", "a", "5", "-6", status=64)
    line.run("set", "a", "-x", status=65)
    line.run("get", "a", "--slice", status=64)
    assert line.json("get", "a")["data"] == [-7.0, -3.0, -0.5]


def test_ls_shows_what_matters(line):
    line.run("create", "feed-a", "--layout", '{"kind": "ndarray", "dtype": "f4", "shape": [1000, 20]}', "--pinned")
    line.run("create", "feed-b", "--layout", json.dumps(FRAME), "--ttl", "600")
    line.run("create", "other", "--layout", '{"kind": "json", "value": {"a": 1}}')
    line.run("create", "pairs", "--layout", '{"kind": "ndarray", "dtype": [["x", "f4"], ["y", "i4"]], "shape": [7]}')
    with open(os.path.join(line.directory, "broken"), "wb") as broken:
        broken.write(b"SHMGATE\0" + bytes(100))
    rows = line.run("ls").decode().splitlines()
    assert rows[0].split()[:5] == ["NAME", "KIND", "DTYPE", "SHAPE", "SIZE"]
    assert rows[1].split() == ["broken", "corrupt", "0", "B", "0", "corrupt"]
    assert "1000×20" in rows[2] and "<f4" in rows[2] and "88 KiB" in rows[2] and rows[2].endswith("pinned")
    assert "2 columns" in rows[3] and rows[3].endswith("expires")
    assert rows[5].split()[:5] == ["pairs", "ndarray", "2", "fields", "7"]
    assert not any(row.endswith(" ") for row in rows)
    assert line.run("ls", "--names", "feed-") == b"feed-a\nfeed-b\n"
    assert [item["name"] for item in line.json("ls", "feed-b", "--json")] == ["feed-b"]


def test_ls_of_more_than_a_page(line):
    line.run("create", "s0000", "--layout", '{"kind": "bytes", "size": 1}')
    data = open(os.path.join(line.directory, "s0000"), "rb").read()
    for number in range(1, 2_001):
        with open(os.path.join(line.directory, f"s{number:04}"), "wb") as file:
            file.write(data)
    assert line.run("ls", "--names").decode().split() == [f"s{number:04}" for number in range(2_001)]


def test_show(line):
    line.run("create", "wave", "--layout", '{"kind": "series", "dtype": "f8", "name": "height", "index": 1000}')
    wave = np.sin(np.arange(1000) / 50)
    wave[500] = 40
    line.run("set", "wave/values", "-", input=json.dumps(wave.tolist()).encode())
    text = line.run("show", "wave", "--rows", "3").decode()
    assert "wave series  <f8  1000" in text and "┌───┬" in text and text.count("\n│ ") == 4
    spark = text.splitlines()[-1]
    assert spark.startswith("height ") and spark.count("█") == 1 and len(spark) <= 80
    both = line.json("show", "wave", "--json")
    assert both["stats"]["max"] == 40 and both["description"]["name"] == "wave"
    line.run("create", "quotes", "--layout", json.dumps(FRAME), "--data", json.dumps(ROWS), "--attrs", '{"unit": "EUR"}')
    text = line.run("show", "quotes").decode()
    assert "│ a │   1.5 │  buy │" in text and "price" in text and '{"unit":"EUR"}' in text
    for name, layout in (
        ("cube", '{"kind": "ndarray", "dtype": "i2", "shape": [2, 3, 4]}'),
        ("one", '{"kind": "ndarray", "dtype": "?", "shape": []}'),
        ("none", '{"kind": "ndarray", "dtype": "f8", "shape": [0]}'),
        ("settings", '{"kind": "json", "value": {"deep": [1, 2]}}'),
        ("raw", '{"kind": "bytes", "size": 16}'),
        ("both", '{"kind": "struct", "members": {"a": {"kind": "bytes", "size": 4}, "b": {"kind": "json", "value": 1}}}'),
    ):
        line.run("create", name, "--layout", layout)
        assert name in line.run("show", name).decode()
    assert '{"deep":[1,2]}' in line.run("show", "settings").decode()
    line.run("show", "nobody", status=66)


def test_boxes_are_straight_whatever_stands_in_them(line):
    columns = [{"name": name, "dtype": "S60"} for name in ("中文", "e\u0301", "😀")]
    line.run("create", "a", "--layout", json.dumps({"kind": "dataframe", "columns": columns, "index": ["한국", "x"]}))
    line.run("set", "a", json.dumps([["中" * 20, "a", ""], ["ü", "日本", "x" * 60]]))
    box = [text for text in line.run("show", "a").decode().splitlines() if text.startswith(tuple("┌├│└"))]
    widths = {
        sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text) for text in box
    }
    assert len(box) == 6 and len(widths) == 1 and widths.pop() <= 80, "\n".join(box)


def test_show_obeys_no_escape_of_a_stranger(line):
    line.run("create", "evil", "--layout", '{"kind": "series", "dtype": "S12", "index": ["a\\u001b[31m"]}', "--fill", '"\\u001b]0;x\\u0007"')
    column = {"name": "\u001b]0;x\u0007\u009b31m", "dtype": "S4"}
    line.run("create", "worse", "--layout", json.dumps({"kind": "dataframe", "columns": [column], "index": 1}), "--attrs", json.dumps({"\u009b": "\u009b"}))
    for name in ("evil", "worse"):
        shown = line.run("show", name).decode()
        assert not set("\x1b\x07\x9b") & set(shown), shown
    done = subprocess.run([binary(), "get", "evil", "--sel", "index=\x9b31m"], capture_output=True, env=line.environment)
    assert done.returncode == 65 and "31m" in done.stderr.decode() and "\x9b" not in done.stderr.decode()


def test_rm_goes_on_and_tells(line):
    for name in "abc":
        line.run("create", name, "--layout", '{"kind": "bytes", "size": 1}')
    line.run("rm", "a", "none", "c", status=66)
    assert line.run("ls", "--names") == b"b\n"
    line.run("rm", status=64)


def test_cp_into_files_and_back(line, tmp_path):
    array = np.random.default_rng(3).normal(size=(400, 700))
    np.save(tmp_path / "in.npy", array)
    line.run("cp", tmp_path / "in.npy", "a")
    line.run("cp", "a", tmp_path / "out.npy")
    assert np.array_equal(np.load(tmp_path / "out.npy"), array)
    assert sorted(os.listdir(tmp_path)) == ["in.npy", "out.npy"]
    line.run("cp", tmp_path / "in.npy", "a", status=73)
    line.run("cp", tmp_path / "in.npy", "a", "--replace")
    line.run("cp", "a", "b")
    assert line.json("get", "b", "--slice", "399,699")["data"] == array[-1, -1]

    line.run("create", "frame", "--layout", json.dumps(FRAME), "--data", json.dumps(ROWS))
    line.run("cp", "frame", tmp_path / "frame.arrow")
    assert pd.read_feather(tmp_path / "frame.arrow")["price"].tolist()[:2] == [1.5, 2.5]
    line.run("cp", tmp_path / "frame.arrow", "again")
    assert line.json("get", "again")["data"] == ROWS["data"]
    line.run("cp", "frame", "twin")
    line.run("cp", "frame", tmp_path / "frame.csv")
    assert pd.read_csv(tmp_path / "frame.csv", index_col=0)["side"].tolist() == ["buy", "sell", "buy"]
    (tmp_path / "new.json").write_text(json.dumps({"layout": FRAME, "data": ROWS}))
    line.run("cp", tmp_path / "new.json", "made")
    assert line.json("get", "made")["data"] == ROWS["data"]
    line.run("cp", tmp_path / "in.npy", tmp_path / "x.npy", status=64)
    line.run("cp", "frame", tmp_path / "frame.txt", status=64)
    line.run("cp", tmp_path / "none.npy", "x", status=66)
    line.run("cp", "none", tmp_path / "none.npy", status=66)
    assert not (tmp_path / "none.npy").exists()
    line.run("cp", "a", tmp_path / "no" / "a.npy", status=66)
    (tmp_path / "bad.npy").write_bytes(b"nothing")
    line.run("cp", tmp_path / "bad.npy", "x", status=65)


def test_large_bodies_ask_first(line, tmp_path):
    """A refusal comes before tens of megabytes are sent."""
    np.save(tmp_path / "large.npy", np.arange(4_000_000.0))
    line.run("cp", tmp_path / "large.npy", "a")
    line.run("cp", "a", tmp_path / "out.npy")
    assert np.array_equal(np.load(tmp_path / "out.npy"), np.arange(4_000_000.0))
    line.run("cp", tmp_path / "large.npy", "a", status=73)


def test_a_file_that_was_there_stays_until_the_new_one_is_whole(line, tmp_path):
    (tmp_path / "a.npy").write_text("mine")
    line.run("cp", "none", tmp_path / "a.npy", status=66)
    assert (tmp_path / "a.npy").read_text() == "mine"
    line.run("get", "none", "--output", tmp_path / "a.npy", status=66)
    assert (tmp_path / "a.npy").read_text() == "mine" and os.listdir(tmp_path) == ["a.npy"]


def test_save_and_restore(local, tmp_path):
    line, target = local, tmp_path / "backup"
    line.run("create", "array", "--layout", '{"kind": "ndarray", "dtype": "f8", "shape": [1000]}', "--mode", "0640")
    line.run("set", "array", "-", input=json.dumps(np.arange(1000.0).tolist()).encode())
    line.run("create", "frame", "--layout", json.dumps(FRAME), "--data", json.dumps(ROWS), "--attrs", '{"a": 1}', "--readonly")
    nested = {"kind": "struct", "members": {"l": {"kind": "list", "item": FRAME, "count": 3}, "j": {"kind": "json", "value": [1]}}}
    line.run("create", "nested", "--layout", json.dumps(nested))
    open(os.path.join(line.directory, "no-segment"), "w").close()
    assert line.run("save", target).decode().startswith("saved 3 segments, ")
    assert sorted(os.listdir(target)) == ["array", "frame", "nested"]
    before = {item["name"]: item for item in line.json("ls", "--json")}
    line.run("rm", "array", "frame", "nested")
    assert line.run("restore", target).decode().startswith("restored 3 segments, ")
    for item in line.json("ls", "--json"):
        old = before[item["name"]]
        for same in ("layout", "attrs", "mode", "nbytes", "size", "kind"):
            assert item[same] == old[same], (item["name"], same)
        assert item["uuid"] != old["uuid"]
    assert line.json("get", "array")["data"] == list(range(1000))
    assert line.json("get", "frame")["data"] == ROWS["data"]
    line.run("set", "frame", "--columns", "price", "1", status=77)
    # A saved segment is one that any program can map, also where it lies.
    mapped = np.memmap(target / "array", "f8", "r", offset=before["array"]["mmap"]["buffers"][0]["offset"], shape=1000)
    assert mapped.sum() == 499_500

    line.run("restore", target, status=73)
    line.run("set", "array", "0")
    line.run("restore", target, "array", "--replace")
    assert line.json("get", "array", "--slice", "7")["data"] == 7
    line.run("rm", "nested")
    assert line.json("restore", target, "nested", "--json") == [{"name": "nested", "bytes": before["nested"]["size"]}]
    (target / "array").write_bytes(b"SHMGATE\0" + bytes(300))
    (target / "frame").write_bytes((target / "frame").read_bytes()[:5000])
    line.run("restore", target, "array", "--replace", status=65)
    line.run("restore", target, "frame", "--replace", status=65)
    assert line.json("get", "array", "--slice", "7")["data"] == 7
    line.run("restore", target, "none", status=66)
    line.run("save", target, "none", status=66)


def test_what_has_expired_is_not_restored(local, tmp_path):
    local.run("create", "short", "--layout", '{"kind": "bytes", "size": 4}', "--ttl", "0.2")
    local.run("create", "long", "--layout", '{"kind": "bytes", "size": 4}', "--ttl", "3000")
    local.run("save", tmp_path)
    local.run("rm", "short", "long")
    while json.loads(local.run("restore", tmp_path, "--json", "--replace")) != [{"name": "long", "bytes": 12288}]:
        pass  # until the short one's time is over
    assert local.json("ls", "long", "--json")[0]["expires"]


def test_a_save_beside_a_writer_is_of_one_moment(local, tmp_path):
    """All elements are the same in each state, and so in each file that was saved."""
    local.run("create", "a", "--layout", '{"kind": "ndarray", "dtype": "i8", "shape": [200000]}')
    program = (
        "import sys, shmgate as shm\n"
        "number = 0\n"
        "print('go', flush=True)\n"
        "while True:\n"
        "    number += 1\n"
        "    with shm.write('a', directory=sys.argv[1]) as array:\n"
        "        array[:] = number\n"
    )
    writer = subprocess.Popen(["python3", "-c", program, local.directory], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(shm.__file__))})
    try:
        assert writer.stdout.readline() == b"go\n"
        seen = set()
        for _ in range(20):
            local.run("save", tmp_path, "a")
            values = np.fromfile(tmp_path / "a", "i8", offset=8192, count=200_000)
            assert (values == values[0]).all()
            seen.add(int(values[0]))
        assert len(seen) > 1
    finally:
        writer.kill()
        writer.wait()
        writer.stdout.close()


def test_a_token_and_a_gateway_that_is_not_there(own_gateway, tmp_path):
    (tmp_path / "tokens").write_text("a plain:sesame read,create a-\n")
    gateway = own_gateway("--tokens", str(tmp_path / "tokens"))
    line = Line("/nowhere", gateway.urls[0])
    line.run("ls", status=77)
    line.run("create", "a-1", "--layout", '{"kind": "bytes", "size": 1}', SHMGATE_TOKEN="sesame")
    assert line.run("ls", "--names", SHMGATE_TOKEN="sesame") == b"a-1\n"
    line.run("rm", "a-1", status=77, SHMGATE_TOKEN="sesame")
    line.run("get", "b", status=66, SHMGATE_TOKEN="sesame")
    # Refused before the body is sent: what comes behind a refusal would be answered with a reset.
    np.save(tmp_path / "large.npy", np.zeros(5_000_000))
    line.run("cp", tmp_path / "large.npy", "b-1", status=77, SHMGATE_TOKEN="sesame")
    line.run("ls", "--url", "http://127.0.0.1:1", status=69)
    line.run("ls", "--url", "ftp://x", status=64)
    Line("/nowhere").run("ls", status=66)


def test_a_gateway_is_called_by_the_address_that_was_given():
    """A proxy may have several under one address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for host, said in (("0.0.0.0", f"0.0.0.0:{port}"), ("127.0.0.1", f"localhost:{port}")):
            process = subprocess.Popen([binary(), "ls", "--url", f"http://{host}:{port}"], stdout=subprocess.PIPE)
            peer, _ = server.accept()
            with peer, peer.makefile("rb") as request:
                assert f"Host: {said}\r\n".encode() in list(iter(request.readline, b"\r\n"))
                peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b'{"segments":[]}')
            assert process.communicate(timeout=60)[0].startswith(b"NAME") and process.returncode == 0


def on_a_terminal(arguments, environment):
    """What a command writes to a terminal of 60 columns."""
    leader, follower = pty.openpty()
    process = subprocess.Popen([binary(), *arguments], stdout=follower, stderr=follower, env=environment)
    os.close(follower)
    text = b""
    while select.select([leader], [], [], 60)[0]:
        try:
            piece = os.read(leader, 65_536)
        except OSError:
            break
        if not piece:
            break
        text += piece
    os.close(leader)
    process.wait(timeout=60)
    return text.decode()


def test_colours_are_for_terminals(local):
    local.run("create", "a", "--layout", '{"kind": "ndarray", "dtype": "i4", "shape": [3]}')
    plain = {key: value for key, value in local.environment.items() if key != "NO_COLOR"} | {"TERM": "xterm"}
    assert "\x1b[" in on_a_terminal(["ls"], plain) and "\x1b[" in on_a_terminal(["show", "a"], plain)
    assert "\x1b[" not in on_a_terminal(["ls"], plain | {"NO_COLOR": "1"})
    assert "\x1b[" not in on_a_terminal(["ls"], plain | {"TERM": "dumb"})
    assert b"\x1b[" not in subprocess.run([binary(), "ls"], capture_output=True, env=plain).stdout
    assert "name a file with --output" in on_a_terminal(["get", "a", "-f", "npy"], plain).replace("\r\n", " ")


def test_who_has_read_enough_hangs_up(local):
    local.run("create", "a", "--layout", '{"kind": "ndarray", "dtype": "f8", "shape": [2000000]}')
    command = f"set -o pipefail; {binary()} get a -f csv | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, env=local.environment, timeout=120)
    assert done.returncode == 0 and done.stdout == b"0.0\n" and done.stderr == b"", done


def test_a_command_changes_nothing_that_it_was_not_asked_for(local):
    """No names are given back, and nothing is ended, by a look."""
    local.run("create", "gone", "--layout", '{"kind": "bytes", "size": 4}', "--pinned")
    local.run("create", "over", "--layout", '{"kind": "bytes", "size": 4}', "--ttl", "0.001")
    os.unlink(os.path.join(local.directory, "gone"))
    assert local.run("ls", "--names") == b"over\n"
    assert os.path.exists(os.path.join(local.directory, "over"))


def test_json_everywhere(line, tmp_path):
    layout = '{"kind": "ndarray", "dtype": "f8", "shape": [3]}'
    assert line.json("create", "a", "--layout", layout, "--json")["name"] == "a"
    assert line.json("cp", "a", "b", "--json")["name"] == "b"
    assert line.json("cp", "a", tmp_path / "a.npy", "--json") == {"path": f"{tmp_path}/a.npy", "bytes": 152}
    assert line.json("cp", tmp_path / "a.npy", "c", "--json")["layout"]["shape"] == [3]
    assert set(line.json("set", "a", "1", "--json")) == {"etag"}
    assert [item["name"] for item in line.json("ls", "--json")] == ["a", "b", "c"]
    assert set(line.json("show", "a", "--json")) == {"description", "stats"}
    assert line.json("get", "a")["data"] == [1.0, 1.0, 1.0]
    # What was done before a failure is told.
    assert line.json("rm", "none", "a", "b", "--json", status=66) == ["a", "b"]


def test_what_cannot_be_read_or_written(local, tmp_path):
    local.run("create", "a", "--layout", '{"kind": "bytes", "size": 4}')
    for file, status in ((tmp_path, 66), (tmp_path / "none", 66), (tmp_path / "none" / "none", 66)):
        local.run("create", "b", "--layout", f"@{file}", status=status)
        local.run("set", "a", f"@{file}", status=status)
    local.run("get", "a", "--output", tmp_path, status=73)
    local.run("get", "a", "--output", "/dev/full", status=74)
    local.run("save", "/dev/null", status=73)
    local.run("save", tmp_path / "none" / "none", status=66)
    with open(os.path.join(local.directory, "broken"), "wb") as broken:
        broken.write(b"SHMGATE\0" + bytes(100))
    for command in ("show", "get", "watch"):
        local.run(command, "broken", status=65)
    for option, value in (("--layout", ""), ("--fill", "1 2"), ("--data", '1, "ttl": 1'), ("--attrs", "{")):
        done = subprocess.run([binary(), "create", "b", "--layout", "{}", option, value], capture_output=True, env=local.environment)
        assert done.returncode == 65 and done.stderr.startswith(f"Error: {option}: ".encode()), done
    local.run("show", "a/b", status=65)
    local.run("show", "a", "--rows=-1", status=64)


def test_layouts_come_through_standard_input(local):
    local.run("create", "a", "--layout", "@-", input=b'{"kind": "bytes", "size": 4}')
    assert local.json("ls", "--json")[0]["nbytes"] == 4


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", "> /dev/full"])
def test_nothing_else_gets_into_the_place_of_a_closed_descriptor(local, closed):
    local.run("create", "a", "--layout", '{"kind": "ndarray", "dtype": "f8", "shape": [3]}')
    for command, isRead in (("ls", False), ("get a", False), ("set a - --json", True)):
        done = subprocess.run(
            ["bash", "-c", f"{binary()} {command} {closed}"], input=b"2", capture_output=True, env=local.environment, timeout=60
        )
        fails = ">" in closed.replace("2>&-", "") or "<" in closed and isRead
        assert done.returncode == (0 if not fails else 74 if "full" in closed else 1), done
        assert bool(done.stderr) == (fails and "2" not in closed), done
    assert local.json("get", "a")["data"] == [0.0 if "<" in closed else 2.0] * 3


def test_half_a_write_is_told(line, tmp_path):
    line.run("create", "a", "--layout", '{"kind": "ndarray", "dtype": "f8", "shape": [3]}')
    program = "import os, sys, shmgate as shm\nwith shm.write('a', directory=sys.argv[1]) as array: array[0] = 1; os._exit(0)"
    python_path = os.path.dirname(os.path.dirname(shm.__file__))
    subprocess.run(["python3", "-c", program, line.directory], check=True, env={**os.environ, "PYTHONPATH": python_path})
    for command in (["get", "a"], ["cp", "a", tmp_path / "a.npy"], ["cp", "a", "b"]):
        done = subprocess.run([binary(), *map(str, command)], capture_output=True, env=line.environment)
        assert done.returncode == 0 and done.stderr.startswith(b"Warning: a writer of a died"), done
    assert b"damaged" in line.run("ls", "a") and b"damaged" in line.run("show", "a")


def examples():
    """What the help of each command says can be typed, but for what never ends or is about other machines."""
    for command in ("ls", "show", "create", "get", "set", "rm", "cp", "save", "restore"):
        told = subprocess.run([binary(), command, "--help"], capture_output=True, text=True, check=True).stdout
        lines = [line.strip() for line in told.split("USAGE")[0].splitlines() if line.startswith("  ")]
        assert lines and all(line.startswith("shmgate ") for line in lines), (command, lines)
        yield from (line for line in lines if "example.org" not in line)


@pytest.mark.parametrize("example", list(examples()))
def test_examples_work_as_they_are_printed(local, tmp_path, example):
    dates = {"dtype": "datetime64[s]", "start": "2024-01-30", "periods": 4, "freq": "1D"}
    columns = [{"name": "price", "dtype": "f8"}, {"name": "qty", "dtype": "f8"}]
    frame = {"kind": "dataframe", "columns": columns, "index": dates}
    (tmp_path / "quotes.json").write_text(json.dumps(frame))
    (tmp_path / "data.json").write_text(json.dumps([[1, 2]] * 4))
    (tmp_path / "trades.csv").write_text("time,price\n2024-01-30,1.5\n")
    np.save(tmp_path / "prices.npy", np.ones(20))
    made = {
        "prices": {"kind": "ndarray", "dtype": "f8", "shape": [20]},
        "quotes": frame,
        "load": {"kind": "series", "dtype": "f8", "index": dates},
        "ticks": {"kind": "series", "dtype": "f8", "index": 5000},
        "feed-a": {"kind": "bytes", "size": 1},
        "tmp-a": {"kind": "bytes", "size": 1},
    }
    for name, layout in made.items():
        local.run("create", name, "--layout", json.dumps(layout))
    local.run("save", tmp_path / "backup")
    if example.startswith(("shmgate create", "shmgate restore")) and "--replace" not in example:
        local.run("rm", *made)
    tag = local.json("set", "prices", "0", "--json")["etag"] if "$tag" in example else ""
    os.symlink(binary(), tmp_path / "shmgate")
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {example.replace('/var/backups/shm', 'backup')}"],
        capture_output=True,
        cwd=tmp_path,
        env={**local.environment, "PATH": f"{tmp_path}:{os.environ['PATH']}", "tag": tag},
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, b""), done


@pytest.mark.parametrize("command", ["ls", "show", "create", "get", "set", "rm", "watch", "cp", "save", "restore"])
def test_help_has_examples(command):
    done = subprocess.run([binary(), command, "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and f"shmgate {command} " in done.stdout.split("USAGE")[0]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell):
    done = subprocess.run([binary(), "--generate-completion-script", shell], capture_output=True, text=True)
    assert done.returncode == 0 and "restore" in done.stdout and "max-points" in done.stdout
