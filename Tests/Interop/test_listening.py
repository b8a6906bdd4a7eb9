"""Where a gateway listens: several addresses, IPv6, Unix-domain sockets and who is at their other end, sockets of a
service manager; and why it does not start."""

import fcntl
import json
import os
import pathlib
import signal
import socket
import stat
import subprocess
import threading

import pytest

from gateway import RAW, UnixConnection, await_that, binary, reachable_copy

SMALL = {"kind": "ndarray", "dtype": "u1", "shape": [4]}


@pytest.fixture
def place(tmp_path_factory):
    """A folder for sockets that every user may enter."""
    folder = tmp_path_factory.mktemp("sockets")
    for part in (folder, folder.parent, folder.parent.parent):
        part.chmod(0o755)
    return folder


def ask_as(user, path, method, target, body=None):
    """Asks through a socket as another user; gives status and body."""
    program = (
        "import http.client, json, socket, sys\n"
        "path, method, target, body = json.loads(sys.argv[1])\n"
        "connection = http.client.HTTPConnection('localhost')\n"
        "connection.sock = socket.socket(socket.AF_UNIX)\n"
        "connection.sock.connect(path)\n"
        "connection.request(method, target, body, {'Content-Type': 'application/json'})\n"
        "answer = connection.getresponse()\n"
        "print(json.dumps([answer.status, answer.read().decode()]))\n"
    )
    arguments = json.dumps([str(path), method, target, body])
    done = subprocess.run(
        ["python3", "-c", program, arguments], capture_output=True, text=True, user=user, group=user, extra_groups=[], cwd="/"
    )
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr


def test_one_gateway_on_many_addresses(own_gateway, place):
    gateway = own_gateway(listen=("127.0.0.1:0", "[::1]:0", f"unix:{place}/s.sock", "127.0.0.1:0"))
    assert gateway.urls[1].startswith("http://[::1]:") and gateway.urls[2] == f"unix:{place}/s.sock"
    gateway.create("a", SMALL)
    for number, url in enumerate(gateway.urls):
        answer = gateway.request("GET", "/segments/a", connection=gateway.connect(number))
        assert answer.status == 200 and answer.json()["name"] == "a", url
    done = subprocess.run(
        ["curl", "-sS", "--unix-socket", f"{place}/s.sock", "http://any.name/segments/a/data"], capture_output=True, text=True
    )
    assert json.loads(done.stdout)["data"] == [0, 0, 0, 0], done


def test_a_socket_is_its_owners_alone_and_goes_with_the_gateway(own_gateway, place):
    path = place / "s.sock"
    before = os.umask(0)
    try:
        gateway = own_gateway(listen=(f"unix:{path}",))
    finally:
        os.umask(before)
    status = path.stat()
    assert stat.S_ISSOCK(status.st_mode) and stat.S_IMODE(status.st_mode) == 0o600
    assert "loopback is no authentication" not in gateway.errors()
    gateway.create("a", SMALL)
    if os.getuid() == 0:
        assert "PermissionError" in ask_as(1, path, "GET", "/segments")
    gateway.stop()
    assert not path.exists()


def test_a_socket_with_another_mode(own_gateway, place):
    gateway = own_gateway("--socket-mode", "0660", listen=(f"unix:{place}/s.sock",))
    assert stat.S_IMODE((place / "s.sock").stat().st_mode) == 0o660
    assert gateway.request("GET", "/healthz").status == 200


def test_what_a_dead_gateway_left_is_no_obstacle(own_gateway, place):
    path = place / "s.sock"
    gateway = own_gateway(listen=(f"unix:{path}",))
    gateway.stop(signal.SIGKILL)
    assert path.exists()
    gateway.start()
    assert gateway.request("GET", "/healthz").status == 200


def test_a_socket_in_use_and_other_files_stay(own_gateway, place):
    path = place / "s.sock"
    gateway = own_gateway(listen=(f"unix:{path}",))
    second = serve("--listen", f"unix:{path}")
    assert second.returncode == 69 and f"another process listens on unix:{path}" in second.stderr
    assert gateway.request("GET", "/healthz").status == 200
    (place / "file").write_text("mine")
    (place / "link").symlink_to(place / "file")
    for name in ("file", "link"):
        refused = serve("--listen", f"unix:{place}/{name}")
        assert refused.returncode == 78 and "it stays" in refused.stderr, refused
    assert (place / "file").read_text() == "mine" and (place / "link").is_symlink()


