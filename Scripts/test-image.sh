#!/usr/bin/env bash
# Builds the container image and checks it from outside, with whichever engine is there: docker, podman or buildah.
#
#     Scripts/test-image.sh [--no-build]
#
# IMAGE names the image (default shmgate:latest), ENGINE chooses the engine. --no-build checks an image that exists.
# Checked: the image's own user is not root; the container runs as the host's user; it creates a segment; a process
# of the host maps it under /dev/shm as that user, reads and writes; the gateway sees the write; it knows time zones;
# the health check is green; the image is not larger than IMAGE_MAX_MB (default 256). Needs python3 with NumPy and curl
# on the host.
set -euo pipefail
cd "$(dirname "$0")/.."

image=${IMAGE:-shmgate:latest}
limit_mb=${IMAGE_MAX_MB:-256}
name=shmgate-image-test-$$
segment=image-test-$$
container=
pid=

say() { printf '==> %s\n' "$*"; }
die() { printf 'test-image: %s\n' "$*" >&2; exit 1; }

find_engine() {
    local engine
    for engine in ${ENGINE:-docker podman buildah}; do
        command -v "$engine" >/dev/null 2>&1 || continue
        # The command alone is not enough: docker needs its daemon.
        if "$engine" info >/dev/null 2>&1; then printf '%s\n' "$engine"; return 0; fi
    done
    return 1
}

engine=$(find_engine) || die "no working container engine: neither docker, podman nor buildah answers to 'info'"

# The virtual environment of the tests has NumPy; so may the host's own Python.
python=python3
[ ! -x .venv-test/bin/python ] || python=$PWD/.venv-test/bin/python
"$python" -c 'import numpy' 2>/dev/null || die "NumPy is missing for $python; run make test once, or install it"

# The user that the container and the host's process run as. Root proves nothing, so root takes another.
uid=$(id -u)
gid=$(id -g)
if [ "$uid" -eq 0 ]; then uid=${SUDO_UID:-65534} gid=${SUDO_GID:-65534}; fi

build_image() {
    case $engine in
        # Docker's own image format: the other one has no health check.
        podman | buildah) "$engine" build --format docker -t "$image" . ;;
        *) "$engine" build -t "$image" . ;;
    esac
}

inspect() { # inspect DOCKER-TEMPLATE BUILDAH-TEMPLATE
    case $engine in
        buildah) buildah inspect --type image --format "$2" "$image" ;;
        *) "$engine" image inspect --format "$1" "$image" ;;
    esac
}

image_bytes() {
    if [ "$engine" = buildah ]; then
        buildah images --json "$image" | "$python" -c '
import json, re, sys
size = json.load(sys.stdin)[0]["size"]
number, unit = re.fullmatch(r"([\d.]+) *([A-Za-z]*)", str(size)).groups()
print(int(float(number) * {"": 1, "B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9}[unit.upper()]))'
    else
        inspect '{{.Size}}' ''
    fi
}

free_port() { "$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# in_container COMMAND…: runs it in the container, as its user.
in_container() {
    case $engine in
        buildah) buildah run --user "$uid:$gid" --env "SHMGATE_LISTEN=127.0.0.1:$port" \
            --volume /dev/shm:/dev/shm "$container" -- "$@" ;;
        *) "$engine" exec "$container" "$@" ;;
    esac
}

start() {
    case $engine in
        buildah)
            # buildah runs a command in the host's network, and has no detached mode.
            container=$(buildah from --pull-never "$image")
            in_container shmgate serve &
            pid=$!
            ;;
        *)
            container=$("$engine" run --detach --name "$name" --user "$uid:$gid" --volume /dev/shm:/dev/shm \
                --publish "127.0.0.1:$port:8080" "$image")
            ;;
    esac
}

# Called by the trap.
# shellcheck disable=SC2317
clean_up() {
    local status=$?
    if [ "$status" -ne 0 ] && [ -n "$container" ] && [ "$engine" != buildah ]; then
        "$engine" logs "$container" >&2 || true
    fi
    curl -s -o /dev/null -X DELETE "http://127.0.0.1:$port/segments/$segment" || true
    if [ -n "$pid" ]; then
        # The command in the container is a descendant of `buildah run`: end it first, by its id.
        for child in $(descendants "$pid"); do kill "$child" 2>/dev/null || true; done
        wait "$pid" 2>/dev/null || true
    fi
    if [ -n "$container" ]; then
        if [ "$engine" = buildah ]; then buildah rm "$container" >/dev/null
        else "$engine" rm --force "$container" >/dev/null; fi
    fi
    exit "$status"
}

