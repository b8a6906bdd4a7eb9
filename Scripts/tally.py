"""Sums what the test runners report and says it in one line.

    tally.py LOGS

LOGS holds what each runner printed (swift.log, and a .log for each run of pytest) and its JUnit report
(swift-swift-testing.xml, and an .xml beside each .log). Exits 1 if a test failed or was skipped, or if a runner ran nothing or did not get to its report.
"""

import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

SWIFT_LINE = re.compile(r"Test run with (\d+) tests? .*(?:passed|failed) after ")
PYTEST_LINE = re.compile(r"(?:\d+ \w+, )*\d+ \w+ in [\d.]+s")


def counts(report: Path) -> tuple[int, int, int]:
    """Passed, failed and skipped test cases of a JUnit report."""
    passed = failed = skipped = 0
    for case in ElementTree.parse(report).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def tally(runner: str, log: Path, report: Path, line: re.Pattern[str]) -> tuple[int, int, int]:
    """Prints the runner's own last line and gives its counts; a runner without a report is one failure."""
    lines = [text for text in log.read_text(errors="replace").splitlines() if line.search(text)]
    if not lines or not report.exists():
        print(f"{runner}: no report; it did not run to its end")
        return 0, 1, 0
    print(lines[-1])
    result = counts(report)
    if line is SWIFT_LINE:
        told = sum(int(line.search(text).group(1)) for text in lines)
        if told != sum(result):
            print(f"{runner}: printed {told} tests, but its report holds {sum(result)}")
            return result[0], result[1] + 1, result[2]
    if sum(result) == 0:
        print(f"{runner}: ran nothing")
        return 0, 1, 0
    return result


def main() -> int:
    logs = Path(sys.argv[1])
    parts = [
        tally("swift test", logs / "swift.log", logs / "swift-swift-testing.xml", SWIFT_LINE),
        *(
            tally(f"pytest of {run}", logs / f"{run}.log", logs / f"{run}.xml", PYTEST_LINE)
            for run in ("interop", "client", "client-pandas2", "selection-pandas2", "contract-pandas2")
        ),
    ]
    passed, failed, skipped = (sum(part[i] for part in parts) for i in range(3))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 0 if failed == 0 and skipped == 0 else 1


sys.exit(main())
