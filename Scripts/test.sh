#!/usr/bin/env bash
# Runs everything: the rules, the Swift tests, the Python judges against the release binary, and the short form of the
# chaos programs.
#
# The last line is the sum of what the runners report. A failure, a skipped test or a runner without a report
# makes the exit status 1.
set -euo pipefail
cd "$(dirname "$0")/.."
. Scripts/venv.sh

scratch=${SCRATCH:-.build}
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

headline() { printf '\n==> %s\n' "$*"; }

# judge FOLDER NAME TESTS: runs pytest with the judges of a virtual environment against the release binary.
judge() {
    PATH="$PWD/$1/bin:$PATH" PYTHONDONTWRITEBYTECODE=1 SHMGATE_SCREENSHOTS="$scratch/screenshots" \
        SHMGATE_BINARY=$(realpath "$binary") \
        SHMGATE_CONTRACT_SIDE=$(realpath "$(swift build --scratch-path "$scratch" --show-bin-path)/ContractSide") \
        "$1/bin/python" -m pytest -p no:cacheprovider -ra --junit-xml "$logs/$2.xml" "$3" 2>&1 \
        | tee "$logs/$2.log" || status=1
}

status=0

headline "rules"
Scripts/check.sh || status=1

headline "build"
swift build --build-tests --scratch-path "$scratch" --explicit-target-dependency-import-check error
swift build -c release --static-swift-stdlib --product shmgate --scratch-path "$scratch" \
    --explicit-target-dependency-import-check error
binary=$(swift build -c release --scratch-path "$scratch" --show-bin-path)/shmgate
make_venv .venv-test Tests/Interop/requirements.txt
make_venv .venv-pandas2 Tests/Interop/requirements-pandas2.txt

headline "Swift tests"
swift test --skip-build --scratch-path "$scratch" --xunit-output "$logs/swift.xml" 2>&1 \
    | tee "$logs/swift.log" || status=1

headline "judges: NumPy, pandas, xarray, curl against the gateway"
judge .venv-test interop Tests/Interop

headline "the Python client, with the newest pandas"
judge .venv-test client Clients/Python

headline "the Python client and selections, with pandas 2"
judge .venv-pandas2 client-pandas2 Clients/Python
judge .venv-pandas2 selection-pandas2 Tests/Interop/test_selection_pandas.py
judge .venv-pandas2 contract-pandas2 Tests/Interop/test_contract.py

headline "chaos, the short form"
PYTHONDONTWRITEBYTECODE=1 .venv-test/bin/python Tests/Chaos/run.py --short \
    --build "$(swift build --scratch-path "$scratch" --show-bin-path)" || status=1

headline "result"
[ "$status" -eq 0 ] || echo "failed: a part above ended with an error"
PYTHONDONTWRITEBYTECODE=1 .venv-test/bin/python Scripts/tally.py "$logs" || status=1
exit "$status"
