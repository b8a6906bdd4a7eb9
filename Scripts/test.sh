#!/usr/bin/env bash
# Runs everything: the rules, the Swift tests, and the Python judges against the release binary.
#
# The last line is the sum of what the runners report. A failure, a skipped test or a runner without a report
# makes the exit status 1.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=${SCRATCH:-.build}
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

headline() { printf '\n==> %s\n' "$*"; }

# make_venv FOLDER REQUIREMENTS: a virtual environment with the judges, made again when the requirements change, and
# with the Python client as a user would install it.
make_venv() {
    local folder=$1 requirements=$2
    if ! cmp -s "$requirements" "$folder/requirements.txt" || ! "$folder/bin/python" -c '' 2>/dev/null; then
        rm -rf "$folder"
        python3 -m venv "$folder"
        "$folder/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
        cp "$requirements" "$folder/requirements.txt"
    fi
    # From a copy, for setuptools builds beside the sources.
    rm -rf "$logs/client"
    cp -r Clients/Python "$logs/client"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall "$logs/client"
}

# judge FOLDER NAME TESTS: runs pytest with the judges of a virtual environment against the release binary.
judge() {
    PATH="$PWD/$1/bin:$PATH" SHMGATE_BINARY=$(realpath "$binary") PYTHONDONTWRITEBYTECODE=1 \
        SHMGATE_CONTRACT_SIDE=$(realpath "$(swift build --scratch-path "$scratch" --show-bin-path)/ContractSide") \
        "$1/bin/python" -m pytest -p no:cacheprovider -ra --junit-xml "$logs/$2.xml" "$3" 2>&1 \
        | tee "$logs/$2.log" || status=1
}

status=0

headline "rules"
Scripts/check.sh || status=1

headline "build"
swift build --build-tests --scratch-path "$scratch" --explicit-target-dependency-import-check error
swift build -c release --product shmgate --scratch-path "$scratch" --explicit-target-dependency-import-check error
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

headline "result"
[ "$status" -eq 0 ] || echo "failed: a part above ended with an error"
PYTHONDONTWRITEBYTECODE=1 .venv-test/bin/python Scripts/tally.py "$logs" || status=1
exit "$status"
