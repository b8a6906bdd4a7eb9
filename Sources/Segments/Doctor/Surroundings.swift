internal import Glibc

/// The machine and the container around a directory of segments, as far as the system's files tell.
package struct Surroundings {
    /// What stands before `/proc`, `/sys`, `/etc` and `/run`; empty for those of the system.
    let root: String
    /// The real path of the directory, without symbolic links.
    let path: String
    /// Who asks.
    let uid: UInt32
    let mounts: MountTable?

    /// Looks from this process at a directory that exists.
    package init(of path: String) {
        let real = realpath(path, nil)
        defer { free(real) }
        self.init(root: "", path: real.map { String(cString: $0) } ?? path, uid: geteuid())
    }

    init(root: String, path: String, uid: UInt32) {
        self.root = root
        self.path = path
        self.uid = uid
        mounts = MountTable(path: "\(root)/proc/self/mountinfo")
    }

    /// All that they tell.
    package func findings() -> [Finding] {
        [kind, sharing, removal, userIds, labels, mappings].compactMap { $0 }
    }

    /// Whether it is what POSIX shared memory lies in, or below that.
    private var isShared: Bool { path == "/dev/shm" || path.hasPrefix("/dev/shm/") }

    /// The mount that the directory lies in.
    private var mount: MountTable.Mount? { mounts?.mount(holding: path) }

    private var kind: Finding {
        guard let mount else {
            return .warn(
                "tmpfs",
                "/proc/self/mountinfo does not say what \(path) is",
                expected: "a tmpfs",
                advice: "look with df \(path)"
            )
        }
        if mount.kind == "tmpfs" { return .ok("tmpfs", "\(path) lies in the tmpfs at \(mount.point)") }
        return .warn(
            "tmpfs",
            "\(path) lies in a file system of kind \(mount.kind), mounted at \(mount.point)",
            expected: "a tmpfs: memory and not a disk",
            advice: "use --directory /dev/shm, or mount a tmpfs there"
        )
    }

    /// Why this is taken for a container; nil if it is none, as far as one can tell.
    private var container: String? {
        for file in ["/.dockerenv", "/run/.containerenv"] where SmallFile.bytes(of: root + file) != nil {
            return "there is \(file)"
        }
        let groups = SmallFile.text(of: "\(root)/proc/1/cgroup") ?? ""
        for word in ["docker", "kubepods", "libpod", "containerd"] where groups.contains(word) {
            return "its control group is of \(word)"
        }
        let namespace = SmallFile.link("\(root)/proc/self/ns/pid")
        return namespace == nil || namespace == "pid:[4026531836]" ? nil : "its pid namespace is not the machine's"
    }

    private var sharing: Finding {
        guard let container else {
            return .ok("shared with the host", "this looks like no container, so the directory is the machine's own")
        }
        let advice = "share it with --ipc=host, or with -v /dev/shm:/dev/shm; in Kubernetes with a hostPath volume"
        if isShared, SmallFile.link("\(root)/proc/self/ns/ipc") == "ipc:[4026531839]" {
            return .ok("shared with the host", "looks like a container (\(container)), in the host's ipc namespace")
        }
        guard let mount else {
            return .warn(
                "shared with the host",
                "this is a container (\(container)), and what \(path) is cannot be told",
                expected: "the host's directory, if processes of the host are to see the segments",
                advice: advice
            )
        }
        if mount.source == "shm" || mount.point == "/" {
            return .warn(
                "shared with the host",
                "this is a container (\(container)), and \(path) is its own: mounted at \(mount.point) from \(mount.source)",
                expected: "the host's directory, if processes of the host are to see the segments",
                advice: advice
            )
        }
        return .ok(
            "shared with the host",
            "this is a container (\(container)); \(path) does not look like its private one (mounted at \(mount.point) from "
                + "\(mount.source)), but whether the host sees the same files only a look from there shows"
        )
    }

    private var removal: Finding {
        let subject = "RemoveIPC"
        guard access("\(root)/run/systemd/system", F_OK) == 0 else {
            return .ok(subject, "systemd does not run here; on a host that shares the directory it may")
        }
        if uid < 1_000 { return .ok(subject, "user \(uid) is a system user, whose segments systemd leaves alone") }
        let setting = LoginConfiguration(root: root).removesIPC
        guard setting.isOn, isShared else {
            return .ok(subject, setting.isOn ? "\(path) is not below /dev/shm" : "off, by \(setting.source)")
        }
        return .warn(
            subject,
            "on, by \(setting.source), and \(uid) is no system user: systemd removes his segments when his last session ends",
            expected: "RemoveIPC=no, or a system user (uid below 1000)",
            advice:
                "set RemoveIPC=no in /etc/systemd/logind.conf.d/shmgate.conf and restart systemd-logind, let the user "
                + "linger (loginctl enable-linger), or run shmgate as a system user"
        )
    }

    private var userIds: Finding {
        let map = (SmallFile.text(of: "\(root)/proc/self/uid_map") ?? "").split(separator: "\n")
            .map { $0.split(separator: " ").joined(separator: " ") }
        if map == ["0 0 4294967295"] || map.isEmpty { return .ok("user ids", "the same inside and outside") }
        return .warn(
            "user ids",
            "mapped (inside, outside, count): \(map.joined(separator: "; ")): files made here have another owner outside",
            expected: "the same ids inside and outside, if processes of the host are to map the segments",
            advice:
                "run without user namespaces (--userns=host, or --userns=keep-id in podman), or create segments with "
                + "--mode 0660 and a group that both sides have"
        )
    }

    private var labels: Finding {
        let subject = "SELinux"
        guard let enforce = SmallFile.text(of: "\(root)/sys/fs/selinux/enforce") else {
            return .ok(subject, "not there")
        }
        if enforce.first != "1" { return .ok(subject, "permissive") }
        let label = (SmallFile.text(of: "\(root)/proc/self/attr/current") ?? "").prefix { $0 != "\0" && $0 != "\n" }
        guard label.contains("container_t") || label.contains("svirt") else {
            return .ok(subject, "enforcing; this process is \(label.isEmpty ? "not labelled" : String(label))")
        }
        return .warn(
            subject,
            "enforcing, and this process is confined as \(label): other containers, and processes of the host, may be kept "
                + "from its files, and it from theirs",
            expected: "a label that both sides may map",
            advice: "run the container with --security-opt label=disable, or with one level for all who share segments"
        )
    }

    private var mappings: Finding? {
        guard let text = SmallFile.text(of: "\(root)/proc/sys/vm/max_map_count"),
            let count = Int(text.prefix { $0 != "\n" })
        else { return nil }
        if count >= 65_530 { return .ok("mappings", "vm.max_map_count is \(count)") }
        return .warn(
            "mappings",
            "vm.max_map_count is \(count)",
            expected: "65530 or more: each segment that is open is a mapping",
            advice: "sysctl vm.max_map_count=65530"
        )
    }
}

