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

# A virtual environment with the judges (NumPy, pytest …), made again when the requirements change.
make_venv() {
    local requirements=Tests/Interop/requirements.txt stamp=.venv-test/requirements.txt
    cmp -s "$requirements" "$stamp" && .venv-test/bin/python -c '' 2>/dev/null && return 0
    rm -rf .venv-test
    python3 -m venv .venv-test
    .venv-test/bin/python -m pip install --quiet --disable-pip-version-check -r "$requirements"
    cp "$requirements" "$stamp"
}

status=0

headline "rules"
Scripts/check.sh || status=1

headline "build"
swift build --build-tests --scratch-path "$scratch" --explicit-target-dependency-import-check error
swift build -c release --product shmgate --scratch-path "$scratch" --explicit-target-dependency-import-check error
binary=$(swift build -c release --scratch-path "$scratch" --show-bin-path)/shmgate
make_venv

headline "Swift tests"
swift test --skip-build --scratch-path "$scratch" --xunit-output "$logs/swift.xml" 2>&1 \
    | tee "$logs/swift.log" || status=1

headline "Python judges"
PATH="$PWD/.venv-test/bin:$PATH" SHMGATE_BINARY=$(realpath "$binary") PYTHONDONTWRITEBYTECODE=1 \
    .venv-test/bin/python -m pytest -p no:cacheprovider -ra --junit-xml "$logs/pytest.xml" Tests/Interop 2>&1 \
    | tee "$logs/pytest.log" || status=1

headline "result"
[ "$status" -eq 0 ] || echo "failed: a part above ended with an error"
PYTHONDONTWRITEBYTECODE=1 .venv-test/bin/python Scripts/tally.py "$logs" || status=1
exit "$status"
