#!/usr/bin/env python3
"""Runs the chaos programs, one after another, and ends with a table.

    run.py [--short] [--build DIR] [program …]

A program is a Python file of this folder that can be executed, by its name without the ending; without any it is all
but `mutants`.
The exit status is 1 if one of them failed.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
BY_NAME = {"mutants"}  # they build, and so are run only when they are asked for


def names():
    """All programs of the folder."""
    return sorted(path.stem for path in HERE.glob("*.py") if os.access(path, os.X_OK) and path.stem != "run")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="a few seconds of each")
    parser.add_argument("--build", type=pathlib.Path, default=HERE.parents[1] / ".build/debug", help="where the programs lie")
    parser.add_argument("program", nargs="*", help=f"of {', '.join(names())}")
    options = parser.parse_args()
    chosen = options.program or [name for name in names() if name not in BY_NAME]
    if unknown := set(chosen) - set(names()):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    words = ["--build", str(options.build.resolve()), *(["--short"] if options.short else [])]
    results = []
    for name in chosen:
        print(f"-- {name}", flush=True)
        began = time.monotonic()
        status = subprocess.run([sys.executable, str(HERE / f"{name}.py"), *words]).returncode
        results.append((name, time.monotonic() - began, status))
    print("-- chaos")
    for name, seconds, status in results:
        print(f"  {name:<12} {seconds:8.1f} s  {'ok' if status == 0 else f'FAILED with {status}'}")
    return 1 if any(status != 0 for *_, status in results) else 0


if __name__ == "__main__":
    sys.exit(main())
