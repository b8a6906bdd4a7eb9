"""A gateway that is not root, for root may read and write everything."""

import contextlib
import os
import shutil
import tempfile

from gateway import Gateway

NOBODY = 65_534


@contextlib.contextmanager
def gateway_of_nobody():
    """A gateway of a user without privileges, over a directory that is his."""
    user = NOBODY if os.getuid() == 0 else os.getuid()
    directory = tempfile.mkdtemp(prefix="shmgate-interop-", dir="/dev/shm")
    if os.getuid() == 0:
        os.chown(directory, user, user)
    gateway = Gateway(directory=directory, user=user)
    try:
        yield gateway
    finally:
        gateway.close()
        shutil.rmtree(directory)