def test_who_stops_leaves_the_socket_of_the_next_one(own_gateway, place):
    """Its file was renamed or removed, and another gateway has the name by now."""
    path = place / "s.sock"
    first = own_gateway(listen=(f"unix:{path}",))
    first.connection.close()
    path.unlink()
    second = own_gateway(listen=(f"unix:{path}",))
    first.stop()
    assert second.request("GET", "/healthz").status == 200


def test_starts_at_the_same_time_give_one_gateway(place):
    """A socket was left behind, and sixteen find it; each looks and takes it while no other does."""
    path, directory = place / "s.sock", place / "segments"
    directory.mkdir()
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    command = [binary(), "serve", "--listen", f"unix:{path}", "--directory", str(directory), "--threads", "1"]
    folder = os.open(place, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) for _ in range(16)]
    pids = {str(process.pid) for process in started}

    def waiting():
        lines = [line.split() for line in pathlib.Path("/proc/locks").read_text().splitlines()]
        return pids <= {words[5] for words in lines if words[1] == "->"}

    await_that(waiting)
    os.close(folder)
    lines = [process.stdout.readline() for process in started]
    serving = [process for process, line in zip(started, lines) if line]
    assert len(serving) == 1, lines
    connection = UnixConnection(str(path))
    connection.request("GET", "/healthz")
    assert connection.getresponse().status == 200
    connection.close()
    serving[0].terminate()
    for process in started:
        process.wait(timeout=60)
        process.stdout.close()
    assert sorted(process.returncode for process in started) == [0] + [69] * 15


def test_rights_by_user(own_gateway, place, tmp_path):
    assert os.getuid() == 0, "only root can be several users"
    tokens = tmp_path / "tokens"
    tokens.write_text(
        "root uid:0 read,create *\nfeed uid:1 read,write,create,unlink feed-  # daemon\nalso plain:sesame read *\n"
    )
    path = place / "s.sock"
    gateway = own_gateway("--tokens", str(tokens), "--socket-mode", "0666", listen=(f"unix:{path}", "127.0.0.1:0"))
    for name in ("feed-a", "other"):
        gateway.create(name, SMALL)
    order = json.dumps({"name": "feed-b", "layout": SMALL})
    assert ask_as(1, path, "POST", "/segments", order)[0] == 201
    assert ask_as(1, path, "GET", "/segments/feed-a")[0] == 200
    assert ask_as(1, path, "GET", "/segments/other")[0] == 404
    assert [item["name"] for item in json.loads(ask_as(1, path, "GET", "/segments")[1])["segments"]] == ["feed-a", "feed-b"]
    assert ask_as(2, path, "GET", "/segments/feed-a")[0] == 401
    # A user is one at the other end of a socket only, and a token counts everywhere.
    assert gateway.request("GET", "/segments/feed-a", connection=gateway.connect(1)).status == 401
    token = {"Authorization": "Bearer sesame"}
    for number in (0, 1):
        connection = gateway.connect(number)
        assert gateway.request("GET", "/segments/other", headers=token, connection=connection).status == 200
        # Who shows a token is judged by that, whoever he is.
        assert gateway.request("POST", "/segments", {"name": "x", "layout": SMALL}, token, connection).status == 403
    assert "who=feed" in gateway.errors() and "who=root" in gateway.errors()
    # What is taken away is taken away from the next request on, on the same connection.
    assert gateway.request("GET", "/segments/other").status == 200
    tokens.write_text("also plain:sesame read *\n")
    gateway.process.send_signal(signal.SIGHUP)
    await_that(lambda: "tokens again" in gateway.errors())
    assert gateway.request("GET", "/segments/other").status == 401


@pytest.mark.parametrize(
    "line, words",
    [
        ("a uid: read *\n", "the number of a user"),
        ("a uid:-1 read *\n", "the number of a user"),
        ("a uid:root read *\n", "the number of a user"),
        ("a uid:4294967296 read *\n", "the number of a user"),
        ("a uid:65534 read *\n", "can be told from others"),
        ("a uid:7 read *\nb uid:7 read,write *\n", "that no line before has"),
        ("a uid:7:8 read *\n", "a secret"),
        ("a cert:abc read *\n", "64 hexadecimal digits"),
        (f"a cert:{'0' * 64} read *\nb cert:{'0' * 64} read *\n", "that no line before has"),
    ],
)
def test_lines_that_name_nobody(line, words, tmp_path):
    (tmp_path / "tokens").write_text(line)
    done = serve("--listen", "127.0.0.1:0", "--tokens", str(tmp_path / "tokens"))
    assert done.returncode == 78 and words in done.stderr, done


