"""Running commands, and what they are run on."""

import json
import os
import subprocess

from gateway import binary

FRAME = {
    "kind": "dataframe",
    "columns": [{"name": "price", "dtype": "f8"}, {"name": "side", "dtype": "S4"}],
    "index": ["a", "b", "c"],
}
ROWS = {"columns": ["price", "side"], "index": ["a", "b", "c"], "data": [[1.5, "buy"], [2.5, "sell"], [None, "buy"]]}


class Line:
    """Runs commands; the segments are those of a directory, or of a gateway over it."""

    def __init__(self, directory, url=None):
        self.directory = directory
        self.environment = {**os.environ, "SHMGATE_DIRECTORY": directory, "NO_COLOR": "1"}
        if url:
            self.environment["SHMGATE_URL"] = url
            # What a command does for a gateway it must not do in the directory.
            self.environment["SHMGATE_DIRECTORY"] = "/nowhere"

    def run(self, *arguments, status=0, input=None, **variables):
        done = subprocess.run(
            [binary(), *map(str, arguments)],
            input=input,
            capture_output=True,
            env={**self.environment, **variables},
            timeout=120,
        )
        assert done.returncode == status, (arguments, done)
        assert status == 0 or done.stderr.startswith(b"Error: "), done
        return done.stdout

    def json(self, *arguments, **settings):
        return json.loads(self.run(*arguments, **settings))
