"""The old library's README, as it stands but for the import line."""

import numpy as np


def test_shared_memory(directory):
    import shmgate as shm

    # a shared memory named `name` with the size of 100 bytes
    memory = shm.SharedMemory.create("name", 100)

    # open the memory we just created
    same_memory = shm.SharedMemory.open("name")

    memory.buf[:4] = b"abcd"
    assert bytes(same_memory.buf[:5]) == b"abcd\0"
    assert (same_memory.name, same_memory.size, len(same_memory.buf)) == ("name", 100, 100)
    memory.unlink()
    memory.close()
    assert bytes(same_memory.buf[:4]) == b"abcd", "whoever has it mapped keeps it"
    same_memory.close()


def test_ndarray(directory):
    import shmgate as shm

    # define the memory layout：dtype=float32, shape=(3, 5)
    layout = shm.NdArrayLayout("float32", (3, 5))
    array = shm.create("array", layout)

    # load the array we just created
    same_array = shm.load("array")

    array[1] = 2.5
    assert same_array.dtype == np.float32 and same_array.shape == (3, 5)
    assert same_array.tolist() == [[0] * 5, [2.5] * 5, [0] * 5]


def test_series(directory):
    import shmgate as shm

    layout = shm.SeriesLayout(dtype="float32", index=["a", "b", "c"])
    series = shm.create("series", layout)

    # read the series we just created
    same_series = shm.load("series")

    series.loc["b"] = 2.5
    assert same_series.to_dict() == {"a": 0, "b": 2.5, "c": 0}
    assert same_series.dtype == "float32"


def test_dataframe(directory):
    import shmgate as shm

    # two columns `a` and `b`, with dtypes `float32` and `int32` respectively
    # index are ["a", "b", "c"]
    layout = shm.DataFrameLayout(dtypes=[("a", "float32"), ("b", "int32")], index=["a", "b", "c"])
    frame = shm.create("frame", layout)

    # read the datafrmae we just created
    same_frame = shm.load("frame")

    frame.loc["b", "a"] = 2.5
    frame.loc[:, "b"] = 7
    assert same_frame.to_dict("list") == {"a": [0, 2.5, 0], "b": [7, 7, 7]}
    assert same_frame.dtypes.astype(str).to_dict() == {"a": "float32", "b": "int32"}


def test_dataarray(directory):
    import xarray as xr

    import shmgate as shm

    # define a template data
    template_data = xr.DataArray(0, dims=["x", "y"], coords={"x": [1, 2, 3], "y": ["a", "b", "c"]})
    layout = shm.DataArrayLayout.from_data(template_data)
    array = shm.create("array2", layout)

    same_array = shm.load("array2")

    xr.testing.assert_identical(same_array, template_data)
    array.loc[2, "b"] = 5
    assert same_array.sel(x=2).values.tolist() == [0, 5, 0]


def test_unlink(directory):
    import shmgate as shm

    shm.SharedMemory.create("name", 100).close()
    shm.unlink("name")
    assert shm.list() == []