def test_no_browser_reaches_a_socket_so_any_host_will_do(own_gateway, place):
    gateway = own_gateway(listen=("127.0.0.1:0", f"unix:{place}/s.sock"))
    foreign = {"Host": "evil.example", "Origin": "http://evil.example"}
    assert gateway.request("GET", "/segments", headers=foreign, connection=gateway.connect(0)).status == 403
    assert gateway.request("GET", "/segments", headers=foreign, connection=gateway.connect(1)).status == 200


def test_limits_count_users_at_a_socket(own_gateway, place):
    gateway = own_gateway("--max-connections-per-address", "2", listen=(f"unix:{place}/s.sock",))
    open_ones = [gateway.connect() for _ in range(2)]
    for connection in open_ones:
        assert gateway.request("GET", "/healthz", connection=connection).status == 200
    assert gateway.request("GET", "/healthz", connection=gateway.connect()).status == 503
    for connection in open_ones:
        connection.close()


def test_who_does_not_read_from_a_socket_is_cut(own_gateway, place):
    """The kernel does not say what the other side of such a socket has taken; libmicrohttpd knows when it last sent."""
    gateway = own_gateway("--idle-timeout", "1", "--min-rate", "1MiB", listen=(f"unix:{place}/s.sock",))
    gateway.create("a", {"kind": "ndarray", "dtype": "u1", "shape": [50_000_000]})

    def start():
        connection = UnixConnection(f"{place}/s.sock")
        connection.connect()
        connection.sock.sendall(b"GET /segments/a/data?format=raw HTTP/1.1\r\nHost: x\r\n\r\n")
        return connection.sock

    def connections():
        fresh = gateway.connect()
        text = gateway.request("GET", "/metrics", connection=fresh).body.decode()
        fresh.close()
        return next(line.split()[-1] for line in text.splitlines() if line.startswith("shmgate_connections "))

    silent, slow = start(), start()
    # One reads a little from time to time, and gets all of it; the other reads nothing, and is cut meanwhile.
    count = 0
    while piece := slow.recv(1 << 20):
        count += len(piece)
        if count < 3 << 20:
            threading.Event().wait(0.4)
    assert count > 50_000_000 or count == 0, count
    await_that(lambda: connections() == "1")
    silent.close()
    slow.close()


def activate(count, body, directory, **variables):
    """Runs `serve` with sockets as a service manager hands them over: descriptors from 3 on."""
    program = (
        "import os, sys\n"
        f"{body}\n"
        "os.environ['LISTEN_PID'] = str(os.getpid())\n"
        f"os.environ['LISTEN_FDS'] = '{count}'\n"
        "os.execv(sys.argv[1], sys.argv[1:])\n"
    )
    return subprocess.Popen(
        ["python3", "-c", program, binary(), "serve", "--directory", str(directory)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **variables},
        close_fds=True,
    )


def test_sockets_of_a_service_manager(place):
    path, told = place / "s.sock", place / "told.sock"
    notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notices.bind(str(told))
    notices.settimeout(60)
    body = (
        "import socket\n"
        "tcp = socket.create_server(('127.0.0.1', 0))\n"
        f"unix = socket.socket(socket.AF_UNIX); unix.bind('{path}'); unix.listen()\n"
        # Descriptors that nothing else in the interpreter has.
        "ends = [os.dup(tcp.fileno()), os.dup(unix.fileno())]\n"
        "tcp.detach(), unix.detach()\n"
        "ends = [os.dup2(end, 100 + place) for place, end in enumerate(ends)]\n"
        "[os.dup2(end, 3 + place, inheritable=True) for place, end in enumerate(ends)]"
    )
    process = activate(2, body, place, NOTIFY_SOCKET=str(told))
    assert "READY=1" in notices.recv(4096).decode()
    tcp, unix = (process.stdout.readline().removeprefix("listening on ").strip() for _ in range(2))
    assert tcp.startswith("http://127.0.0.1:") and unix == f"unix:{path}"
    for url in (["-s", f"{tcp}/healthz"], ["-s", "--unix-socket", str(path), "http://x/healthz"]):
        assert "ok" in subprocess.run(["curl", *url], capture_output=True, text=True).stdout
    process.send_signal(signal.SIGHUP)
    assert notices.recv(4096).decode().startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert "READY=1" in notices.recv(4096).decode()
    process.terminate()
    assert "STOPPING=1" in notices.recv(4096).decode()
    assert process.wait(timeout=60) == 0
    # It is the manager's, who goes on listening on it.
    assert path.exists()
    process.stdout.close(), process.stderr.close()
    notices.close()


