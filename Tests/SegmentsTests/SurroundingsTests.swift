import Glibc
import TestSupport
import Testing

@testable import Segments

/// What a doctor says of machines and containers that are not at hand, told by their files.
@Suite struct SurroundingsTests {
    private static let machine = [
        "proc/self/mountinfo": """
        22 1 8:1 / / rw - ext4 /dev/sda1 rw
        25 22 0:23 / /dev/shm rw,nosuid master:3 - tmpfs tmpfs rw,size=8g

        """,
        "proc/self/uid_map": "         0          0 4294967295\n",
        "proc/1/cgroup": "0::/init.scope\n",
        "proc/sys/vm/max_map_count": "65530\n",
        "run/systemd/system/x": "",
    ]
    private static let container = [
        "proc/self/mountinfo": """
        500 499 0:50 / / rw - overlay overlay rw
        510 500 0:52 / /dev/shm rw,nosuid - tmpfs shm rw,size=65536k

        """,
        "proc/1/cgroup": "0::/kubepods/x\n",
    ]

    /// The findings where all that is not in the files is as on a machine, by subject.
    private func findings(
        _ files: [String: String],
        without missing: [String] = [],
        uid: UInt32 = 1_000,
        path: String = "/dev/shm",
        ipc: String = "ipc:[4026532000]"
    ) throws -> [String: Finding] {
        let tree = try FileTree(Self.machine.merging(files) { $1 }.filter { !missing.contains($0.key) })
        try tree.link("proc/self/ns/ipc", to: ipc)
        try tree.link("proc/self/ns/pid", to: "pid:[4026531836]")
        let found = Surroundings(root: tree.path, path: path, uid: uid).findings()
        return Dictionary(found.map { ($0.subject, $0) }) { $1 }
    }

    @Test("a machine on which all is well, but for what systemd does to users")
    func machine() throws {
        let found = try findings([:])
        for subject in ["tmpfs", "shared with the host", "user ids", "SELinux", "mappings"] {
            #expect(found[subject]?.level == .ok, "\(subject)")
        }
        #expect(found["RemoveIPC"]?.level == .warn)
        #expect(found["RemoveIPC"]?.found.contains("systemd's default") == true)
        #expect(found.values.allSatisfy { ($0.level == .ok) == ($0.advice == nil && $0.expected == nil) })
        #expect(try findings([:], path: "/home")["tmpfs"]?.level == .warn)
    }

    @Test("RemoveIPC is what the last drop-in says, and concerns users below /dev/shm only")
    func removal() throws {
        func level(_ files: [String: String], uid: UInt32 = 1_000) throws -> Finding.Level? {
            try findings(files, uid: uid)["RemoveIPC"]?.level
        }
        let off = "[Login]\n#RemoveIPC=yes\nRemoveIPC=no\n"
        let on = "[Login]\nRemoveIPC = yes\n"
        #expect(try level(["etc/systemd/logind.conf": off]) == .ok)
        #expect(try level(["etc/systemd/logind.conf": "[Login]\n#RemoveIPC=no\n"]) == .warn)
        #expect(try level(["etc/systemd/logind.conf": off, "usr/lib/systemd/logind.conf.d/a.conf": on]) == .warn)
        #expect(
            try level(["usr/lib/systemd/logind.conf.d/b.conf": on, "etc/systemd/logind.conf.d/a.conf": off]) == .warn
        )
        #expect(
            try level(["usr/lib/systemd/logind.conf.d/b.conf": on, "etc/systemd/logind.conf.d/b.conf": off]) == .ok
        )
        #expect(try level([:], uid: 999) == .ok)
        #expect(try findings([:], without: ["run/systemd/system/x"])["RemoveIPC"]?.level == .ok)
        #expect(try findings([:], path: "/dev/shmx")["RemoveIPC"]?.level == .ok)
    }

    @Test("a container's own /dev/shm is told from the host's, as far as one can")
    func sharing() throws {
        let own = try findings(Self.container)["shared with the host"]
        #expect(own?.level == .warn && own?.advice?.contains("--ipc=host") == true)
        #expect(try findings(Self.container, ipc: "ipc:[4026531839]")["shared with the host"]?.level == .ok)
        let mounted = Self.container.merging([
            "proc/self/mountinfo":
                "500 499 0:50 / / rw - overlay overlay rw\n510 500 0:23 / /dev/shm rw - tmpfs tmpfs rw\n"
        ]) { $1 }
        let shared = try findings(mounted)["shared with the host"]
        #expect(shared?.level == .ok && shared?.found.contains("only a look from there shows") == true)
        #expect(try findings([".dockerenv": ""])["shared with the host"]?.found.contains("/.dockerenv") == true)
    }

    @Test("mapped user ids, confinement and few mappings are warnings")
    func confinement() throws {
        #expect(try findings(["proc/self/uid_map": "0 100000 65536\n"])["user ids"]?.level == .warn)
        let enforcing = [
            "sys/fs/selinux/enforce": "1", "proc/self/attr/current": "system_u:system_r:container_t:s0:c1\0",
        ]
        #expect(try findings(enforcing)["SELinux"]?.level == .warn)
        #expect(try findings(enforcing.merging(["sys/fs/selinux/enforce": "0"]) { $1 })["SELinux"]?.level == .ok)
        let free = [
            "sys/fs/selinux/enforce": "1", "proc/self/attr/current": "unconfined_u:unconfined_r:unconfined_t:s0",
        ]
        #expect(try findings(free)["SELinux"]?.level == .ok)
        #expect(try findings(["proc/sys/vm/max_map_count": "1024\n"])["mappings"]?.level == .warn)
    }

    @Test("the size is judged by the memory")
    func size() {
        let gibibyte = 1 << 30
        #expect(DirectoryHealth.size(64 << 20, of: 8 * gibibyte).advice?.contains("--shm-size") == true)
        #expect(DirectoryHealth.size(gibibyte / 2, of: 8 * gibibyte).level == .warn)
        #expect(DirectoryHealth.size(4 * gibibyte, of: 8 * gibibyte).level == .ok)
        #expect(DirectoryHealth.size(9 * gibibyte, of: 8 * gibibyte).level == .warn)
    }

    @Test("leftovers of the dead are counted and left alone; those of the living are not leftovers")
    func leftovers() throws {
        let workshop = try Workshop()
        let draft = try workshop.draft(dataBytes: 10)
        let name = ".shmgate-journal-" + String(repeating: "0a", count: 16)
        try workshop.file(name).write(Array(repeating: 1, count: 4_096))
        let segment = try workshop.segment("a")
        try workshop.file("a").patch(UInt64(1), at: ControlWord.damaged)
        try workshop.file("b").write(ControlPage.magic + Array(repeating: 0xFF, count: 9_000))
        let found = Dictionary(DirectoryHealth(workshop.directory).findings().map { ($0.subject, $0) }) { $1 }
        #expect(found["leftovers"]?.level == .warn)
        #expect(
            found["leftovers"]?.found
                == "1 drafts and journals of processes that died, 4 KiB; 1 more of processes that live, or of others"
        )
        #expect(
            found["segments"]?.found
                == "1 readable, 1 corrupt or of an unknown format (b), 1 damaged by writers that died (a)"
        )
        #expect(workshop.file(name).exists)
        withExtendedLifetime((draft, segment)) {}
    }
}