# shellcheck disable=SC2317
descendants() {
    local child
    { cat "/proc/$1/task/"*/children 2>/dev/null || true; } | tr ' ' '\n' | while read -r child; do
        descendants "$child"
        printf '%s\n' "$child"
    done
}

if [ "${1:-}" != --no-build ]; then
    say "building $image with $engine"
    build_image
fi

bytes=$(image_bytes)
say "size: $((bytes / 1000000)) MB"
[ "$bytes" -le "$((limit_mb * 1000000))" ] || die "the image is larger than $limit_mb MB"

user=$(inspect '{{.Config.User}}' '{{.OCIv1.Config.User}}')
say "the image's user: $user"
case $user in '' | root | root:* | 0 | 0:*) die "the image runs as root" ;; esac

port=$(free_port)
base=http://127.0.0.1:$port
trap clean_up EXIT
start
for _ in $(seq 100); do
    if curl -sf -o /dev/null "$base/readyz"; then break; fi
    sleep 0.1
done
curl -sf "$base/readyz" | grep -q '"ok"' || die "the gateway does not answer on $base/readyz"

say "creating a segment as user $uid:$gid"
curl -sSf -o /dev/null -H 'Content-Type: application/json' \
    -d '{"name":"'"$segment"'","layout":{"kind":"ndarray","dtype":"float32","shape":[3,5]}}' "$base/segments"
owner=$(stat -c '%u:%g %a' "/dev/shm/$segment")
[ "$owner" = "$uid:$gid 600" ] || die "/dev/shm/$segment is $owner, not $uid:$gid 600"
curl -sSf -o /dev/null -X PATCH -H 'Content-Type: application/json' -d '[1, 2, 3]' \
    "$base/segments/$segment/data?slice=1,1:4"

say "mapping it from a process of the host"
"$python" - "/dev/shm/$segment" "$uid" "$gid" <<'PYTHON'
import json, mmap, os, sys  # mmap now: after setuid a private Python may be out of reach
import numpy as np

path, uid, gid = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
h = json.loads(open(path, "rb").read(8192)[4096:].rstrip(b"\0"))
b = h["buffers"][0]
a = np.memmap(path, b["dtype"], "r+", b["offset"], tuple(b["shape"]))
assert a[1].tolist() == [0, 1, 2, 3, 0], a
a[2] = [10, 20, 30, 40, 50]
PYTHON
answer=$(curl -sSf "$base/segments/$segment/data?slice=2")
expected='{"dtype":"<f4","shape":[5],"data":[10.0,20.0,30.0,40.0,50.0]}'
[ "$answer" = "$expected" ] || die "the gateway does not see what the host wrote: $answer"

say "asking for a time zone"
curl -sSf -o /dev/null -X DELETE "$base/segments/$segment"
index='{"dtype":"datetime64[s, Europe/Berlin]","start":"2024-03-31","periods":2,"freq":"1D"}'
curl -sSf -o /dev/null -H 'Content-Type: application/json' \
    -d '{"name":"'"$segment"'","layout":{"kind":"series","dtype":"int8","index":'"$index"'}}' "$base/segments"
answer=$(curl -sSf "$base/segments/$segment/data")
expected='{"name":null,"dtype":"|i1","index":["2024-03-31T00:00:00+01:00","2024-04-01T00:00:00+02:00"],"data":[0,0]}'
[ "$answer" = "$expected" ] || die "the gateway does not know the time zone: $answer"

say "checking the health"
in_container shmgate health || die "shmgate health is not green"
if [ "$engine" != buildah ]; then
    for _ in $(seq 30); do
        health=$("$engine" inspect --format '{{.State.Health.Status}}' "$container")
        if [ "$health" = healthy ]; then break; fi
        sleep 1
    done
    [ "$health" = healthy ] || die "the container is $health"
fi
curl -sSf -o /dev/null -X DELETE "$base/segments/$segment"
[ ! -e "/dev/shm/$segment" ] || die "/dev/shm/$segment is still there after DELETE"
say "the image is good"
