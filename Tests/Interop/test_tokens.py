"""Tokens: who may do what, and that what a token does not cover is not there for it."""

import contextlib
import fcntl
import hashlib
import http.client
import os
import re
import signal
import statistics
import subprocess

import pytest
import yaml

from gateway import JSON, RAW, ROOT, await_that, binary
from protocol import F_OFD_SETLK, LOCK, lock_range

RIGHTS = ("read", "write", "create", "unlink", "admin")
MERGE = {"Content-Type": "application/merge-patch+json"}


def line(name, rights, prefix="*", token=None):
    """A line of the file, by the words of the contract."""
    token = token or name
    digest = hashlib.sha256(f"salt-{name}{token}".encode()).hexdigest()
    return f"{name} sha256:salt-{name}:{digest} {rights} {prefix}\n"


def bearer(token, **more):
    return {"Authorization": f"Bearer {token}", **more}


class Tokens:
    """A gateway, and the file of its tokens."""

    def __init__(self, own_gateway, folder, text, *flags):
        self.file = folder / "tokens"
        self.file.write_text(text)
        self.gateway = own_gateway("--tokens", str(self.file), *flags)

    def ask(self, token, method, path, body=..., **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.gateway.request(method, path, body, bearer(token, **headers) if token else headers)

    def reread(self, text, word):
        """Writes the file anew, tells the gateway, and waits for its line in the log."""
        before = self.gateway.errors().count(word)
        self.file.write_text(text)
        self.gateway.process.send_signal(signal.SIGHUP)
        await_that(lambda: self.gateway.errors().count(word) > before)


@pytest.fixture
def tokens(own_gateway, tmp_path):
    text = "# who may do what\n\n" + line("root", ",".join(RIGHTS)) + "".join(line(right, right) for right in RIGHTS)
    text += line("tenant", ",".join(RIGHTS), "mine-") + "plain plain:abc-._~+/123= read mine-  # for now\n"
    made = Tokens(own_gateway, tmp_path, text)
    for name in ("mine-a", "other-a"):
        layout = {"kind": "ndarray", "dtype": "u1", "shape": [4]}
        answer = made.ask("root", "POST", "/segments", {"name": name, "layout": layout})
        assert answer.status == 201, answer
    return made


def test_without_a_token_only_the_public_is_there(tokens):
    for path in ("/healthz", "/readyz", "/openapi.yaml", "/", "/console/app.js"):
        assert tokens.ask(None, "GET", path).status == 200
    for path in ("/segments", "/segments/mine-a", "/segments/none", "/segments/.bad", "/nowhere", "/metrics", "/zarr/mine-a/zarr.json", "/layouts"):
        answer = tokens.ask(None, "GET", path)
        assert (answer.status, answer.json()["code"]) == (401, "unauthorized"), (path, answer)
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="shmgate"'
    # One body for all: nothing of what was asked is in it.
    assert len({tokens.ask(None, "GET", path).body for path in ("/segments/mine-a", "/segments/none", "/nowhere")}) == 1


@pytest.mark.parametrize(
    "value", ["Bearer wrong", "Bearer", "Bearer  ", "Basic cm9vdDpyb290", "root", "Bearer roo", "Bearer roott", "Bearer a b", "Bearer \x80", "Bearer " + "a" * 5000]
)
def test_any_other_token_is_refused(tokens, value):
    answer = tokens.gateway.request("GET", "/segments", headers={"Authorization": value})
    assert (answer.status, answer.json()["code"]) == (401, "unauthorized"), answer
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="shmgate", error="invalid_')
    assert "roo" not in answer.json()["detail"]


def test_the_scheme_is_spelled_in_any_case_and_plain_secrets_work(tokens):
    assert tokens.gateway.request("GET", "/segments", headers={"Authorization": "bearer root"}).status == 200
    assert tokens.gateway.request("GET", "/segments/mine-a", headers=bearer("abc-._~+/123=")).status == 200
    assert tokens.gateway.request("GET", "/segments/mine-a", headers=bearer("abc-._~+/123")).status == 401


def test_a_refused_write_with_a_large_body_changes_nothing(tokens):
    answer = tokens.gateway.request("PATCH", "/segments/mine-a/data", b"x" * 4_000_000, {**RAW})
    assert answer.status == 401
    assert tokens.gateway.request("PATCH", "/segments/mine-a/data", b"xxxx", bearer("read", **RAW)).status == 403
    assert tokens.ask("read", "GET", "/segments/mine-a/data?format=raw").body == bytes(4)
    assert tokens.gateway.temporaries() == []


# What needs which right: (right, method, target, body, header fields, status of success).
NEEDS = [
    ("read", "GET", "/segments", None, {}, 200),
    ("read", "HEAD", "/segments", None, {}, 200),
    ("read", "GET", "/segments/mine-a", None, {}, 200),
    ("read", "HEAD", "/segments/mine-a", None, {}, 200),
    ("read", "GET", "/segments/mine-a?attached=true", None, {}, 200),
    ("read", "GET", "/segments/mine-a/data", None, {}, 200),
    ("read", "POST", "/query", {"reads": [{"segment": "mine-a"}]}, {}, 200),
    ("read", "GET", "/zarr/mine-a/zarr.json", None, {}, 200),
    ("read", "GET", "/layouts", None, {}, 200),
    ("write", "PATCH", "/segments/mine-a/data", [1, 2, 3, 4], {}, 204),
    ("write", "POST", "/patch", {"patches": [{"segment": "mine-a", "value": 7}]}, {}, 204),
    ("write", "PUT", "/zarr/mine-a/c/0", b"abcd", {}, 204),
    ("write", "DELETE", "/zarr/mine-a/c/0", None, {}, 204),
    ("create", "POST", "/segments", {"name": "mine-new", "layout": {"kind": "bytes", "size": 1}}, {}, 201),
    ("create", "PUT", "/segments/mine-newer", {"layout": {"kind": "bytes", "size": 1}}, {}, 201),
    ("unlink", "DELETE", "/segments/mine-new", None, {}, 204),
    ("admin", "PATCH", "/segments/mine-a", b'{"ttl": 1000}', MERGE, 200),
    ("admin", "POST", "/segments/mine-a/repair", None, {}, 204),
    ("admin", "PUT", "/layouts/pair", {"layout": {"kind": "ndarray", "dtype": "f8", "shape": [2]}}, {}, 201),
    ("admin", "DELETE", "/layouts/pair", None, {}, 204),
    ("admin", "GET", "/metrics", None, {}, 200),
]


def test_each_right_opens_its_own_routes_and_no_others(tokens):
    for right, method, target, body, headers, status in NEEDS:
        asked = ... if body is None else body
        for other in RIGHTS:
            if other == right:
                continue
            answer = tokens.gateway.request(method, target, asked, bearer(other, **headers))
            assert answer.status == 403, (other, method, target, answer)
            if method != "HEAD":
                assert (answer.json()["code"], right in answer.json()["detail"]) == ("forbidden", True), answer
        answer = tokens.gateway.request(method, target, asked, bearer(right, **headers))
        assert answer.status == status, (right, method, target, answer)


def test_replacing_needs_to_create_and_to_unlink(own_gateway, tmp_path):
    text = line("root", ",".join(RIGHTS)) + line("maker", "create") + line("remover", "unlink") + line("both", "create,unlink")
    tokens = Tokens(own_gateway, tmp_path, text)
    layout = {"layout": {"kind": "bytes", "size": 3}}
    assert tokens.ask("maker", "PUT", "/segments/a", layout).status == 201
    first = tokens.ask("root", "GET", "/segments/a").headers["ETag"]
    ways = [
        ("POST", "/segments", {"name": "a", "replace": True, **layout}, {}),
        ("PUT", "/segments/a?replace=true", layout, {}),
        ("PUT", "/segments/a", {"replace": True, **layout}, {}),
        ("PUT", "/segments/a", layout, {"If_Match": "*"}),
    ]
    for method, path, body, headers in ways:
        for token in ("maker", "remover"):
            answer = tokens.ask(token, method, path, body, **headers)
            assert (answer.status, answer.json()["code"]) == (403, "forbidden"), answer
    assert tokens.ask("root", "GET", "/segments/a").headers["ETag"] == first
    for method, path, body, headers in ways:
        assert tokens.ask("both", method, path, body, **headers).status in (200, 201)
    assert tokens.ask("maker", "PUT", "/segments/a", layout).status == 409


OUTSIDE = [
    ("GET", "/segments/{}", None, {}),
    ("GET", "/segments/{}?attached=true", None, {}),
    ("DELETE", "/segments/{}", None, {}),
    ("DELETE", "/segments/{}", None, {"If-Match": "*"}),
    ("PATCH", "/segments/{}", b'{"ttl": 1}', MERGE),
    ("POST", "/segments/{}/repair", None, {}),
    ("GET", "/segments/{}/data", None, {}),
    ("GET", "/segments/{}/data/values?slice=99", None, {"If-None-Match": "*"}),
    ("GET", "/segments/{}/data?slice=x&consistency=relaxed", None, {}),
    ("PATCH", "/segments/{}/data", [1, 2, 3, 4], {}),
    ("PATCH", "/segments/{}/data", b"abcd" * 4096, RAW),
    ("POST", "/query", {"reads": [{"segment": "mine-a"}, {"segment": "{}"}]}, {}),
    ("POST", "/patch", {"patches": [{"segment": "mine-a", "value": 9}, {"segment": "{}", "value": 1}]}, {}),
    ("GET", "/zarr/{}/zarr.json", None, {}),
    ("GET", "/zarr/{}", None, {}),
    ("PUT", "/zarr/{}/c/0", b"abcd", {}),
    ("PUT", "/zarr/{}/c/0", b"abcd" * 4096, {}),
    ("DELETE", "/zarr/{}/c/0", None, {}),
    ("POST", "/segments", {"name": "{}", "layout": {"kind": "bytes", "size": 1}}, {}),
    ("POST", "/segments", {"name": "{}", "replace": True, "layout": {"kind": "bytes", "size": 1}}, {}),
    ("PUT", "/segments/{}", {"layout": {"kind": "bytes", "size": 1}}, {}),
    ("PUT", "/segments/{}", {"layout": {"kind": "bytes", "size": 1}}, {"If-None-Match": "*"}),
    ("PUT", "/segments/{}?replace=true", {"layout": {"kind": "bytes", "size": 1}}, {"If-Match": "*"}),
]


def filled(part, name):
    if isinstance(part, dict):
        return {key: filled(value, name) for key, value in part.items()}
    if isinstance(part, list):
        return [filled(value, name) for value in part]
    return part.replace("{}", name) if isinstance(part, str) else part


@pytest.mark.parametrize("method, target, body, headers", OUTSIDE)
def test_a_name_outside_the_prefix_is_answered_alike_whether_it_exists_or_not(tokens, method, target, body, headers):
    answers = []
    for name in ("other-a", "other-b"):
        asked = ... if body is None else filled(body, name)
        answer = tokens.gateway.request(method, filled(target, name), asked, bearer("tenant", **headers))
        tokens.gateway.connection.close()
        said = {key.lower(): value for key, value in answer.headers.items() if key not in ("X-Request-Id", "Server-Timing", "Date")}
        answers.append((answer.status, said, answer.body.replace(name.encode(), b"NAME")))
    assert answers[0] == answers[1]
    creates = method in ("POST", "PUT") and target.startswith("/segments") and "repair" not in target
    assert answers[0][0] == (403 if creates else 404), answers[0]
    assert tokens.ask("root", "GET", "/segments/other-a/data?format=raw").body == bytes(4)
    assert tokens.ask("root", "GET", "/segments/other-b").status == 404
    assert tokens.ask("root", "GET", "/segments/mine-a/data?format=raw").body == bytes(4)


@contextlib.contextmanager
def held(path):
    """Another process' lock on a segment."""
    holder = os.open(path, os.O_RDWR)
    try:
        lock_range(holder, F_OFD_SETLK, fcntl.F_WRLCK, LOCK)
        yield
    finally:
        os.close(holder)


def test_what_stands_at_a_name_outside_the_prefix_makes_no_difference(tokens):
    """Corrupt, of another kind, closed, held, endless or not at all: who may not see it learns nothing of it."""
    path = tokens.gateway.path
    with open(path("other-corrupt"), "wb") as file:
        file.write(b"SHMGATE\0" + bytes(8184))
    with open(path("other-foreign"), "wb") as file:
        file.write(b"not ours")
    os.mkfifo(path("other-fifo"))
    os.mkdir(path("other-folder"))
    os.symlink("mine-a", path("other-link"))
    tokens.ask("root", "POST", "/segments", {"name": "other-closed", "layout": {"kind": "bytes", "size": 4}, "mode": "0000"})
    tokens.ask("root", "POST", "/segments", {"name": "other-held", "layout": {"kind": "bytes", "size": 4}})
    names = [f"other-{what}" for what in ("none", "corrupt", "foreign", "fifo", "folder", "link", "closed", "held", "a")]
    asked = [
        ("GET", "/segments/{}", ...), ("GET", "/segments/{}/data", ...), ("GET", "/zarr/{}/zarr.json", ...),
        ("PATCH", "/segments/{}/data", 1), ("DELETE", "/segments/{}", ...), ("POST", "/query", {"reads": [{"segment": "{}"}]}),
    ]
    with held(path("other-held")):
        for method, target, body in asked:
            said = set()
            for name in names:
                answer = tokens.ask("tenant", method, filled(target, name), body if body is ... else filled(body, name))
                said.add((answer.status, answer.body.replace(name.encode(), b"NAME")))
            assert len(said) == 1 and said.pop()[0] == 404, (method, target)
    assert {entry for entry in os.listdir(tokens.gateway.directory) if entry.startswith("other-")} == set(names) - {"other-none"}


def test_a_token_is_found_as_late_as_any_other(own_gateway, tmp_path):
    """A thousand tokens, the first and the last of the file in turn: how long one takes says nothing of its place."""
    tokens = Tokens(own_gateway, tmp_path, "".join(line(f"t{number}", "read") for number in range(1000)))
    times = {"first": [], "last": [], "none": []}
    for number in range(60):
        for place, token in (("first", f"t{number}"), ("last", f"t{999 - number}"), ("none", f"n{number}")):
            answer = tokens.ask(token, "GET", "/segments")
            assert answer.status == (401 if place == "none" else 200)
            times[place].append(float(re.search(r"total;dur=([\d.]+)", answer.headers["Server-Timing"]).group(1)))
    medians = {place: statistics.median(found) for place, found in times.items()}
    # To stop at the first that matches would be four times faster and more.
    assert max(medians.values()) < 2 * min(medians.values()), medians


def test_a_second_link_is_a_second_name(tokens):
    """Who may link in the directory gives a segment to who sees the other name: there names are no boundary."""
    os.link(tokens.gateway.path("other-a"), tokens.gateway.path("mine-b"))
    assert tokens.ask("tenant", "GET", "/segments/mine-b/data").status == 200
    assert tokens.ask("tenant", "GET", "/segments/other-a/data").status == 404


def test_a_list_has_what_the_token_covers(tokens):
    def names(token, query=""):
        return [entry["name"] for entry in tokens.ask(token, "GET", f"/segments{query}").json()["segments"]]

    assert names("root") == names("read") == ["mine-a", "other-a"]
    assert names("tenant") == names("abc-._~+/123=") == ["mine-a"]
    assert names("tenant", "?prefix=other") == names("tenant", "?after=mine-a") == []
    assert tokens.ask("tenant", "GET", "/segments?limit=1").json()["next"] is None


def test_what_is_about_the_whole_gateway_needs_a_token_for_all_names(tokens):
    for method, path, body in [("GET", "/metrics", ...), ("PUT", "/layouts/x", {"layout": {"kind": "bytes", "size": 1}}), ("DELETE", "/layouts/x", ...)]:
        answer = tokens.ask("tenant", method, path, body)
        assert (answer.status, answer.json()["code"]) == (403, "forbidden"), answer
    assert tokens.ask("tenant", "GET", "/layouts").status == 200


def test_no_operation_of_the_description_is_open_to_a_token_that_covers_nothing(own_gateway, tmp_path):
    """Whatever route is added: without a rule of its own here, this test finds it."""
    tokens = Tokens(own_gateway, tmp_path, line("root", ",".join(RIGHTS)) + line("none", "write", "nothing-"))
    tokens.ask("root", "POST", "/segments", {"name": "prices", "layout": {"kind": "bytes", "size": 1}})
    document = yaml.safe_load((ROOT / "openapi.yaml").read_text())
    seen = 0
    for path, item in document["paths"].items():
        for method in ("get", "head", "put", "post", "patch", "delete"):
            if method not in item:
                continue
            seen += 1
            target = path.replace("{name}", "prices").replace("{member}", "x").replace("{key}", "zarr.json").replace("{kind}", "x").replace("{file}", "app.js")
            is_public = item[method].get("security") == []
            for token, refused in ((None, {401}), ("none", {403, 404, 204} if path == "/patch" else {403, 404})):
                body = {"patches": [{"segment": "prices", "value": 1}]} if path == "/patch" else ...
                answer = tokens.gateway.request(method.upper(), target, body, {**JSON, **(bearer(token) if token else {})})
                tokens.gateway.connection.close()
                assert (answer.status == 200) if is_public else (answer.status in refused), (method, path, token, answer)
    assert seen > 30


def test_the_file_is_read_again_on_sighup(tokens):
    assert tokens.ask("late", "GET", "/segments").status == 401
    tokens.reread(line("late", "read") + line("read", "write"), "tokens again")
    assert tokens.ask("late", "GET", "/segments").status == 200
    assert tokens.ask("root", "GET", "/segments").status == 401
    assert tokens.ask("read", "GET", "/segments").status == 403
    for broken in ("", "# none\n", line("late", "read").rstrip()):
        tokens.reread(broken, "cannot read the tokens again")
        assert tokens.ask("late", "GET", "/segments").status == 200
    # A file that cannot be read changes nothing, and its secrets are not told.
    tokens.reread(line("later", "read") + "broken plain:very-secret reed *\n", "cannot read the tokens again")
    assert tokens.ask("later", "GET", "/segments").status == 401
    assert tokens.ask("late", "GET", "/segments").status == 200
    assert "line 2" in tokens.gateway.errors() and "very-secret" not in tokens.gateway.errors()


def test_sighup_without_tokens_does_not_end_the_gateway(own_gateway):
    gateway = own_gateway()
    gateway.process.send_signal(signal.SIGHUP)
    await_that(lambda: "nothing to read again" in gateway.errors())
    assert gateway.request("GET", "/readyz").status == 200


@pytest.mark.parametrize(
    "text, expected",
    [
        ("a plain:x read\n", "line 1: expected four words"),
        ("# c\na plain:x read *\n\na plain:y read *\n", "line 4: expected an id that no line before has"),
        ("a secret read *\n", "plain:<token> or sha256:<salt>:<hex>"),
        ("a sha256:salt:abc read *\n", "64 hexadecimal digits"),
        ("a sha256:salt:%s read *\n" % ("é" * 32), "64 hexadecimal digits"),
        ("a plain:x read,fly *\n", "rights of read,write,create,unlink,admin"),
        ("a plain:x read, *\n", "rights of read,write,create,unlink,admin"),
        ("a plain:x read a/b\n", "what names begin with"),
        ("a plain: read *\n", "a token of letters"),
        ("a plain:ä read *\n", "a token of letters"),
        ("# nobody\n", "expected 1 to 1000 tokens, got 0"),
        ("", "expected 1 to 1000 tokens, got 0"),
        ("".join(f"t{n} plain:x{n} read *\n" for n in range(1001)), "expected 1 to 1000 tokens, got 1001"),
        ("a plain:x read tenant-1", "line 1: expected a line feed at the end"),
        ("a plain:x read * # old\u2028ghost plain:y admin *\nb plain:z fly *\n", "line 2: expected rights"),
        (b"a plain:\xff read *\n", "read: "),
    ],
)
def test_a_file_that_is_none_ends_the_start_with_a_sentence(tmp_path, text, expected):
    file = tmp_path / "tokens"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    run = subprocess.run([binary(), "serve", "--listen", "127.0.0.1:0", "--directory", "/dev/shm", "--tokens", str(file)], capture_output=True, text=True, timeout=120)
    assert run.returncode not in (0, -6) and expected in run.stderr, run
    assert "plain:x" not in run.stderr


def test_a_file_that_everybody_may_write_to_is_refused(tmp_path):
    file = tmp_path / "tokens"
    file.write_text(line("root", "read"))
    file.chmod(0o602)
    run = subprocess.run([binary(), "serve", "--listen", "127.0.0.1:0", "--tokens", str(file)], capture_output=True, text=True, timeout=120)
    assert run.returncode != 0 and "not every user may write to, its mode is 0602" in run.stderr, run


@pytest.mark.parametrize("flags, variables", [(["--tokens", ""], {}), ([], {"SHMGATE_TOKENS": ""})])
def test_a_path_that_was_never_set_does_not_open_the_gateway(flags, variables):
    words = [binary(), "serve", "--listen", "127.0.0.1:0", *flags]
    run = subprocess.run(words, capture_output=True, text=True, timeout=120, env={**os.environ, **variables})
    assert run.returncode != 0 and "Expected the path of a file for --tokens" in run.stderr, run


def test_a_token_that_is_taken_away_meanwhile_finishes_no_write(tokens):
    """The body may take hours; what counts is who may write when it has come."""
    for size in (4, 70_000):
        layout = {"kind": "ndarray", "dtype": "u1", "shape": [size]}
        assert tokens.ask("root", "POST", "/segments", {"name": f"long-{size}", "layout": layout}).status == 201
    pending = []
    for size in (4, 70_000):
        client = tokens.gateway.connect()
        client.putrequest("PATCH", f"/segments/long-{size}/data")
        for name, value in bearer("write", **RAW, **{"Content-Length": str(size)}).items():
            client.putheader(name, value)
        client.endheaders(b"x" * (size // 2))
        pending.append((size, client))
    await_that(lambda: "shmgate_http_requests_in_flight 3" in tokens.ask("admin", "GET", "/metrics").body.decode())
    tokens.reread(line("root", ",".join(RIGHTS)) + line("write", "read"), "tokens again")
    for size, client in pending:
        client.send(b"x" * (size - size // 2))
        response = client.getresponse()
        assert response.status == 403, response.read()
        client.close()
        assert tokens.ask("root", "GET", f"/segments/long-{size}/data?format=raw").body == bytes(size)
    assert tokens.gateway.without_temporaries()


def test_the_audit_names_what_was_refused(tokens):
    tokens.ask("tenant", "POST", "/segments", {"name": "other-new", "layout": {"kind": "bytes", "size": 1}})
    tokens.ask("tenant", "POST", "/patch", {"patches": [{"segment": "mine-a", "value": 1}, {"segment": "other-a", "value": 1}]})
    for names in ("names=[other-new]", "names=[mine-a,other-a]"):
        await_that(lambda: names in tokens.gateway.errors().replace(", ", ","))


def test_a_missing_file_ends_the_start(tmp_path):
    run = subprocess.run([binary(), "serve", "--listen", "127.0.0.1:0", "--tokens", str(tmp_path / "none")], capture_output=True, text=True, timeout=120)
    assert run.returncode != 0 and "open: No such file or directory" in run.stderr and "none" in run.stderr


def test_beyond_this_machine_it_needs_tokens(own_gateway, tmp_path):
    run = subprocess.run([binary(), "serve", "--listen", "0.0.0.0:0", "--directory", "/dev/shm"], capture_output=True, text=True, timeout=120)
    assert run.returncode != 0 and "Refusing to listen on 0.0.0.0:0 without --tokens" in run.stderr
    file = tmp_path / "tokens"
    file.write_text(line("root", ",".join(RIGHTS)))
    started = subprocess.Popen([binary(), "serve", "--listen", "0.0.0.0:0", "--directory", str(tmp_path), "--tokens", str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        address = started.stdout.readline()
        port = int(re.search(r":(\d+)$", address.strip()).group(1))
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        # With tokens nobody is judged by the names of the machine.
        client.request("GET", "/segments", headers=bearer("root", Host="gateway.example.org", Origin="https://app.example.org"))
        assert client.getresponse().status == 200
        client.close()
    finally:
        started.send_signal(signal.SIGTERM)
        _, log = started.communicate(timeout=60)
    assert "asking for tokens" in log and "without access control" not in log
    assert "tokens come in plain text" in log


def test_shmgate_token_makes_a_line_that_works(own_gateway, tmp_path):
    words = [binary(), "token", "--id", "feed", "--rights", "read,create", "--prefix", "feed-"]
    runs = [subprocess.run(words, capture_output=True, text=True, timeout=60) for _ in range(2)]
    assert all(run.returncode == 0 for run in runs)
    assert runs[0].stdout != runs[1].stdout and runs[0].stderr != runs[1].stderr
    token = runs[0].stderr.split()[-1]
    assert len(token) == 64 and token not in runs[0].stdout
    name, secret, rights, prefix = runs[0].stdout.split()
    kind, salt, digest = secret.split(":")
    assert (name, kind, rights, prefix) == ("feed", "sha256", "read,create", "feed-")
    assert digest == hashlib.sha256((salt + token).encode()).hexdigest()
    tokens = Tokens(own_gateway, tmp_path, runs[0].stdout)
    assert tokens.ask(token, "PUT", "/segments/feed-a", {"layout": {"kind": "bytes", "size": 1}}).status == 201
    assert tokens.ask(token, "PUT", "/segments/other", {"layout": {"kind": "bytes", "size": 1}}).status == 403
    for wrong in (["--id", "a b"], ["--id", "a", "--rights", "fly"], ["--id", "a", "--prefix", "x/y"]):
        run = subprocess.run([binary(), "token", *wrong], capture_output=True, text=True, timeout=60)
        assert run.returncode != 0 and "Expected" in run.stderr and run.stdout == "", run


def test_a_token_that_asks_too_often_is_told_so(own_gateway, tmp_path):
    tokens = Tokens(own_gateway, tmp_path, line("fast", "read") + line("slow", "read"), "--rate-limit", "5")
    answers = [tokens.ask("fast", "GET", "/segments") for _ in range(400)]
    refused = [answer for answer in answers if answer.status == 429]
    assert [answer.status for answer in answers[:5]] == [200] * 5 and refused
    assert (refused[0].json()["code"], refused[0].headers["Retry-After"]) == ("too-many-requests", "1")
    # One token's haste is not another's.
    assert tokens.ask("slow", "GET", "/segments").status == 200
    # A pause that its share of the second fits into; who asks without one may be refused for ever.
    await_that(lambda: tokens.ask("fast", "GET", "/segments").status == 200, every=0.3)


def test_the_log_names_the_token_and_never_shows_it(tokens):
    tokens.ask("root", "DELETE", "/segments/mine-a")
    tokens.ask("unknown-token", "DELETE", "/segments/other-a")
    await_that(lambda: "who=root" in tokens.gateway.errors() and tokens.gateway.errors().count("audit: unlink") == 2)
    assert "unknown-token" not in tokens.gateway.errors()
    # Nobody listens on the way to a socket of this machine.
    assert "plain text" not in tokens.gateway.errors()