@pytest.mark.parametrize("body", ["os.dup2(0, 3)", "import socket; pair = socket.socketpair(); os.dup2(os.dup(pair[0].fileno()), 3)"])
def test_what_was_handed_over_has_to_be_a_socket_that_listens(body, place):
    process = activate(1, body, place)
    _, text = process.communicate(timeout=60)
    assert process.returncode == 78 and "expected a stream socket that listens" in text, text


def test_handed_over_beyond_loopback_needs_tokens_too(place):
    body = "import socket; s = socket.create_server(('0.0.0.0', 0)); os.dup2(os.dup(s.fileno()), 3)"
    process = activate(1, body, place)
    _, text = process.communicate(timeout=60)
    assert process.returncode == 64 and "without --tokens" in text, text


def test_variables_of_another_process_are_not_ours(own_gateway, monkeypatch):
    monkeypatch.setenv("LISTEN_PID", "1")
    monkeypatch.setenv("LISTEN_FDS", "3")
    monkeypatch.setenv("NOTIFY_SOCKET", "/nobody/listens")
    assert own_gateway().request("GET", "/healthz").status == 200


def serve(*flags, directory="/dev/shm", user=None):
    program = reachable_copy() if user else binary()
    return subprocess.run(
        [program, "serve", "--directory", directory, *flags],
        capture_output=True,
        text=True,
        timeout=60,
        user=user,
        group=user,
        extra_groups=[] if user else None,
        cwd="/",
    )


def test_why_it_does_not_start(own_gateway, place):
    taken = own_gateway()
    cases = [
        (serve("--listen", f"127.0.0.1:{taken.port}"), 69, f"another process listens on 127.0.0.1:{taken.port}"),
        (serve("--listen", "127.0.0.1:0", directory=str(place / "none")), 66, "No such file or directory"),
        (serve("--listen", "127.0.0.1:0", directory=binary()), 78, "Not a directory"),
        (serve("--listen", "192.0.2.1:1", "--insecure"), 78, "expected an address of this machine"),
        (serve("--listen", "somewhere"), 64, "somewhere"),
        (serve("--listen", "unix:"), 64, "unix:"),
        (serve("--listen", f"unix:{place}/{'x' * 120}"), 78, "expected a path of at most 107 bytes"),
        (serve("--listen", f"unix:{place}/none/s.sock"), 78, "No such file or directory"),
        (serve("--listen", "127.0.0.1:0", "--tokens", str(place / "none")), 66, "No such file or directory"),
        (serve("--listen", "0.0.0.0:0"), 64, "Refusing to listen on 0.0.0.0:0 without --tokens"),
        (serve("--listen", "127.0.0.1:0", "--listen", "0.0.0.0:0"), 64, "Refusing to listen on 0.0.0.0:0 without"),
    ]
    if os.getuid() == 0:
        place.chmod(0o700)
        cases.append((serve("--listen", "127.0.0.1:0", directory=str(place), user=1), 77, "Permission denied"))
        place.chmod(0o755)
        cases.append((serve("--listen", f"unix:{place}/s.sock", user=1), 77, "may not listen on"))
    for done, status, words in cases:
        assert done.returncode == status and words in done.stderr, done
    assert taken.request("GET", "/healthz").status == 200


def test_a_port_that_is_taken_gives_the_others_back(own_gateway, place):
    taken = own_gateway()
    done = serve("--listen", f"unix:{place}/s.sock", "--listen", f"127.0.0.1:{taken.port}")
    assert done.returncode == 69
    assert not (place / "s.sock").exists()


def test_the_variable_names_several(place):
    environment = {**os.environ, "SHMGATE_LISTEN": f"127.0.0.1:0, unix:{place}/s.sock", "SHMGATE_DIRECTORY": str(place)}
    process = subprocess.Popen([binary(), "serve"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    lines = [process.stdout.readline() for _ in range(2)]
    assert lines[0].startswith("listening on http://127.0.0.1:") and lines[1] == f"listening on unix:{place}/s.sock\n"
    health = subprocess.run([binary(), "health", "--url", f"unix:{place}/s.sock"], capture_output=True, text=True)
    assert health.returncode == 0, health
    process.terminate()
    assert process.wait(timeout=60) == 0
    process.stdout.close()
