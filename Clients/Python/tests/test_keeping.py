"""What a write keeps open for the next one: it must never be seen, but for the time that it saves."""

import ctypes
import gc
import os
import sys
import threading

import numpy as np
import pytest
import xarray as xr
from conftest import DEADLINE
from test_writing import fork

import shmgate as shm
from shmgate import forking, keeping


def put(name, *values):
    with shm.write(name, timeout=DEADLINE) as array:
        array[:] = values


def mapped(directory, name):
    """How many mappings of a file this process has, be it unlinked or not."""
    with open("/proc/self/maps") as maps:
        return sum(f"{directory}/{name}" in line for line in maps)


@pytest.fixture
def written(directory):
    """A segment `a` of three int64 that this process has written to once."""
    shm.create("a", shm.NdArrayLayout("i8", 3))
    put("a", 1, 2, 3)
    return directory


def test_a_second_write_opens_nothing(written, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(shm.segment.Segment, "open", None)
        put("a", 4, 5, 6)
    assert shm.load("a").tolist() == [4, 5, 6]
    assert shm.info("a").sequence == 6


def test_a_name_that_moved_is_followed(written, child):
    old = shm.load("a")
    other = child("import shmgate as shm; shm.create('a', shm.NdArrayLayout('i8', 2), replace=True)")
    other.end()
    put("a", 8, 9)
    assert shm.load("a").tolist() == [8, 9]
    assert old.tolist() == [1, 2, 3]


def test_a_name_that_went_is_missed(written):
    os.unlink(f"{written}/a")
    with pytest.raises(shm.NoSuchSegment):
        put("a", 4, 5, 6)


def test_a_file_that_was_cut_is_not_touched(written):
    os.truncate(f"{written}/a", 4096)
    with pytest.raises(shm.CorruptSegment):
        put("a", 4, 5, 6)


def test_memory_of_what_others_unlinked_is_let_go(written):
    assert mapped(written, "a") == 1
    os.unlink(f"{written}/a")
    shm.create("b", shm.NdArrayLayout("i8", 3))
    put("b", 1, 2, 3)
    assert mapped(written, "a") == 0


def test_what_this_process_unlinks_is_let_go_at_once(written):
    shm.unlink("a")
    assert mapped(written, "a") == 0


def test_few_are_kept_and_none_that_is_large(written):
    for number in range(3 * keeping._MOST):
        shm.create(f"s{number}", shm.NdArrayLayout("i8", 3))
        put(f"s{number}", 1, 2, 3)
    assert mapped(written, "") == keeping._MOST
    shm.create("large", shm.BytesLayout(keeping._MOST_BYTES))
    with shm.write("large"):
        pass
    assert mapped(written, "large") == 0


def test_a_dead_writer_is_found_by_what_was_kept(written, child):
    other = child(
        "import shmgate as shm\nwith shm.write('a') as array:\n array[:] = 7\n print('in', flush=True)\n input()"
    )
    assert other.read() == "in"
    other.kill()
    put("a", 4, 5, 6)
    assert (shm.info("a").interrupted_writes, shm.info("a").damaged) == (1, True)


def test_threads_exclude_each_other(written):
    def work():
        for _ in range(200):
            with shm.write("a", timeout=DEADLINE) as array:
                array[0] = array[0] + 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    assert shm.load("a").tolist() == [801, 2, 3]


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*")
def test_a_child_does_not_share_its_parents_lock(written):
    """What the parent kept before the fork is one open file description, whose lock would be the child's too."""
    ours, theirs = os.pipe(), os.pipe()

    def body():
        os.write(ours[1], b"x")
        os.read(theirs[0], 1)
        try:
            with pytest.raises(shm.BusyError), shm.write("a", timeout=0.2):
                pass
        finally:
            os.write(ours[1], b"x")

    results = []
    forker = threading.Thread(target=lambda: results.append(fork(body)))
    forker.start()
    os.read(ours[0], 1)  # before the write, for which a fork would wait
    with shm.write("a", timeout=DEADLINE):
        os.write(theirs[1], b"x")
        os.read(ours[0], 1)
    forker.join(DEADLINE)
    assert results == [0]


def test_a_write_that_failed_keeps_nothing(written):
    with pytest.raises(ZeroDivisionError), shm.write("a"):
        raise ZeroDivisionError
    assert mapped(written, "a") == 0
    with shm.write("a", whole=True, timeout=DEADLINE) as array:
        array[:] = 9
    assert shm.load("a").tolist() == [9, 9, 9]


def test_what_a_user_does_to_an_object_stays_with_it(directory):
    data = xr.DataArray(np.zeros(2), dims="x", attrs={"unit": "m", "notes": ["a"]})
    shm.create("d", shm.Layout.from_data(data))
    with shm.write("d") as array:
        array.attrs["notes"].append("b")
        array.attrs["unit"] = "km"
    with shm.write("d") as array:
        assert array.attrs == {"unit": "m", "notes": ["a"]}


def test_names_are_checked_before_what_was_kept(directory):
    os.mkdir(f"{directory}/sub")
    shm.create("a", shm.NdArrayLayout("i8", 3), directory=f"{directory}/sub")
    with shm.write("a", directory=f"{directory}/sub"):
        pass
    with pytest.raises(shm.InvalidName):
        put("sub/a", 4, 5, 6)


def test_another_right_opens_again(written, monkeypatch):
    """What was opened by one user is not used by another, whom the file's mode may forbid it."""
    opened = []
    real = shm.segment.Segment.open
    with monkeypatch.context() as patch:
        patch.setattr(shm.segment.Segment, "open", lambda *a, **k: opened.append(a) or real(*a, **k))
        patch.setattr(os, "geteuid", lambda: 65534)
        put("a", 4, 5, 6)
    assert len(opened) == 1


def test_names_of_fields_stay_as_they_are(directory):
    shm.create("r", shm.NdArrayLayout([("x", "f8"), ("y", "f8")], 2))
    with shm.write("r") as array:
        array.dtype.names = ("p", "q")
    with shm.write("r") as array:
        assert array.dtype.names == ("x", "y")


def test_a_child_lets_its_parents_mappings_go(written):
    def body():
        assert mapped(written, "a") == 0

    assert fork(body) == 0
    assert mapped(written, "a") == 1


@pytest.mark.filterwarnings("ignore:.*fork.*")
def test_a_fork_that_python_is_not_told_of_shares_no_lock(written):
    ours, theirs = os.pipe(), os.pipe()
    pid = ctypes.PyDLL(None).fork()
    if pid == 0:
        os.read(theirs[0], 1)
        try:
            with shm.write("a", timeout=0.2):
                os._exit(1)
        except shm.BusyError:
            os._exit(0)
        finally:
            os.write(ours[1], b"x")
            os._exit(2)
    with shm.write("a", timeout=DEADLINE):
        os.write(theirs[1], b"x")
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_number_that_belongs_to_another_file_is_seen(written, monkeypatch):
    """A lock on that file would be none."""
    ((_, kept),) = [item for item in keeping._kept.items() if item[0].startswith(written)]
    kept_number = kept.lock.descriptor
    opened = []
    real = shm.segment.Segment.open
    with open(f"{written}/other", "w+b") as other, monkeypatch.context() as patch:
        os.dup2(other.fileno(), kept.lock.descriptor)
        patch.setattr(shm.segment.Segment, "open", lambda *a, **k: opened.append(a) or real(*a, **k))
        put("a", 4, 5, 6)
        os.fstat(kept_number)  # it is not ours to close
    assert len(opened) == 1
    os.close(kept_number)


def test_descriptors_that_somebody_closed_are_opened_again(written):
    shm.create("b", shm.NdArrayLayout("i8", 3))
    put("b", 1, 2, 3)
    for path, kept in keeping._kept.items():
        if path.startswith(written):
            os.close(kept.lock.descriptor)
    put("a", 4, 5, 6)
    put("b", 7, 8, 9)
    assert (shm.load("a").tolist(), shm.load("b").tolist()) == ([4, 5, 6], [7, 8, 9])


def test_an_exception_at_any_line_frees_the_lock(written):
    """As a signal raises it, between any two statements of a write.

    But for those around a `with`, where Python itself may lose what it has taken.
    """
    package = os.path.dirname(shm.__file__)
    around_a_gate = {"forking.py": None, "lock.py": ("__init__", "close")}

    class Interrupt(BaseException):
        pass

    def interrupted(line):
        seen = 0

        def trace(frame, event, argument):
            nonlocal seen
            file, name = frame.f_code.co_filename, frame.f_code.co_name
            left_out = around_a_gate.get(os.path.basename(file), ())
            if not file.startswith(package) or name == "__del__" or left_out is None or name in left_out:
                return None
            if event == "line":
                seen += 1
                if seen == line:
                    sys.settrace(None)
                    raise Interrupt
            return trace

        sys.settrace(trace)
        try:
            with shm.write("a", timeout=DEADLINE):
                pass
        except Interrupt:
            return True
        finally:
            sys.settrace(None)
        return False

    line = 1
    while interrupted(line):
        assert fork(lambda: put("a", line, line, line)) == 0
        put("a", line, line, line)
        line += 1
    gc.collect()
    assert line > 60
    assert forking._writers == {}