/// What systemd-logind is told: its file, and drop-ins, of which the last by name that says a thing wins.
struct LoginConfiguration {
    /// Whether segments of a user go with his last session, and where that is said.
    let removesIPC: (isOn: Bool, source: String)

    init(root: String) {
        let folders = ["/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd"]
        var isOn = true
        var source = "systemd's default"
        if let main = folders.first(where: { SmallFile.bytes(of: "\(root)\($0)/logind.conf") != nil }) {
            if let value = Self.value(in: "\(root)\(main)/logind.conf") {
                (isOn, source) = (value, "\(main)/logind.conf")
            }
        }
        // A name in an earlier folder hides the same in a later one.
        var dropIns: [String: String] = [:]
        for folder in folders.reversed() {
            for name in Self.names(in: "\(root)\(folder)/logind.conf.d") where name.hasSuffix(".conf") {
                dropIns[name] = "\(folder)/logind.conf.d/\(name)"
            }
        }
        for (_, path) in dropIns.sorted(by: { $0.key < $1.key }) {
            if let value = Self.value(in: root + path) { (isOn, source) = (value, path) }
        }
        removesIPC = (isOn, source)
    }

    private static func value(in path: String) -> Bool? {
        var value: Bool?
        for line in (SmallFile.text(of: path) ?? "").split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, parts[0].filter({ $0 != " " && $0 != "\t" }) == "RemoveIPC" else { continue }
            switch parts[1].filter({ $0 != " " && $0 != "\t" }).lowercased() {
            case "yes", "y", "true", "t", "on", "1": value = true
            case "no", "n", "false", "f", "off", "0": value = false
            default: break
            }
        }
        return value
    }

    private static func names(in folder: String) -> [String] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            names.append(
                withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            )
        }
        return names
    }
}
