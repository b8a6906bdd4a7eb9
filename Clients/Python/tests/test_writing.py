"""Writes: what pandas detaches comes back or is refused; exceptions, undo, locks, forks and the dead."""

import os
import signal
import threading
import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from cases import memories
from conftest import DEADLINE

import shmgate as shm

FRAME = {"a": "float64", "b": "int32", "c": "float64"}


@pytest.fixture
def frame(directory):
    """Another mapping of a frame, to see what came into the segment."""
    shm.create("frame", shm.DataFrameLayout(FRAME, index=["x", "y", "z"], init_value=1))
    return shm.load("frame")


def overwrite(df):
    df["a"] = [1.0, 2.0, 3.0]


def add(df):
    df["a"] += 1


def add_to_all(df):
    df += 1


def exchange(df):
    df["a"], df["c"] = df["c"] * 2, df["a"] * 3


def share(df):
    df["c"] = [5.0, 6.0, 7.0]
    df["a"] = df["c"]


def while_a_view_lives(df):
    view = df["b"]
    df.loc["y", "b"] = 9
    assert view.loc["y"] in (1, 9)


def another_dtype(df):
    df["b"] = df["b"].astype("float64") * 4


def through_loc(df):
    df.loc["y", ["a", "b"]] = 8


def reordered(df):
    df.insert(0, "b", df.pop("b") * 2)


@pytest.mark.parametrize(
    "change, expected",
    [
        (overwrite, {"a": [1, 2, 3], "b": [1, 1, 1], "c": [1, 1, 1]}),
        (add, {"a": [2, 2, 2], "b": [1, 1, 1], "c": [1, 1, 1]}),
        (add_to_all, {"a": [2, 2, 2], "b": [2, 2, 2], "c": [2, 2, 2]}),
        (exchange, {"a": [2, 2, 2], "b": [1, 1, 1], "c": [3, 3, 3]}),
        (share, {"a": [5, 6, 7], "b": [1, 1, 1], "c": [5, 6, 7]}),
        (while_a_view_lives, {"a": [1, 1, 1], "b": [1, 9, 1], "c": [1, 1, 1]}),
        (another_dtype, {"a": [1, 1, 1], "b": [4, 4, 4], "c": [1, 1, 1]}),
        (through_loc, {"a": [1, 8, 1], "b": [1, 8, 1], "c": [1, 1, 1]}),
        (reordered, {"a": [1, 1, 1], "b": [2, 2, 2], "c": [1, 1, 1]}),
    ],
)
def test_what_a_frame_detaches_comes_back(frame, change, expected):
    with shm.write("frame") as df:
        change(df)
    assert frame.to_dict("list") == expected
    info = shm.info("frame")
    assert (info.sequence, info.damaged, info.writing, info.writer_pid) == (4, False, False, os.getpid())


def add_column(df):
    df["d"] = 1


def drop_column(df):
    del df["a"]


def add_row(df):
    df.loc["new"] = 1


def relabel(df):
    df.index = ["p", "q", "r"]


def sort(df):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas wants to be rid of `inplace`
        df.sort_index(ascending=False, inplace=True)


def too_large(df):
    df["b"] = 1 << 40


def no_integer(df):
    df["b"] = 1.5


def text(df):
    df["a"] = "text"


@pytest.mark.parametrize("change", [add_column, drop_column, add_row, relabel, sort, too_large, no_integer, text])
def test_what_does_not_fit_any_more_is_refused(frame, change):
    with pytest.raises(shm.DetachedError), shm.write("frame", undo=True) as df:
        df.loc["x", "c"] = 77
        change(df)
    assert frame.to_dict("list") == {"a": [1] * 3, "b": [1] * 3, "c": [1] * 3}, "undone"
    assert (shm.info("frame").damaged, shm.info("frame").sequence) == (False, 4)
    with pytest.raises(shm.DetachedError), shm.write("frame") as df:
        df.loc["x", "c"] = 77
        change(df)
    assert frame.loc["x", "c"] == 77, "what was stored stays"
    assert (shm.info("frame").damaged, shm.info("frame").interrupted_writes) == (True, 0)


