"""A machine of systemd's own, in namespaces: it boots there, with our units, and starts the gateway as they say."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import uuid

from gateway import ROOT, await_that, binary

UNITS = ROOT / "Deploy" / "systemd"
PATH = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NAMESPACES = ["--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup"]
CAP_SYS_ADMIN = 1 << 21

# The machine has the files of this one, except where a directory of its own lies over them. What it writes goes there.
BOOT = f"""
set -eu
mount --make-rprivate /
for own in etc usr/local; do mount --bind "$1/$own" "/$own"; done
for own in run tmp var dev/shm; do mount -t tmpfs -o mode=0755 tmpfs "/$own"; done
mkdir /run/lock /var/lib /var/log /var/tmp
chmod 1777 /tmp /var/tmp /dev/shm
mount -t cgroup2 cgroup2 /sys/fs/cgroup
exec env -i PATH={PATH} container=other \\
    /lib/systemd/systemd --system --unit=machine.target --show-status=0 --log-target=console
"""
TARGET = "[Unit]\nDescription=The machine is up\nDefaultDependencies=no\n"


def control_groups():
    """Where the control groups of version 2 are mounted; None if they are not."""
    found = [line.split() for line in open("/proc/self/mounts") if line.split()[2] == "cgroup2"]
    return found[0][1] if found else None


def obstacle():
    """Why no machine can be made here, or None: it takes root with all rights, and a control group."""
    if os.getuid() != 0:
        return "this user is not root"
    rights = re.search(r"CapEff:\s*(\w+)", open("/proc/self/status").read()).group(1)
    if not int(rights, 16) & CAP_SYS_ADMIN:
        return "this root may not mount"
    if not control_groups() or not os.access(control_groups(), os.W_OK):
        return "there are no control groups of version 2 to change"
    return None


class Machine:
    """systemd as process 1; `run` is a command there."""

    def __init__(self, tokens):
        self.stage = tempfile.mkdtemp(prefix="shmgate-machine-")
        os.chmod(self.stage, 0o755)
        self.furnish(tokens)
        self.group = os.path.join(control_groups(), "shmgate-test-" + uuid.uuid4().hex)
        os.mkdir(self.group)
        self.log = open(os.path.join(self.stage, "log"), "w")
        self.outer = subprocess.Popen(
            ["unshare", *NAMESPACES, "--fork", "--mount-proc", "sh", "-c", BOOT, "boot", self.stage],
            stdout=self.log,
            stderr=subprocess.STDOUT,
            preexec_fn=self.enter_group,
        )
        self.init = await_that(self.first_process, self.told)
        await_that(lambda: self.tried("systemctl", "is-active", "machine.target").returncode == 0, self.told)

    def furnish(self, tokens):
        """What an administrator installs, as README.md has it."""
        units = f"{self.stage}/etc/systemd/system"
        shutil.copytree("/etc", f"{self.stage}/etc", symlinks=True, ignore_dangling_symlinks=True)
        shutil.rmtree(units, ignore_errors=True)
        os.makedirs(units)
        os.makedirs(f"{self.stage}/etc/sysusers.d", exist_ok=True)
        os.makedirs(f"{self.stage}/usr/local/bin")
        for name in ("shmgate.service", "shmgate.socket"):
            shutil.copy(UNITS / name, units)
        with open(f"{units}/machine.target", "w") as file:
            file.write(TARGET)
        shutil.copy(UNITS / "shmgate.sysusers.conf", f"{self.stage}/etc/sysusers.d/shmgate.conf")
        shutil.copy(binary(), f"{self.stage}/usr/local/bin/shmgate")
        self.bring_libraries(units)
        subprocess.run(["systemd-sysusers", f"--root={self.stage}"], check=True, capture_output=True)
        self.write_tokens(tokens)

    def bring_libraries(self, units):
        """Swift's libraries, where the program is not linked to them statically; the toolchain may lie in a home."""
        told = subprocess.run(["ldd", binary()], check=True, capture_output=True, text=True).stdout
        for path in re.findall(r"=> (/\S+)", told):
            if not path.startswith(("/lib", "/usr/lib")):
                os.makedirs(f"{self.stage}/usr/local/lib", exist_ok=True)
                shutil.copy(path, f"{self.stage}/usr/local/lib")
        if os.path.exists(f"{self.stage}/usr/local/lib"):
            self.drop_in("libraries", "[Service]\nEnvironment=LD_LIBRARY_PATH=/usr/local/lib\n")

    def drop_in(self, name, text):
        """Adds to the service what `systemctl edit` would."""
        folder = f"{self.stage}/etc/systemd/system/shmgate.service.d"
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/{name}.conf", "w") as file:
            file.write(text)

    def write_tokens(self, text):
        """Replaces the file of the tokens: root's, and readable for the gateway."""
        folder = f"{self.stage}/etc/shmgate"
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/new", "w") as file:
            file.write(text)
        for path, mode in ((folder, 0o750), (f"{folder}/new", 0o640)):
            os.chown(path, 0, self.number("group"))
            os.chmod(path, mode)
        os.rename(f"{folder}/new", f"{folder}/tokens")

    def number(self, table):
        """The number of the gateway's user (`passwd`) or group there."""
        return int(re.search(r"^shmgate:[^:]*:(\d+):", open(f"{self.stage}/etc/{table}").read(), re.M).group(1))

    def enter_group(self):
        with open(os.path.join(self.group, "cgroup.procs"), "w") as file:
            file.write("0")

    def first_process(self):
        """What process 1 there is called here, as soon as it is systemd."""
        assert self.outer.poll() is None, self.told()
        try:
            child = open(f"/proc/{self.outer.pid}/task/{self.outer.pid}/children").read().split()[0]
            return os.readlink(f"/proc/{child}/exe").endswith("/systemd") and int(child)
        except (OSError, IndexError):
            return None

    def told(self):
        """What systemd printed, and what the gateway did."""
        return "systemd: " + open(self.log.name).read()[-3000:]

    def tried(self, *command, user=None):
        """A command there, of root or of a user, by the numbers of his groups behind his own; it may fail."""
        become = []
        if user:
            more = ",".join(map(str, user[2:]))
            become = ["setpriv", f"--reuid={user[0]}", f"--regid={user[1]}", f"--groups={more}" if more else "--clear-groups"]
        enter = ["nsenter", "--target", str(self.init), *NAMESPACES]
        return subprocess.run(
            [*enter, *become, *command], capture_output=True, text=True, env={"PATH": PATH}, timeout=120
        )

    def run(self, *command, user=None):
        """A command that has to succeed; gives what it printed."""
        ran = self.tried(*command, user=user)
        assert ran.returncode == 0, (command, ran.stdout, ran.stderr, self.journal())
        return ran.stdout

    def property(self, name, unit="shmgate.service"):
        """What systemd says of a unit."""
        return self.run("systemctl", "show", "--value", f"--property={name}", unit).strip()

    def journal(self):
        """What the gateway logged, and systemd of it."""
        return self.tried("journalctl", "--no-pager", "--unit=shmgate.service", "--unit=shmgate.socket").stdout

    def close(self):
        os.kill(self.init, signal.SIGKILL)  # and with it everybody there
        self.outer.wait(60)
        self.log.close()
        for folder, _, _ in os.walk(self.group, topdown=False):
            await_that(lambda: removed(folder), f"{folder} to be empty")
        shutil.rmtree(self.stage)


def removed(folder):
    """Whether a control group is gone, which it can be when all its processes are."""
    try:
        os.rmdir(folder)
    except OSError:
        return False
    return True
