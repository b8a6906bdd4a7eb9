#!/usr/bin/env python3
"""The mean of two arrays that live on two machines, chunk by chunk on a Dask cluster, into an array on one of them.

    combine.py http://a:8080/north http://b:8080/south http://a:8080/mean
    combine.py --scheduler tcp://scheduler:8786 http://a:8080/north http://b:8080/south http://a:8080/mean

Each address is a gateway and the name of a segment. The result is created if it is not there. Without a scheduler the
cluster is one of worker processes on this machine.

No update is lost: the result is computed in its own chunks, so that each chunk has one writer, who replaces it whole,
and the gateway makes one write of that. (Who writes parts of a chunk reads it first and writes it back; two who do so
at once overwrite each other. PATCH has no such limit.)
"""

import argparse
import json
import urllib.error
import urllib.request

import dask.array as da
import distributed
import zarr

import shmgate as shm


def opened(address, mode):
    """The segment at an address as a zarr array; workers open the same one."""
    gateway, name = address.rsplit("/", 1)
    return zarr.open_array(shm.connect(gateway, local=False).zarr_store(name, read_only=mode == "r"), mode=mode)


def create(address, dtype, shape):
    """Makes the segment at an address; one that is there stays, and has to fit."""
    gateway, name = address.rsplit("/", 1)
    layout = {"kind": "ndarray", "dtype": str(dtype), "shape": list(shape)}
    request = urllib.request.Request(
        f"{gateway}/segments", json.dumps({"name": name, "layout": layout}).encode(), {"Content-Type": "application/json"}
    )
    try:
        urllib.request.urlopen(request).close()
    except urllib.error.HTTPError as error:
        if error.code != 409:
            raise SystemExit(f"{address}: {json.load(error)['detail']}") from None


def combine(first, second, result):
    """Computes the mean and stores it; returns how many chunks were written. Needs a current Dask client."""
    sources = [da.from_zarr(opened(address, "r")) for address in (first, second)]
    if sources[0].shape != sources[1].shape:
        raise SystemExit(f"expected arrays of one shape, got {sources[0].shape} and {sources[1].shape}")
    mean = (sources[0] + sources[1]) / 2
    create(result, mean.dtype, mean.shape)
    target = opened(result, "r+")
    if (target.shape, target.dtype) != (mean.shape, mean.dtype):
        raise SystemExit(f"expected {mean.dtype} of {mean.shape} at {result}, got {target.dtype} of {target.shape}")
    mean = mean.rechunk(target.chunks)
    da.store(mean, target, lock=False)
    return mean.npartitions


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scheduler", help="of a cluster that is there; every worker needs shmgate, zarr and dask")
    parser.add_argument("--workers", type=int, default=4, help="processes of a cluster of one's own (default: 4)")
    parser.add_argument("first", help="the address of an array")
    parser.add_argument("second", help="the address of another one of its shape")
    parser.add_argument("result", help="the address of their mean")
    options = parser.parse_args()
    own = {"n_workers": options.workers, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.Client(options.scheduler) if options.scheduler else distributed.Client(**own) as client:
        chunks = combine(options.first, options.second, options.result)
        workers = len(client.scheduler_info(n_workers=-1)["workers"])
    print(f"{chunks} chunks by {workers} workers into {options.result}")


if __name__ == "__main__":
    main()