def test_detached_series(directory):
    shm.create("s", shm.SeriesLayout("f4", ["a", "b"], init_value=1))
    with shm.write("s") as series:
        series += 1
        series.loc["b"] *= 10
    assert shm.load("s").tolist() == [2, 20]
    with pytest.raises(shm.DetachedError, match="labels"), shm.write("s", undo=True) as series:
        series.loc["c"] = 1
    assert shm.load("s").tolist() == [2, 20]


def test_detached_dataarray(directory):
    shm.create("x", shm.DataArrayLayout("f8", ["x", "y"], {"x": [1, 2], "run": 5}, shape=(2, 2)))
    with shm.write("x") as array:
        array += 1
        array.loc[2] = 7
        array.values = array.values * 2
    assert shm.load("x").values.tolist() == [[2, 2], [14, 14]]
    for change in ({"x": [3, 4]}, {"new": 1}, {"run": 6}):
        with pytest.raises(shm.DetachedError), shm.write("x", undo=True) as array:
            for name, value in change.items():
                array.coords[name] = value
    assert not shm.info("x").damaged


def test_members_may_be_replaced(directory):
    layout = shm.Layout.from_data(
        {"n": 1, "a": np.zeros(2), "note": "text", "raw": b"abc", "l": [np.zeros(1), np.zeros(1)]}
    )
    shm.create("s", layout)
    with shm.write("s") as members:
        members["n"] = 5
        members["a"] = np.array([1, 2])
        members["note"] = "TEXT"
        members["raw"] = b"xyz"
        members["l"][1] = [2.5]
    found = shm.load("s")
    assert (found["n"], found["a"].tolist(), found["note"], bytes(found["raw"])) == (5, [1, 2], "TEXT", b"xyz")
    assert found["l"][1].tolist() == [2.5]
    for change in (
        lambda m: m.pop("n"),
        lambda m: m.update(extra=1),
        lambda m: m.update(a=np.zeros(3)),
        lambda m: m.update(note="longer text"),
        lambda m: m.update(raw=b"longer"),
        lambda m: m["l"].append(1),
    ):
        with pytest.raises(shm.DetachedError), shm.write("s", undo=True) as members:
            change(members)


def test_json_is_encoded_again(directory):
    shm.create("config", shm.JSONLayout({"a": 1}, capacity=40))
    with shm.write("config") as value:
        value["b"] = [1, 2]
    assert shm.load("config") == {"a": 1, "b": [1, 2]}
    with pytest.raises(shm.DetachedError, match="at most 40"), shm.write("config", undo=True) as value:
        value["b"] = list(range(40))
    shm.store("config", 5)
    assert shm.load("config") == 5


def test_an_exception_leaves_damage_until_the_whole_is_written(directory):
    shm.create("a", shm.NdArrayLayout("i8", 3))
    with pytest.raises(KeyError), shm.write("a") as array:
        array[0] = 1
        raise KeyError
    info = shm.info("a")
    assert (info.damaged, info.interrupted_writes, info.sequence, info.writing) == (True, 0, 4, False)
    with pytest.warns(shm.DamagedWarning, match="half write"):
        assert shm.snapshot("a").tolist() == [1, 0, 0]
    with shm.write("a") as array:
        array[1] = 2
    assert shm.info("a").damaged, "a partial write does not clear it"
    with shm.write("a", whole=True) as array:
        array[:] = 5
    assert not shm.info("a").damaged
    with pytest.raises(KeyError), shm.write("a", whole=True) as array:
        raise KeyError
    assert shm.info("a").damaged
    shm.store("a", [1, 2, 3])
    assert not shm.info("a").damaged
    assert shm.load("a").tolist() == [1, 2, 3]


def test_undo_puts_the_bytes_back(directory):
    shm.create("a", shm.NdArrayLayout("i8", 3, init_value=1))
    with pytest.raises(KeyError), shm.write("a", undo=True) as array:
        array[:] = 9
        raise KeyError
    assert shm.load("a").tolist() == [1, 1, 1]
    assert not shm.info("a").damaged
    with pytest.raises(shm.ValueOutOfRange):
        shm.store("a", "text")
    assert shm.load("a").tolist() == [1, 1, 1]


