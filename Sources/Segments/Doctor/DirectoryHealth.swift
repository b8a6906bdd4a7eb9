internal import CSegment
internal import Glibc

/// The state of a directory of segments and of what this process may do in it.
package struct DirectoryHealth {
    private let directory: SegmentDirectory
    private let memoryBytes: Int
    private let memory: ContainerMemory

    /// Looks at an open directory.
    package init(_ directory: SegmentDirectory) {
        self.init(
            directory,
            memoryBytes: Int(sysconf(Int32(_SC_PHYS_PAGES))) * Int(sysconf(Int32(_SC_PAGESIZE))),
            memory: .ofThisProcess
        )
    }

    init(_ directory: SegmentDirectory, memoryBytes: Int, memory: ContainerMemory) {
        self.directory = directory
        self.memoryBytes = memoryBytes
        self.memory = memory
    }

    /// All that was found.
    package func findings() -> [Finding] {
        [size, room, limit, leftovers, segments, descriptors, locks, waiting]
    }

    private var size: Finding {
        guard let capacity = try? directory.capacity() else {
            return .fail(
                "size",
                "\(directory.path) does not tell its size",
                expected: "a mounted tmpfs",
                advice: "look with df \(directory.path)"
            )
        }
        return Self.size(capacity.totalBytes, of: memoryBytes)
    }

    /// Judges the size of a file system by the memory of the machine.
    static func size(_ totalBytes: Int, of memoryBytes: Int) -> Finding {
        let found = "\(readable(totalBytes)), the machine has \(readable(memoryBytes)) of memory"
        if totalBytes <= 64 << 20 {
            return .warn(
                "size",
                found + "; 64 MiB is what a container gets if nobody says more",
                expected: "room for the segments: half of the memory is usual",
                advice: "give the container --shm-size=1g, or the host's directory with -v /dev/shm:/dev/shm"
            )
        }
        if totalBytes < memoryBytes / 8 {
            return .warn(
                "size",
                found,
                expected: "room for the segments: half of the memory is usual",
                advice: "mount -o remount,size=50% on the tmpfs, or --shm-size for a container"
            )
        }
        if totalBytes > memoryBytes {
            return .warn(
                "size",
                found,
                expected: "no more than the memory: full, it drives the machine out of memory",
                advice: "mount -o remount,size=50% on the tmpfs"
            )
        }
        return .ok("size", found)
    }

    private var room: Finding {
        guard let capacity = try? directory.capacity(), capacity.totalBytes > 0 else {
            return .ok("free", "not known")
        }
        let found = "\(readable(capacity.freeBytes)) of \(readable(capacity.totalBytes))"
        if capacity.freeBytes >= capacity.totalBytes / 10 { return .ok("free", found) }
        return .warn(
            "free",
            found,
            expected: "a tenth or more: creations that do not fit are refused with 507",
            advice: "shmgate gc --older-than AGE lists what nobody uses; or enlarge the tmpfs"
        )
    }

    private var limit: Finding {
        guard let limit = memory.limitBytes, let free = memory.freeBytes else {
            return .ok("memory limit", "none of a control group")
        }
        let found = "\(readable(limit)), of which \(readable(max(free, 0))) are left"
        if let capacity = try? directory.capacity(), min(capacity.freeBytes, limit / 10) > free {
            return .warn(
                "memory limit",
                found + "; pages of segments count for whoever touches them first",
                expected: "a tenth of the limit, or what is free of the tmpfs",
                advice: "raise the limit of the container (--memory), or remove segments"
            )
        }
        return .ok("memory limit", found)
    }

    private var leftovers: Finding {
        var dead = (count: 0, bytes: 0)
        var living = 0
        for name in (try? directory.temporaryNames()) ?? []
        where name.hasPrefix(".shmgate-tmp-") || name.hasPrefix(".shmgate-journal-") {
            guard case .success(let opened) = FileDescriptor.openAsAllowed(name, in: directory.descriptor) else {
                living += 1
                continue
            }
            let file = FileDescriptor(owning: opened.number)
            guard case .success(let status) = file.status(), status.isRegular else { continue }
            // Asks for the lock and does not take it: who makes a file must find it free.
            if shmgate_lock_holder(file.number, Int16(opened.isWritable ? F_WRLCK : F_RDLCK), lockStart) != 0 {
                living += 1
            } else {
                dead.count += 1
                dead.bytes += status.heldBytes
            }
        }
        let beside = living > 0 ? "; \(living) more of processes that live, or of others" : ""
        if dead.count == 0 { return .ok("leftovers", "none of processes that died\(beside)") }
        return .warn(
            "leftovers",
            "\(dead.count) drafts and journals of processes that died, \(readable(dead.bytes))\(beside)",
            expected: "none",
            advice: "start or restart shmgate serve: it finishes the writes and removes the files"
        )
    }

    private var segments: Finding {
        guard let names = try? directory.names() else {
            return .fail(
                "segments",
                "\(directory.path) cannot be listed",
                expected: "a directory that this user may read",
                advice: "look at its mode and owner"
            )
        }
        var counts = (good: 0, closed: 0)
        var broken: [String] = []
        var damaged: [String] = []
        for name in names {
            do throws(SegmentError) {
                let segment = try directory.load(name)
                if try segment.vitals().isDamaged { damaged.append(name.description) }
                counts.good += 1
            } catch {
                switch error {
                case .corrupt, .unsupportedFormat: broken.append(name.description)
                case .forbidden: counts.closed += 1
                default: continue
                }
            }
        }
        let closed = counts.closed > 0 ? "; \(counts.closed) files are not ours to read" : ""
        if broken.isEmpty, damaged.isEmpty { return .ok("segments", "\(counts.good) readable\(closed)") }
        return .warn(
            "segments",
            "\(counts.good) readable, \(broken.count) corrupt or of an unknown format\(Self.some(broken)), \(damaged.count) "
                + "damaged by writers that died\(Self.some(damaged))\(closed)",
            expected: "none that are corrupt or damaged",
            advice: "DELETE corrupt ones; write damaged ones whole, or POST /segments/{name}/repair"
        )
    }

    private static func some(_ names: [String]) -> String {
        if names.isEmpty { return "" }
        return " (\(names.prefix(5).joined(separator: ", "))\(names.count > 5 ? ", …" : ""))"
    }

    private var descriptors: Finding {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &limit) == 0 else {
            return .ok("descriptors", "the limit is not known")
        }
        if limit.rlim_max >= 4_096 { return .ok("descriptors", "\(limit.rlim_max) may be open in a process") }
        return .warn(
            "descriptors",
            "\(limit.rlim_max) may be open in a process",
            expected: "4096 or more: one for each connection, and one for each segment that is written to",
            advice: "raise LimitNOFILE= of the unit, ulimit -Hn of the shell, or --ulimit nofile of the container"
        )
    }

    private var locks: Finding {
        let number = retrying { openat(directory.descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        let file = FileDescriptor(owning: number)
        if shmgate_lock_range(file.number, F_OFD_GETLK, Int16(F_RDLCK), lockStart) == 0 {
            return .ok("locks", "the kernel has locks of open file descriptions")
        }
        return .fail(
            "locks",
            "the kernel, or the file system of \(directory.path), has no locks of open file descriptions",
            expected: "Linux 3.15 or newer, and a tmpfs",
            advice: "use another kernel; gVisor, for one, does not have them"
        )
    }

    private var waiting: Finding {
        shmgate_has_futex_waitv() != 0
            ? .ok("futex_waitv", "there")
            : .ok("futex_waitv", "not there (Linux 5.16 has it); this version does not need it")
    }
}
