#!/usr/bin/env bash
# Builds the container image and checks it from outside, with whichever engine is there: docker, podman or buildah.
#
#     Scripts/test-image.sh [--no-build]
#
# IMAGE names the image (default shmgate:latest), ENGINE chooses the engine. --no-build checks an image that exists.
# Checked: the image's own user is not root, and it adds not more than IMAGE_MAX_MB (default 60) to its base; the
# container runs as the host's user, without capabilities and on a root that it cannot write to; it creates a segment,
# and a process of the host maps it under /dev/shm as that user, reads and writes; the gateway sees the write, and a
# segment that the host made, and is refused one of another user; it knows time zones; the health check is green.
# Needs python3 with NumPy and curl on the host; buildah needs crun or runc, and root.
set -euo pipefail
cd "$(dirname "$0")/.."

image=${IMAGE:-shmgate:latest}
limit_mb=${IMAGE_MAX_MB:-60}
base_image=$(sed -n 's/^FROM \(debian:[^ ]*\)$/\1/p' Dockerfile)
name=shmgate-image-test-$$
segment=image-test-$$
container=
bundle=
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

# bytes_of IMAGE: its size.
bytes_of() {
    if [ "$engine" = buildah ]; then
        buildah images --json "$1" | "$python" -c '
import json, re, sys
size = json.load(sys.stdin)[0]["size"]
number, unit = re.fullmatch(r"([\d.]+) *([A-Za-z]*)", str(size)).groups()
print(int(float(number) * {"": 1, "B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9}[unit.upper()]))'
    else
        # An engine may have built on a base that it does not list.
        "$engine" image inspect "$1" >/dev/null 2>&1 || "$engine" pull -q "$1" >/dev/null
        "$engine" image inspect --format '{{.Size}}' "$1"
    fi
}

free_port() { "$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# runtime COMMAND…: the OCI runtime, with control groups of version 2 where it looks for them.
runtime() {
    local program
    program=$(command -v crun || command -v runc) || die "buildah alone cannot run an image as it is meant; install crun"
    if [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]; then "$program" --cgroup-manager=disabled "$@"
    else
        unshare --mount sh -c 'mount -t cgroup2 cgroup2 /sys/fs/cgroup; exec "$@"' - \
            "$program" --cgroup-manager=disabled "$@"
    fi
}

# in_container COMMAND…: runs it in the container, as its user.
in_container() {
    case $engine in
        buildah)
            runtime exec --user "$uid:$gid" --env "SHMGATE_LISTEN=127.0.0.1:$port" --env PATH=/usr/local/bin:/usr/bin:/bin \
                "$name" "$@"
            ;;
        *) "$engine" exec "$container" "$@" ;;
    esac
}

start() {
    case $engine in
        buildah)
            # buildah has neither a read-only root nor a detached mode.
            container=$(buildah from --pull-never "$image")
            bundle=$(mktemp -d)
            buildah inspect --type image "$image" | "$python" Scripts/image_bundle.py "$(buildah mount "$container")" \
                "$uid:$gid" "SHMGATE_LISTEN=127.0.0.1:$port" >"$bundle/config.json"
            runtime run --bundle "$bundle" "$name" &
            pid=$!
            ;;
        *)
            container=$("$engine" run --detach --name "$name" --user "$uid:$gid" --volume /dev/shm:/dev/shm \
                --read-only --cap-drop ALL --security-opt no-new-privileges \
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
    for made in "$segment" "$segment-host" "$segment-other"; do rm -f "/dev/shm/$made"; done
    if [ -n "$pid" ]; then
        runtime kill "$name" TERM || true
        wait "$pid" 2>/dev/null || true
        rm -rf "$bundle"
    fi
    if [ -n "$container" ]; then
        if [ "$engine" = buildah ]; then buildah rm "$container" >/dev/null
        else "$engine" rm --force "$container" >/dev/null; fi
    fi
    exit "$status"
}

if [ "${1:-}" != --no-build ]; then
    say "building $image with $engine"
    build_image
fi

added=$(($(bytes_of "$image") - $(bytes_of "$base_image")))
say "size beyond $base_image: $((added / 1000000)) MB"
[ "$added" -le "$((limit_mb * 1000000))" ] || die "the image adds more than $limit_mb MB to its base"

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

say "serving what the host made, and refusing what another user keeps to himself"
as_user() { if [ "$(id -u)" -eq 0 ]; then setpriv --reuid "$uid" --regid "$gid" --clear-groups "$@"; else "$@"; fi; }
as_user cp "/dev/shm/$segment" "/dev/shm/$segment-host"
[ "$(curl -sSf "$base/segments/$segment-host/data?slice=2")" = "$expected" ] || die "a segment of the host is not seen"
if [ "$(id -u)" -eq 0 ]; then
    install -m 600 "/dev/shm/$segment" "/dev/shm/$segment-other"
    status=$(curl -sS -o /dev/null -w '%{http_code}' "$base/segments/$segment-other/data")
    [ "$status" = 403 ] || die "the segment of another user is $status, not 403"
fi

say "looking for a way out"
kept=$(in_container sh -c 'for place in / /etc /usr/local/bin /var/lib; do touch $place/new 2>/dev/null || echo kept; done')
[ "$(grep -c kept <<<"$kept")" -eq 4 ] || die "the root can be written to"
in_container grep -q '^CapEff:[^0-9a-f]*0*$' /proc/1/status || die "the gateway has capabilities"
in_container grep -q '^NoNewPrivs:[^0-9]*1$' /proc/1/status || die "the gateway could gain privileges"
in_container grep -q "^Uid:[^0-9]*$uid" /proc/1/status || die "the gateway is another user than it was told"

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
