"""Selections: what pandas finds, which refusals answer to its exceptions, and how a failure is told."""

import dataclasses
import json
import os
import random as stdlib_random
import re
import urllib.parse

import numpy as np
import pandas as pd

from labels_cases import json_labels, random_key

# The same cases each time, so that a red run means a change; SHMGATE_SEED=random draws others, a number repeats them.
SEED = os.environ.get("SHMGATE_SEED", "20261125")
SEED = stdlib_random.randrange(1 << 32) if SEED == "random" else int(SEED)
ONLY = os.environ.get("SHMGATE_ONLY")  # the number of one group, to run it alone
MOST_FAILURES = 12

# What the libraries raise, and what the gateway answers in its place. The first line that fits counts.
REFUSALS = [
    # exception, status, code: when
    (KeyError, 422, "no-such-label"),  # a label that is not there; a range of an unsorted index with a missing or repeated end
    (pd.errors.InvalidIndexError, 400, "invalid-query"),  # method with labels that repeat
    (NotImplementedError, 400, "invalid-query"),  # method or tolerance with a range
    (ValueError, 400, "invalid-query"),  # method with unsorted labels; tolerance without method; an unreadable tolerance
    (TypeError, 400, "invalid-query"),  # nearest or tolerance on texts and bools; a range of bools; unreadable ends of a range
]


class Refused(Exception):
    """Carries the (status, code) pairs of which one is expected."""

    def __init__(self, *expected):
        self.expected = set(expected)

    @classmethod
    def like(cls, error):
        return cls(next((status, code) for kind, status, code in REFUSALS if isinstance(error, kind)))


@dataclasses.dataclass
class Method:
    """`method` and `tolerance` of a request: for its query, and for pandas."""

    name: str | None = None
    tolerance: object = None
    tolerance_text: str | None = None

    def query(self):
        pairs = [("method", self.name), ("tolerance", self.tolerance_text)]
        return [(name, value) for name, value in pairs if value is not None]

    def __bool__(self):
        return self.name is not None or self.tolerance is not None


def random_method(random, labels, share=0.25):
    """None at all, mostly; a tolerance in the terms of the labels."""
    is_refused = not labels.index.is_unique or not (labels.index.is_monotonic_increasing or labels.index.is_monotonic_decreasing)
    is_wrapped = labels.index.dtype.kind == "u"  # pandas subtracts these without a sign
    if random.random() > (share / 4 if is_refused else share) or is_wrapped:
        return Method()
    # pandas refuses nearest among texts and bools, but not always; MISUSES has what the gateway does.
    names = ["nearest", "ffill", "bfill"] if labels.kind not in ("str", "bool") else ["ffill", "bfill"]
    name = str(random.choice(names))
    if random.random() < 0.55 or labels.kind in ("str", "bool"):
        return Method(name)
    if random.random() < 0.04:
        name = None
    if labels.kind in ("int", "float"):
        value = float(random.choice([0, 0.5, 1, 2, 5, 1e12]))
        return Method(name, value, f"{value:g}")
    value = np.timedelta64(int(random.choice([0, 1, 90, 3_600, 2 * 86_400])), "s")
    count = value.astype("i8")
    texts = [f"{count}s", pd.Timedelta(value).isoformat(), str(value.astype(f"m8[{labels.unit}]").astype("i8"))]
    texts += [f"{count // 3600}h"] if count % 3_600 == 0 else [f"{count * 1000}ms"]
    return Method(name, pd.Timedelta(value), str(random.choice(texts)))


def instants(labels, values):
    """Labels that a method compares: a date stands for its first instant."""
    if labels.kind == "datetime":
        stamps = [pd.Timestamp(v) if isinstance(v, str) else v for v in values]
        if labels.zone:
            stamps = [s.tz_localize(labels.zone) if s.tz is None else s.tz_convert(labels.zone) for s in stamps]
        return pd.DatetimeIndex(stamps).as_unit("ns") if stamps else labels.index[:0]
    return pd.Index(values, dtype=labels.index.dtype if labels.kind in ("float", "str", "bool") else None) if values else labels.index[:0]


def locate(labels, key, method=None):
    """The position that a selection finds, or the list of positions; else the exception that pandas raises."""
    index, label = labels.index, key.label
    if method:
        if key.form == "range":
            raise NotImplementedError("method with a range")
        wanted = instants(labels, label if key.form == "list" else [label])
        found = index.get_indexer(wanted, method=method.name, tolerance=method.tolerance)
        if (found < 0).any():
            raise KeyError(label)
        return found if key.form == "list" else int(found[0])
    if key.form == "list" and labels.kind == "bool":
        # To `.loc` a list of bools is a mask.
        found = index.get_indexer_for(pd.Index(label, dtype=bool))
        if (found < 0).any():
            raise KeyError(label)
        return found
    if key.form == "list" and labels.kind == "float":
        label = np.array(label, index.dtype)
    if key.form == "range":
        label = slice(*label)
    picked = pd.Series(np.arange(len(index)), index=index).loc[label]
    return int(picked) if np.ndim(picked) == 0 else picked.to_numpy()


