"""The tables of a run: what was measured, and what became of the targets."""

import re
import statistics
from pathlib import Path

from roads import Finding, Road


def ground(facts: dict) -> str:
    pinned = "pinned" if facts["pinned"] else "not pinned"
    return (
        f"In {facts['network']}, congestion control {facts['congestion_control']}; {facts['server_threads']} server "
        f"thread(s) of {facts['processors']} processors ({facts['processor']}), {pinned}; {facts['rounds']} rounds of "
        f"{facts['seconds']:g} s; the client {facts['client']}; {facts['nginx']}; Linux {facts['kernel']}."
    )


def figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def rows(road: Road, rounds: list[dict[str, dict[str, float]]]) -> list[dict]:
    """A row per server: medians, and its CPU time as a multiple of the gateway's, the median of the rounds' ratios."""
    return [
        {
            "road": road.key,
            "server": name,
            "rate": statistics.median(one[name]["rate"] for one in rounds),
            "cost": statistics.median(one[name]["cost"] for one in rounds),
            "p99_ms": statistics.median(one[name]["p99_ms"] for one in rounds),
            "cost_of_shmgate": statistics.median(
                one["shmgate"]["cost"] / one[name]["cost"] if one[name]["cost"] else 1 for one in rounds
            ),
        }
        for name in rounds[0]
    ]


def measured(results: list[tuple[Road, list]]) -> str:
    lines = [
        "| road | server | rate | p99 | server CPU | shmgate's ÷ its |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for road, rounds in results:
        for row in rows(road, rounds):
            lines.append(
                f"| {road.title} | {row['server']} | {figure(row['rate'])} {road.unit}{'s' * (road.moves == 0)}/s "
                f"| {figure(row['p99_ms'])} ms | {figure(row['cost'])} {'s/GiB' if road.moves else 'µs'} "
                f"| {'' if row['server'] == 'shmgate' else format(row['cost_of_shmgate'], '.2f')} |"
            )
    return "\n".join(lines)


def targets(findings: list[Finding]) -> str:
    lines = ["| road | figure | target | measured | |", "|---|---|---:|---:|---|"]
    for one in findings:
        limit = f"≤ {one.most:g}" if one.most is not None else f"≥ {one.least:g}"
        lines.append(
            f"| {one.title} | {one.what} | {limit} {one.unit} | {figure(one.value)} {one.unit} "
            f"| {'met' if one.met else '**missed**'} |"
        )
    return "\n".join(lines)


def whole(facts: dict, results: list[tuple[Road, list]], findings: list[Finding], tables: dict[str, str]) -> str:
    """All of it, as Markdown."""
    parts = [ground(facts), targets(findings), measured(results) if results else ""]
    return "\n\n".join(filter(None, parts + [f"`{group}`:\n\n{table}" for group, table in tables.items()]))


def put_into(readme: Path, text: str) -> None:
    """Puts the tables between the marks of a file."""
    marked = r"(?s)(<!-- results -->\n).*(<!-- /results -->)"
    readme.write_text(re.sub(marked, lambda marks: f"{marks[1]}{text}\n{marks[2]}", readme.read_text()))
