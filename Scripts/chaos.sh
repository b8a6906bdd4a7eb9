#!/usr/bin/env bash
# Runs the programs of Tests/Chaos in full; the words are those of Tests/Chaos/run.py.
set -euo pipefail
cd "$(dirname "$0")/.."
. Scripts/venv.sh

scratch=${SCRATCH:-.build}
swift build --build-tests --scratch-path "$scratch"
make_venv .venv-test Tests/Interop/requirements.txt
PYTHONDONTWRITEBYTECODE=1 exec .venv-test/bin/python Tests/Chaos/run.py \
    --build "$(swift build --scratch-path "$scratch" --show-bin-path)" "$@"
