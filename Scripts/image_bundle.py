"""Writes an OCI bundle that runs an image as Compose and Kubernetes are told to: config.json for runc or crun.

    buildah inspect --type image IMAGE | image_bundle.py ROOT UID:GID [VARIABLE=VALUE…] > config.json

The root is read-only, no capability is held, nothing can gain one, /dev/shm is the host's, and system calls are those of
the engines' own profile (/usr/share/containers/seccomp.json). The network is the host's, for buildah alone makes none.
"""

import json
import platform
import sys

PROFILE = "/usr/share/containers/seccomp.json"
NAMES = {"x86_64": ("amd64", "SCMP_ARCH_X86_64"), "aarch64": ("arm64", "SCMP_ARCH_AARCH64")}
PLACES = [
    ("/proc", "proc", "proc", ["nosuid", "noexec", "nodev"]),
    ("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    ("/sys", "bind", "/sys", ["rbind", "nosuid", "noexec", "nodev", "ro"]),
    ("/dev/shm", "bind", "/dev/shm", ["rbind", "nosuid", "noexec", "nodev"]),
]


def seccomp():
    """The profile in the runtime's form: what holds for this processor and a process without capabilities."""
    profile = json.load(open(PROFILE))
    ours, formal = NAMES[platform.machine()]

    def holds(rule):
        only, never = rule.get("includes") or {}, rule.get("excludes") or {}
        return not only.get("caps") and ours in (only.get("arches") or [ours]) and ours not in (never.get("arches") or [])

    keys = ("names", "action", "args", "errnoRet")
    return {
        "defaultAction": profile["defaultAction"],
        "defaultErrnoRet": profile.get("defaultErrnoRet", 1),
        "architectures": [formal],
        "syscalls": [{key: rule[key] for key in keys if rule.get(key)} for rule in profile["syscalls"] if holds(rule)],
    }


def bundle(image, root, user, settings):
    uid, _, gid = user.partition(":")
    return {
        "ociVersion": "1.0.0",
        "process": {
            "user": {"uid": int(uid), "gid": int(gid)},
            "args": (image.get("Entrypoint") or []) + (image.get("Cmd") or []),
            "env": image["Env"] + settings,
            "cwd": "/",
            "capabilities": {kind: [] for kind in ("bounding", "effective", "inheritable", "permitted", "ambient")},
            "noNewPrivileges": True,
        },
        "root": {"path": root, "readonly": True},
        "mounts": [dict(zip(("destination", "type", "source", "options"), place)) for place in PLACES],
        "linux": {
            "namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")],
            "seccomp": seccomp(),
        },
    }


if __name__ == "__main__":
    image = json.load(sys.stdin)["OCIv1"]["config"]
    json.dump(bundle(image, sys.argv[1], sys.argv[2], sys.argv[3:]), sys.stdout, indent=1)