def random_row_slice(random, size):
    """A slice along one axis, and the positions that it picks."""
    form = random.random()
    if form < 0.25 and size:
        at = int(random.integers(-size, size))
        return str(at), at % size
    if form < 0.45 and size:
        picked = random.integers(-size, size, size=random.integers(0, 5))
        return "[" + ",".join(map(str, picked)) + "]", picked % size
    start, stop = (None if random.random() < 0.4 else int(random.integers(-9, 10)) for _ in range(2))
    step = None if random.random() < 0.5 else int(random.choice([-3, -1, 1, 2]))
    text = ":".join("" if part is None else str(part) for part in ([start, stop] if step is None else [start, stop, step]))
    return text, np.arange(size)[slice(start, stop, step)]


def random_selection(random, labels, share=0.25):
    """`sel.index` with its method: the query's pairs, and a function that locates it."""
    method = random_method(random, labels, share)
    forms = ("scalar", "list") if method.name and random.random() < 0.97 else ("scalar", "list", "range", "range")
    return random_key(random, labels, forms), method


# Requests and failures


def query_string(random, pairs):
    """The query, percent-encoded; a space as `+` or `%20`, and the plus of an offset now and then as it stands."""
    parts = []
    for name, value in pairs:
        text = urllib.parse.quote(value, safe=str(random.choice(["", ":,.", ":,.[]/"])))
        text = text.replace("%20", "+") if random.random() < 0.5 else text
        text = re.sub(r"(T\d\d(?::|%3A)[\d:.%A]*?)%2B(?=\d\d(:|%3A))", r"\1+", text) if random.random() < 0.3 else text
        parts.append(urllib.parse.quote(name) + "=" + text)
    return "&".join(parts)


@dataclasses.dataclass
class Tally:
    """Counts cases and keeps failures, so that one run shows more than the first of them."""

    cases: int = 0
    refused: int = 0
    failures: list = dataclasses.field(default_factory=list)

    def fail(self, case, expected, got):
        self.failures.append(f"{case}\n  expected {expected}\n  got      {str(got)[:1200]}")

    def finish(self, title, report, least):
        share = self.refused / max(self.cases, 1)
        report(f"{title}: seed {SEED}, {self.cases} cases, each read and written, {share:.1%} of them refusals")
        shown = "\n\n".join(self.failures[:MOST_FAILURES])
        assert not self.failures, f"{len(self.failures)} failures, seed {SEED}:\n\n{shown}"
        if not ONLY and least >= 1_000:
            assert self.cases >= least and 0.05 <= share <= 0.25, (self.cases, share)

    @property
    def is_full(self):
        return len(self.failures) >= 4 * MOST_FAILURES


@dataclasses.dataclass
class Case:
    """One request of a property test, and how to make it again by hand."""

    test: str
    group: int
    number: int
    gateway: object
    name: str
    layout: dict
    query: str
    note: str = ""
    body: object = None

    def path(self):
        return f"/segments/{self.name}/data" + (f"?{self.query}" if self.query else "")

    def __str__(self):
        base = f"http://127.0.0.1:{self.gateway.port}"
        made = json.dumps({"name": self.name, "layout": self.layout}, ensure_ascii=False).replace("'", "'\\''")
        curl = f"curl -gsS -H Content-Type:application/json {base}/segments -d '{made}'; curl -gsS '{base}{self.path()}'"
        if self.body is not None:
            body = json.dumps(self.body, ensure_ascii=False).replace("'", "'\\''")
            curl += f" -X PATCH -H Content-Type:application/json -d '{body}'"
        again = f"SHMGATE_SEED={SEED} SHMGATE_ONLY={self.group} pytest {self.test}"
        return f"seed {SEED} group {self.group} case {self.number}: {again}\n  {self.note}\n  {curl}"


def check_refusal(tally, case, answer, expected):
    """Whether the answer is one of the expected problems."""
    try:
        got = (answer.status, answer.json().get("code"))
    except (ValueError, AttributeError):
        got = (answer.status, answer.body[:200])
    if got not in expected:
        tally.fail(case, " or ".join(f"{status} {code}" for status, code in sorted(expected)), answer)


def sequence(answer):
    """The sequence in an ETag."""
    return int(answer.headers["ETag"].strip('"').split("-")[5])


def describe(labels):
    return f"labels {json_labels(labels.index)} ({labels.index.dtype})"


def groups():
    """Endless numbers of groups, each with its random numbers; one alone with SHMGATE_ONLY."""
    number = int(ONLY or 0)
    while True:
        yield number, np.random.default_rng([SEED, number])
        if ONLY:
            return
        number += 1
