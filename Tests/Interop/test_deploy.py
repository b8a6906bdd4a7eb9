"""Deploy/compose.yaml and Deploy/kubernetes: valid by the schemas of their makers, and true of the gateway."""

import os
import pathlib
import subprocess
import sys

import kubernetes_validate
import pytest
import yaml

from gateway import ROOT, Gateway, settings_of_help

COMPOSE = ROOT / "Deploy" / "compose.yaml"
MANIFEST = ROOT / "Deploy" / "kubernetes" / "shmgate.yaml"
DOCKERFILE = (ROOT / "Dockerfile").read_text()
DOCUMENTS = {document["kind"]: document for document in yaml.safe_load_all(MANIFEST.read_text())}
POD = DOCUMENTS["DaemonSet"]["spec"]["template"]["spec"]
CONTAINER = POD["containers"][0]
SERVICE = yaml.safe_load(COMPOSE.read_text())["services"]["shmgate"]
TOKEN = {"Authorization": "Bearer secret-of-the-test"}


def environment(path):
    """What a container is told in the Compose file or in the manifest, as variables."""
    return SERVICE["environment"] if path == COMPOSE else {each["name"]: each["value"] for each in CONTAINER["env"]}


@pytest.fixture(params=[COMPOSE, MANIFEST], ids=["compose", "kubernetes"])
def path(request):
    return request.param


def told(path, *changes, **settings):
    """A gateway that is told what the container would be, but for places: a directory, a port, the tokens."""
    variables = environment(path) | dict(changes)
    return Gateway(prefix=["env", *(f"{name}={value}" for name, value in variables.items() if value)], **settings)


@pytest.fixture
def as_deployed(path, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text("test plain:secret-of-the-test read,create,unlink *\n")
    gateway = told(path, ("SHMGATE_TOKENS", tokens))
    yield gateway
    gateway.close()


def test_the_compose_file_is_valid():
    checker = pathlib.Path(sys.executable).with_name("check-jsonschema")
    told = subprocess.run([checker, "--builtin-schema", "vendor.compose-spec", COMPOSE], capture_output=True, text=True)
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.parametrize("version", ["1.27", kubernetes_validate.latest_version()])
@pytest.mark.parametrize("kind", list(DOCUMENTS))
def test_the_manifests_are_valid(kind, version):
    kubernetes_validate.validate(DOCUMENTS[kind], version, strict=True)


def test_the_settings_are_settings_of_the_gateway(path):
    assert set(environment(path)) <= settings_of_help()


def test_a_gateway_that_is_told_so_serves_who_has_a_token_and_nobody_else(as_deployed):
    assert as_deployed.request("GET", "/segments").status == 401
    assert as_deployed.request("GET", "/segments", headers=TOKEN).status == 200


@pytest.mark.parametrize("tokens", ["missing", None])
def test_without_tokens_it_does_not_start(path, tmp_path, tokens):
    place = tokens and tmp_path / tokens
    with pytest.raises(AssertionError, match="Cannot use the tokens of" if tokens else "without --tokens"):
        told(path, ("SHMGATE_TOKENS", place), listen=["0.0.0.0:0"], directory=str(tmp_path))


def test_the_probes_are_answered_whoever_asks(as_deployed):
    # The kubelet has no token, and asks for the pod by its address.
    for probe in ("livenessProbe", "readinessProbe"):
        asked = CONTAINER[probe]["httpGet"]
        answer = as_deployed.request("GET", asked["path"], headers={"Host": "10.1.2.3:8080"})
        assert (answer.status, answer.json()) == (200, {"status": "ok"}), probe
        assert asked["port"] == CONTAINER["ports"][0]["name"]


def test_the_mode_lets_the_group_map_what_is_made(as_deployed, path):
    array = {"name": "shared", "layout": {"kind": "bytes", "size": 1}}
    assert as_deployed.request("POST", "/segments", array, headers=TOKEN).status == 201
    mode = os.stat(as_deployed.path("shared")).st_mode & 0o777
    assert mode == (0o660 if path == MANIFEST else 0o600)


def test_nothing_is_granted_that_the_gateway_does_not_need():
    assert POD["automountServiceAccountToken"] is False and POD["enableServiceLinks"] is False
    assert "hostNetwork" not in POD and "hostPID" not in POD and "hostIPC" not in POD
    both = POD["securityContext"] | CONTAINER["securityContext"]
    assert both["runAsNonRoot"] and both["readOnlyRootFilesystem"] and not both["allowPrivilegeEscalation"]
    assert both["capabilities"] == {"drop": ["ALL"]} and both["seccompProfile"] == {"type": "RuntimeDefault"}
    assert [volume["hostPath"]["path"] for volume in POD["volumes"] if "hostPath" in volume] == ["/dev/shm"]
    assert SERVICE["read_only"] and SERVICE["cap_drop"] == ["ALL"] and "no-new-privileges:true" in SERVICE["security_opt"]
    assert [volume["source"] for volume in SERVICE["volumes"]] == ["/dev/shm"] and "privileged" not in SERVICE
    assert all(port.startswith("127.0.0.1:") for port in SERVICE["ports"])


def test_user_and_port_are_those_of_the_image():
    assert f"USER {POD['securityContext']['runAsUser']}:{POD['securityContext']['runAsGroup']}" in DOCKERFILE
    port = CONTAINER["ports"][0]["containerPort"]
    assert f"EXPOSE {port}" in DOCKERFILE and environment(MANIFEST)["SHMGATE_LISTEN"] == f"0.0.0.0:{port}"
    assert SERVICE["ports"] == [f"127.0.0.1:{port}:{port}"] and "SHMGATE_LISTEN" not in environment(COMPOSE)
    for command in (CONTAINER["args"], SERVICE["command"]):
        assert command == ["serve"] and 'ENTRYPOINT ["shmgate"]' in DOCKERFILE


def test_the_policy_and_the_service_mean_the_pods_of_the_daemon_set():
    labels = DOCUMENTS["DaemonSet"]["spec"]["template"]["metadata"]["labels"]
    assert DOCUMENTS["DaemonSet"]["spec"]["selector"]["matchLabels"] == labels
    assert DOCUMENTS["Service"]["spec"]["selector"] == labels
    assert DOCUMENTS["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    assert {document["metadata"].get("namespace", "shmgate") for document in DOCUMENTS.values()} == {"shmgate"}
