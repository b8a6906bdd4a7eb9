#!/usr/bin/env python3
"""Fuzzes what reads bytes of strangers: control page and header, labels, journals in pages and staged files, and the
parts of a request.

In full it builds `Fuzzer` with libFuzzer's instruments and the address sanitizer, which takes some minutes, into a scratch
path of its own; then every target gets its number of executions, header and journal five million together, from the
corpus of the project and from what earlier runs have found. A crash, a finding of a target or an input that takes too
long fails the program; the input then lies in the scratch path.

In the short form it only looks at the corpus: that every target has one, and that it is small. `swift test` replays it.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess

import support

CORPUS = support.HERE / "Fuzz/Corpus"
SCRATCH = support.ROOT / (os.environ.get("SCRATCH", ".build") + "-fuzz")
# Executions of each target. The first three are the parsers of headers and journals.
TARGETS = {"header": 3_600_000, "segment": 700_000, "journal": 800_000, "request": 1_000_000, "arrow": 1_000_000}
PARSERS = ("header", "segment", "journal")
PROMISED = 5_000_000
CORPUS_LIMIT = 1 << 20
SEED = 20_251
# The files whose coverage is told: those that read what another process has written.
FILES = [
    "Sources/Segments/ControlPage.swift", "Sources/Segments/Journal.swift", "Sources/Segments/JournalHead.swift",
    "Sources/Segments/JournalRecord+Decoding.swift", "Sources/Segments/JournalRecord.swift",
    "Sources/Segments/StagedFile+Replay.swift", "Sources/Segments/VerifiedJournal.swift",
    "Sources/Layouts/Headers/SegmentHeader+Reading.swift", "Sources/Layouts/Kinds/LayoutFields.swift",
    "Sources/Layouts/Kinds/LayoutNode.swift", "Sources/Layouts/Kinds/DataArrayLayout.swift",
    "Sources/Layouts/Kinds/DataFrameLayout.swift", "Sources/Layouts/Kinds/ListLayout.swift",
    "Sources/Layouts/Kinds/SeriesLayout.swift", "Sources/Layouts/Kinds/StructLayout.swift",
    "Sources/Layouts/DTypes/DType+Parsing.swift", "Sources/Layouts/Labels/LabelContents+Reading.swift",
    "Sources/Documents/JSONReader.swift", "Sources/Documents/JSONReader+Numbers.swift",
    "Sources/Documents/JSONReader+Strings.swift",
]  # fmt: skip


class Toolchain:
    """Where the programs and libraries of the Swift compiler lie."""

    def __init__(self):
        info = json.loads(subprocess.check_output(["swiftc", "-print-target-info"]))
        self.programs = pathlib.Path(shutil.which("swiftc")).resolve().parent
        machine = info["target"]["triple"].split("-")[0]
        libraries = pathlib.Path(info["paths"]["runtimeResourcePath"]) / "clang/lib"
        found = [
            path
            for path in sorted(libraries.glob("*/libclang_rt.fuzzer_no_main*.a"))
            if machine in path.name or path.parent.name.startswith(machine)
        ]
        assert found, f"the Swift toolchain has no libFuzzer below {libraries}"
        self.fuzzer_library = str(found[0])

    def program(self, name):
        """The path of a program that comes with the compiler."""
        return str(self.programs / name)


def build(toolchain):
    """Builds the fuzzer; gives its path."""
    swift = ["swift", "build", "-c", "release", "--product", "Fuzzer", "--scratch-path", str(SCRATCH)]
    instruments = [
        "--sanitize", "address", "-Xswiftc", "-Xfrontend", "-Xswiftc", "-sanitize=fuzzer",
        "-Xcc", "-fsanitize=fuzzer-no-link", "-Xswiftc", "-profile-generate", "-Xswiftc", "-profile-coverage-mapping",
        "-Xlinker", toolchain.fuzzer_library,
    ]  # fmt: skip
    environment = {**os.environ, "SHMGATE_FUZZ": "1"}
    built = subprocess.run(
        swift + instruments, cwd=support.ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert built.returncode == 0, f"the fuzzer does not build:\n{built.stdout[-4000:]}"
    return SCRATCH / "release/Fuzzer"


def fuzz(fuzzer, target, runs):
    """Runs one target; gives its exit status and what it said."""
    grown, findings = SCRATCH / "corpus" / target, SCRATCH / "findings"
    for path in (grown, findings):
        path.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "SHMGATE_FUZZ_TARGET": target,
        "LLVM_PROFILE_FILE": str(SCRATCH / f"{target}.profraw"),
        # The handlers of libFuzzer are to see crashes, not those of Swift.
        "SWIFT_BACKTRACE": "enable=no",
        "ASAN_OPTIONS": "detect_leaks=0",
    }
    words = [
        f"-runs={runs}", f"-seed={SEED}", "-max_len=4096", "-timeout=60", "-rss_limit_mb=3000", "-print_final_stats=1",
        f"-artifact_prefix={findings}/{target}-",
    ]  # fmt: skip
    with support.folder() as folder:
        run = subprocess.run(
            [fuzzer, *words, grown, CORPUS / target],
            env={**environment, "SHMGATE_FUZZ_FOLDER": folder},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    return run.returncode, run.stdout


def tell(report, target, runs, status, output):
    """Prints the figures of a target; gives how often it ran."""
    said = "\n".join(line for line in output.splitlines() if not line.startswith("#"))
    if not report.require(status == 0, f"{target} ended with {status}; what it said ends:\n{said[-4000:]}"):
        return 0
    executed = int(re.search(r"stat::number_of_executed_units:\s*(\d+)", output)[1])
    *_, (edges, features, inputs) = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)", output)
    rate = re.search(r"stat::average_exec_per_sec:\s*(\d+)", output)[1]
    report.require(executed >= runs, f"{target} ran {executed:,} times only")
    report.figure(f"{target}: executions", executed)
    report.figure(f"{target}: edges, features, inputs", f"{edges}, {features}, {inputs} at {rate} executions a second")
    return executed


def coverage(report, toolchain, fuzzer):
    """Prints how much of each parser's file all runs together have executed."""
    merged = SCRATCH / "fuzz.profdata"
    raw = [SCRATCH / f"{target}.profraw" for target in TARGETS]
    subprocess.run([toolchain.program("llvm-profdata"), "merge", "-o", merged, *raw], check=True)
    files = [support.ROOT / name for name in FILES]
    exported = subprocess.check_output(
        [toolchain.program("llvm-cov"), "export", "-summary-only", f"-instr-profile={merged}", fuzzer, *files]
    )
    data = json.loads(exported)["data"][0]
    for entry in data["files"]:
        lines = entry["summary"]["lines"]
        name = os.path.relpath(entry["filename"], support.ROOT)
        report.figure(f"lines of {name}", f"{lines['covered']} of {lines['count']} ({lines['percent']:.0f} %)")
    total = data["totals"]["lines"]
    report.figure("lines of all parsers", f"{total['covered']} of {total['count']} ({total['percent']:.1f} %)")


def main(options, report):
    total = 0
    for target in TARGETS:
        inputs = list((CORPUS / target).iterdir())
        total += sum(path.stat().st_size for path in inputs)
        report.figure(f"{target}: inputs of the corpus", len(inputs))
        report.require(len(inputs) > 10, f"the corpus of {target} is nearly empty")
    report.figure("bytes of the corpus", total)
    report.require(total < CORPUS_LIMIT, "the corpus is larger than 1 MiB; -merge=1 makes it smaller")
    if options.short:
        return
    toolchain = Toolchain()
    fuzzer = build(toolchain)
    report.figure("seed", SEED)
    executed = {}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = {target: pool.submit(fuzz, fuzzer, target, count) for target, count in TARGETS.items()}
        for target, run in runs.items():
            executed[target] = tell(report, target, TARGETS[target], *run.result())
    parsers = sum(executed[target] for target in PARSERS)
    report.figure("executions of header and journal parsing", parsers)
    report.require(parsers >= PROMISED, f"these are fewer than {PROMISED:,}")
    if not report.failures:
        coverage(report, toolchain, fuzzer)


if __name__ == "__main__":
    support.program(main, __doc__)