def test_read_only_segments_refuse_writers(directory):
    created = shm.create("a", shm.NdArrayLayout("i8", 3, init_value=1), readonly=True)
    for array in (created, shm.load("a"), shm.load("a", mode="r")):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 2
    with pytest.raises(shm.ReadOnlySegment), shm.write("a"):
        pass
    with pytest.raises(PermissionError):
        shm.store("a", 2)
    assert (shm.info("a").readonly, shm.info("a").sequence) == (True, 2)
    shm.create("a", shm.NdArrayLayout("i8", 1), replace=True)
    shm.unlink("a")


def test_a_thread_does_not_wait_for_itself(directory):
    shm.create("a", shm.NdArrayLayout("i8", 3))
    with shm.write("a"):
        with pytest.raises(RuntimeError, match="itself"), shm.write("a"):
            pass
        with pytest.raises(RuntimeError, match="itself"):
            shm.snapshot("a")
        shm.load("a")[0] = 5
    assert shm.snapshot("a").tolist() == [5, 0, 0]


def test_threads_take_turns(directory):
    shm.create("count", shm.NdArrayLayout("i8"))
    steps = 50

    def work():
        for _ in range(steps):
            with shm.write("count") as count:
                count += 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    assert shm.load("count") == 4 * steps
    assert shm.info("count").sequence == 2 + 2 * 4 * steps


PROCESS = """
import sys
import shmgate as shm
for _ in range(int(sys.argv[1])):
    with shm.write("count") as count:
        count += 1
"""


def test_processes_take_turns(directory, child):
    shm.create("count", shm.NdArrayLayout("i8"))
    children = [child(PROCESS, "50") for _ in range(2)]
    for _ in range(50):
        with shm.write("count") as count:
            count += 1
    for process in children:
        process.end()
    assert shm.load("count") == 150


HOLDER = """
import sys
import numpy as np
import shmgate as shm
with shm.write("a") as array:
    array[:] = 7
    print("writing", flush=True)
    sys.stdin.readline()
    array[:] = 8
print("done", flush=True)
sys.stdin.readline()
"""


def test_who_does_not_want_to_wait_is_told(directory, child):
    shm.create("a", shm.NdArrayLayout("i8", 3))
    other = child(HOLDER)
    assert other.read() == "writing"
    with pytest.raises(shm.BusyError), shm.write("a", timeout=0):
        pass
    with pytest.raises(TimeoutError):
        shm.snapshot("a", timeout=0.01)
    with pytest.raises(shm.BusyError):
        shm.unlink("a", timeout=0)
    assert shm.info("a").writing and shm.info("a").sequence == 2
    other.say()
    assert other.read() == "done"
    assert shm.snapshot("a", timeout=DEADLINE).tolist() == [8, 8, 8]
    other.say()
    other.end()


def test_a_killed_writer_is_found_and_counted_once(directory, child):
    shm.create("a", shm.NdArrayLayout("i8", 3))
    other = child(HOLDER)
    assert other.read() == "writing"
    other.kill()
    with pytest.warns(shm.DamagedWarning):
        assert shm.snapshot("a").tolist() == [7, 7, 7]
    assert shm.info("a").sequence == 2 and shm.info("a").writing, "a reader changes nothing"
    with shm.write("a") as array:
        array[0] = 1
    info = shm.info("a")
    assert (info.damaged, info.interrupted_writes, info.sequence, info.writing) == (True, 1, 6, False)
    with shm.write("a", whole=True) as array:
        array[:] = 2
    assert (shm.info("a").damaged, shm.info("a").interrupted_writes) == (False, 1)


def test_a_stopped_writer_that_goes_on_loses_nothing(directory, child):
    shm.create("a", shm.NdArrayLayout("i8", 3))
    other = child(HOLDER)
    assert other.read() == "writing"
    os.kill(other.process.pid, signal.SIGSTOP)
    with pytest.raises(shm.BusyError), shm.write("a", timeout=0):
        pass
    os.kill(other.process.pid, signal.SIGCONT)
    other.say()
    assert other.read() == "done"
    other.say()
    other.end()
    assert (shm.load("a").tolist(), shm.info("a").interrupted_writes) == ([8, 8, 8], 0)


