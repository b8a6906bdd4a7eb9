"""TLS: what is served, to whom, with which certificate; and what never leaves it in plain."""

import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading

import numpy as np
import pytest

from certificates import Authority, fingerprint
from event_streams import Stream
from gateway import RAW, await_that, binary

LAYOUT = {"kind": "ndarray", "dtype": "u1", "shape": [20_000_000]}


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server_pair(authority):
    return authority.server()


@pytest.fixture
def secure(own_gateway, authority, server_pair, tmp_path):
    """Starts a gateway with TLS: its files may be written anew."""

    def start(*flags, listen=("127.0.0.1:0",), client=None):
        files = [shutil.copy(source, tmp_path / target) for source, target in zip(server_pair, ("tls.pem", "tls.key"))]
        return own_gateway(
            *("--tls-cert", str(files[0]), "--tls-key", str(files[1]), *flags), listen=listen, trust=authority.trust(client)
        )

    return start


def curl(authority, *arguments):
    done = subprocess.run(["curl", "-sS", "--cacert", authority.certificate, *arguments], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def test_large_bodies_go_both_ways_whole(secure):
    gateway = secure()
    assert gateway.urls[0].startswith("https://127.0.0.1:")
    gateway.create("a", LAYOUT)
    data = np.random.default_rng(1).integers(0, 256, LAYOUT["shape"], np.uint8).tobytes()
    assert gateway.request("PATCH", "/segments/a/data", data, RAW).status == 204
    for query in ("", "&consistency=relaxed", "&slice=::3"):
        answer = gateway.request("GET", f"/segments/a/data?format=raw{query}")
        assert answer.status == 200 and answer.body == (data[::3] if "slice" in query else data), query

    def pieces():
        for start in range(0, len(data), 100_000):
            yield data[start : start + 100_000]

    connection = gateway.connect()
    connection.request("PATCH", "/segments/a/data", pieces(), RAW, encode_chunked=True)
    assert connection.getresponse().status == 204
    connection.close()
    compressed = gateway.request("GET", "/segments/a/data?format=csv&slice=:1000", headers={"Accept-Encoding": "gzip"})
    assert compressed.status == 200


def test_many_at_once(secure):
    gateway = secure()
    gateway.create("a", {"kind": "ndarray", "dtype": "<i8", "shape": [1000]})
    failures = []

    def ask():
        connection = gateway.connect()
        for number in range(20):
            answer = gateway.request("GET", f"/segments/a/data?slice={number}", connection=connection)
            if answer.status != 200 or answer.json()["data"] != 0:
                failures.append(answer)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_only_versions_of_today(secure, authority):
    gateway = secure()
    for version, works in (("1.3", True), ("1.2", True), ("1.1", False), ("1.0", False)):
        code, text, _ = curl(authority, "--tls-max", version, f"https://localhost:{gateway.port}/healthz")
        assert (code == 0 and "ok" in text) is works, version


def test_plain_http_gets_no_answer(secure):
    gateway = secure()
    with socket.create_connection(("127.0.0.1", gateway.port)) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        got = b"".join(iter(lambda: receive(plain), b""))
    assert b"HTTP/1." not in got and b"status" not in got
    assert gateway.request("GET", "/healthz").status == 200


def receive(connection):
    try:
        return connection.recv(65_536)
    except ConnectionResetError:
        return b""


def test_a_body_without_end_is_refused_in_tls(secure):
    """Answered past libmicrohttpd: in the session, never beside it."""
    gateway = secure("--max-body", "1MiB")
    gateway.create("a", LAYOUT)
    raw = socket.create_connection(("127.0.0.1", gateway.port))
    with gateway.trust.wrap_socket(raw, server_hostname="localhost") as connection:
        connection.sendall(
            b"PATCH /segments/a/data HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        piece = b"10000\r\n" + bytes(0x10000) + b"\r\n"
        try:
            for _ in range(1000):
                connection.sendall(piece)
        except OSError:
            pass
        answer = connection.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 413 "), answer
    assert gateway.request("GET", "/healthz").status == 200


def test_one_too_many_is_told_nothing_in_plain(secure):
    gateway = secure("--max-connections", "2")
    assert gateway.request("GET", "/healthz").status == 200
    second = gateway.connect()
    assert gateway.request("GET", "/healthz", connection=second).status == 200
    with socket.create_connection(("127.0.0.1", gateway.port)) as third:
        assert b"".join(iter(lambda: receive(third), b"")) == b""
    second.close()


def test_a_relaxed_read_of_a_file_that_is_cut_ends_no_gateway(secure):
    gateway = secure()
    gateway.create("a", LAYOUT)
    stop = threading.Event()
    size = os.path.getsize(gateway.path("a"))

    def cut():
        while not stop.is_set():
            os.truncate(gateway.path("a"), 12_288)
            os.truncate(gateway.path("a"), size)

    cutter = threading.Thread(target=cut)
    cutter.start()
    try:
        for _ in range(50):
            connection = gateway.connect()
            try:
                gateway.request("GET", "/segments/a/data?format=raw&consistency=relaxed", connection=connection)
            except (http.client.HTTPException, OSError):
                pass
            connection.close()
    finally:
        stop.set()
        cutter.join()
    assert gateway.request("GET", "/healthz").status == 200


def test_sighup_shows_the_new_certificate_and_keeps_who_is_connected(secure, authority, tmp_path):
    gateway = secure()

    def shown():
        context = authority.trust()
        with socket.create_connection(("127.0.0.1", gateway.port)) as raw:
            with context.wrap_socket(raw, server_hostname="localhost") as connection:
                return connection.getpeercert()["subject"][0][0][1]

    assert gateway.request("GET", "/healthz").status == 200
    assert shown() == "server"
    certificate, key = authority.server("second")
    threads = len(os.listdir(f"/proc/{gateway.process.pid}/task"))
    # Half of a change: the key is not that of the certificate.
    shutil.copy(certificate, tmp_path / "tls.pem")
    gateway.process.send_signal(signal.SIGHUP)
    await_that(lambda: "that of before stays" in gateway.errors())
    assert shown() == "server"
    shutil.copy(key, tmp_path / "tls.key")
    gateway.process.send_signal(signal.SIGHUP)
    await_that(lambda: "again, for new connections" in gateway.errors())
    assert shown() == "second"
    # The connection of before is the same one, and its event thread lives as long as it does.
    assert gateway.request("GET", "/healthz").status == 200
    gateway.connection.close()
    await_that(lambda: len(os.listdir(f"/proc/{gateway.process.pid}/task")) <= threads)
    gateway.connection = gateway.connect()
    assert gateway.request("GET", "/healthz").status == 200


def test_clients_show_certificates(secure, authority, tmp_path):
    client = authority.client()
    stranger = Authority(tmp_path, "stranger").client("intruder")
    gateway = secure("--tls-client-ca", str(authority.certificate), client=client)
    gateway.create("a", {"kind": "ndarray", "dtype": "u1", "shape": [4]})
    url = f"https://localhost:{gateway.port}"
    for pair, status in ((client, 200), (None, 403), (stranger, 403), (authority.server("no-client"), 200)):
        shown = ["--cert", pair[0], "--key", pair[1]] if pair else []
        code, text, _ = curl(authority, *shown, "-w", "%{http_code}", f"{url}/segments/a")
        assert code == 0 and text.endswith(str(status)), (pair, text)
        assert status == 200 or "a" not in text.split('"detail"')[0].split("name"), text
        code, text, _ = curl(authority, *shown, f"{url}/healthz")
        assert code == 0 and "ok" in text
    only_servers = authority.sign("server-only", "extendedKeyUsage=serverAuth")
    code, text, _ = curl(authority, "--cert", only_servers[0], "--key", only_servers[1], f"{url}/segments/a")
    assert code == 0 and '"status":403' in text


def test_a_certificate_is_who_one_is(secure, authority, tmp_path):
    reader, nobody = authority.client("reader"), authority.client("nobody")
    tokens = tmp_path / "tokens"
    tokens.write_text(f"reader cert:{fingerprint(reader[0])} read mine-\nboss plain:sesame read,create *\n")
    gateway = secure("--tls-client-ca", str(authority.certificate), "--tokens", str(tokens), client=reader)
    boss = {"Authorization": "Bearer sesame"}
    for name in ("mine-a", "other-a"):
        layout = {"kind": "ndarray", "dtype": "u1", "shape": [4]}
        assert gateway.request("POST", "/segments", {"name": name, "layout": layout}, boss).status == 201
    assert gateway.request("GET", "/segments/mine-a").status == 200
    assert gateway.request("GET", "/segments/other-a").status == 404
    assert [segment["name"] for segment in gateway.request("GET", "/segments").json()["segments"]] == ["mine-a"]
    assert gateway.request("DELETE", "/segments/mine-a").status == 403
    gateway.trust.load_cert_chain(*nobody)
    assert gateway.request("GET", "/segments/mine-a", connection=gateway.connect()).status == 401
    code, text, _ = curl(authority, "-H", "Authorization: Bearer sesame", f"https://localhost:{gateway.port}/segments")
    assert code == 0 and '"status":403' in text


def test_beyond_loopback_client_certificates_are_enough(secure, authority):
    gateway = secure("--tls-client-ca", str(authority.certificate), listen=("0.0.0.0:0",), client=authority.client("c"))
    assert gateway.request("GET", "/segments").status == 200


def test_health_and_doctor_over_tls(secure, authority):
    gateway = secure()

    def run(*arguments, **variables):
        environment = {**os.environ, **variables}
        return subprocess.run([binary(), *arguments], capture_output=True, text=True, env=environment)

    url = f"https://localhost:{gateway.port}"
    assert run("health", "--url", url, "--ca", str(authority.certificate)).returncode == 0
    distrust = run("health", "--url", url)
    assert distrust.returncode == 1 and "issuer is unknown" in distrust.stderr
    wrong_name = run("health", "--url", f"https://127.0.0.2:{gateway.port}", "--ca", str(authority.certificate))
    assert wrong_name.returncode == 1
    # As in a container: the service and its health check have the same environment.
    address = f"127.0.0.1:{gateway.port}"
    assert run("health", SHMGATE_LISTEN=address, SHMGATE_TLS_CERT="chain.pem").returncode == 0
    assert run("health", SHMGATE_LISTEN=address).returncode == 1
    doctor = run("doctor", "--directory", gateway.directory, "--url", url, "--ca", str(authority.certificate))
    assert "create, write and read back work" in doctor.stdout


@pytest.mark.parametrize(
    "flags, words, status",
    [
        (("--tls-cert", "{cert}"), "needs both", 64),
        (("--tls-key", "{key}"), "needs both", 64),
        (("--tls-client-ca", "{cert}"), "is for TLS", 64),
        (("--tls-cert", "{nothing}", "--tls-key", "{key}"), "Cannot read", 66),
        (("--tls-cert", "{key}", "--tls-key", "{key}"), "expected a certificate in PEM", 78),
        (("--tls-cert", "{cert}", "--tls-key", "{cert}"), "expected a key in PEM", 78),
        (("--tls-cert", "{cert}", "--tls-key", "{other}"), "belongs to the certificate", 78),
        (("--tls-cert", "{cert}", "--tls-key", "{key}", "--tls-client-ca", "{key}"), "authorities", 78),
        (("--tls-cert", "{empty}", "--tls-key", "{key}"), "expected a certificate in PEM", 78),
    ],
)
def test_a_bad_certificate_is_told_at_the_start(flags, words, status, authority, server_pair, tmp_path):
    (tmp_path / "empty").touch()
    files = {
        "cert": server_pair[0],
        "key": server_pair[1],
        "other": authority.key,
        "nothing": tmp_path / "nothing",
        "empty": tmp_path / "empty",
    }
    arguments = [flag.format(**files) for flag in flags]
    done = subprocess.run(
        [binary(), "serve", "--listen", "127.0.0.1:0", "--directory", str(tmp_path), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == status and words in done.stderr, done
    assert ssl.PEM_HEADER not in done.stderr and "PRIVATE KEY" not in done.stderr


def test_a_certificate_that_ends_soon_is_told(own_gateway, authority):
    certificate, key = authority.server("short", days=3)
    gateway = own_gateway("--tls-cert", str(certificate), "--tls-key", str(key), trust=authority.trust())
    assert "the certificate of --tls-cert ends in" in gateway.errors()


def test_events_and_long_polls_come_in_tls(secure):
    gateway = secure()
    gateway.create("a", {"kind": "ndarray", "dtype": "u1", "shape": [4]})
    stream = Stream(gateway, "/segments/a/events?slice=")
    seen = stream.wait_begin()
    assert gateway.request("PATCH", "/segments/a/data?slice=0", 7).status == 204
    event = stream.wait(1)
    assert event.type == "change" and json.loads(event.data)["value"]["data"] == [7, 0, 0, 0]
    assert gateway.request("GET", f"/segments/a/data?after={seen}&wait=60").status == 200
    assert gateway.request("GET", f"/segments/a/data?after={event.id}&wait=0.05").status == 204
    gateway.stop()
    assert stream.wait_end() is None