def fork(body):
    """Runs `body` in a forked child; gives its exit status."""
    pid = os.fork()
    if pid == 0:
        try:
            body()
            os._exit(0)
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*")
def test_a_fork_waits_for_the_writes_of_other_threads(directory):
    shm.create("a", shm.NdArrayLayout("i8", 3))
    inside, go = threading.Event(), threading.Event()

    def work():
        with shm.write("a") as array:
            inside.set()
            assert go.wait(DEADLINE)
            array[:] = 1

    thread = threading.Thread(target=work)
    thread.start()
    assert inside.wait(DEADLINE)
    forked = []
    forker = threading.Thread(target=lambda: forked.append(fork(check_even)))
    forker.start()
    go.set()
    thread.join(DEADLINE)
    forker.join(DEADLINE)
    assert forked == [0]


def check_even():
    assert not shm.info("a").writing
    with shm.write("a", timeout=DEADLINE) as array:
        array[0] = 2


def test_a_child_that_is_forked_in_a_write_has_no_part_in_it(directory):
    shm.create("a", shm.NdArrayLayout("i8", 3))

    def body():
        with pytest.raises(shm.BusyError), shm.write("a", timeout=0):
            pass  # the parent holds it, and its child's copy of the description is closed
        try:
            context.__exit__(None, None, None)
        except RuntimeError as error:
            assert "forked" in str(error)
        else:
            raise AssertionError("the child ended its parent's write")

    context = shm.write("a")
    with context as array:
        array[:] = 1
        assert fork(body) == 0
        assert shm.info("a").writing
    assert shm.info("a").sequence == 4


def test_a_child_lets_go_of_the_parents_lock(directory, child):
    """The parent is killed in its write while its child lives on: the lock is free."""
    program = """
import os, sys, threading
import shmgate as shm
write = shm.write("a")
array = write.__enter__()
pid = os.fork()
if pid == 0:
    sys.stdin.readline()
    os._exit(0)
print("writing", flush=True)
threading.Event().wait()
"""
    shm.create("a", shm.NdArrayLayout("i8", 3))
    parent = child(program)
    assert parent.read() == "writing"
    parent.kill()
    with shm.write("a", timeout=DEADLINE) as array:
        array[:] = 3
    assert shm.info("a").interrupted_writes == 1
    parent.say()


def test_a_forked_child_writes_for_itself(directory):
    shm.create("a", shm.NdArrayLayout("i8", 3))
    with shm.write("a") as array:
        array[0] = 1

    def body():
        with shm.write("a", timeout=DEADLINE) as array:
            array[1] = 2

    assert fork(body) == 0
    assert shm.load("a").tolist() == [1, 2, 0]


def test_spawned_processes_share(directory):
    import multiprocessing

    shm.create("a", shm.NdArrayLayout("i8", 3))
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert sorted(pool.map(add_to, range(3))) == [0, 1, 2]
    assert shm.load("a").tolist() == [0, 1, 2]


def add_to(place):
    with shm.write("a") as array:
        array[place] += place
    return place


def test_a_name_that_moves_during_the_wait_is_followed(directory, child):
    shm.create("a", shm.NdArrayLayout("i8", 3))
    other = child(HOLDER)
    assert other.read() == "writing"
    waiting = threading.Thread(target=lambda: shm.create("a", shm.NdArrayLayout("i8", 2), replace=True))
    waiting.start()
    other.say()
    waiting.join(DEADLINE)
    with shm.write("a") as array:
        assert array.shape == (2,)
    other.say()
    other.end()


def test_every_kind_can_be_written(directory):
    values = {"s": pd.Series([1.0]), "f": pd.DataFrame({"a": [1.0]}), "x": xr.DataArray([1.0]), "a": np.ones(1)}
    for name, value in values.items():
        shm.create(name, shm.Layout.from_data(value))
        with shm.write(name) as obj:
            for array in memories(obj):
                assert not array.flags.owndata
