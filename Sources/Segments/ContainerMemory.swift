internal import Glibc
internal import Locks

/// What the memory limits of containers (control groups) leave to this process.
///
/// Pages of a tmpfs count for the group of the process that first touches them. Beyond the limit the kernel does not
/// say ENOSPC, as a full tmpfs does, but ends a process; so what is to be reserved is compared with the limits before.
///
/// | version | limit | in use | of that, given back on demand |
/// |---|---|---|---|
/// | 2 | `memory.max` | `memory.current` | `inactive_file` in `memory.stat` |
/// | 1 | `memory.limit_in_bytes` | `memory.usage_in_bytes` | `total_inactive_file` in `memory.stat` |
///
/// The group of the process counts, and each above it.
package final class ContainerMemory: Sendable {
    /// The limits of this process.
    package static let ofThisProcess = ContainerMemory(root: "")

    /// Smaller reservations are not compared: reading the numbers would cost more than they do.
    static let smallestBytes = 1 << 20
    /// What a reservation has to leave for everything else that the process does.
    static let marginBytes = 4 << 20

    private let groups: [ControlGroup]
    /// Bytes of reservations that were found to fit and are not made yet.
    private let inFlight = Locked(0)

    /// Reads below `root` which groups this process is in; empty for those of the system.
    init(root: String) {
        var groups: [ControlGroup] = []
        for line in text(of: "\(root)/proc/self/cgroup").split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let isSecond = parts[0] == "0" && parts[1].isEmpty
            guard isSecond || parts[1].split(separator: ",").contains("memory") else { continue }
            // In a container the path may be that on the host, which is not there; its own group is the root then.
            var directory = "\(root)/sys/fs/cgroup" + (isSecond ? "" : "/memory")
            for name in [Substring()] + parts[2].split(separator: "/") {
                if !name.isEmpty { directory += "/\(name)" }
                let group = ControlGroup(directory: directory, isSecondVersion: isSecond)
                if group.exists { groups.append(group) }
            }
        }
        self.groups = groups
    }

    /// The most bytes that this process and its neighbours in its groups may have; nil if nothing limits them.
    package var limitBytes: Int? { groups.compactMap(\.limitBytes).min() }

    /// Bytes that are left, less than none if the limit was lowered; nil if nothing limits them.
    var freeBytes: Int? { groups.compactMap(\.freeBytes).min() }

    /// Makes a reservation of so many bytes, if they fit beside those that others are making.
    ///
    /// ``SegmentError/outOfSpace(_:)`` if not. Before that it waits for the others until the deadline: some of what they
    /// reserve may be in use already, and so be counted twice.
    func reserving<Outcome>(
        _ byteCount: Int,
        until deadline: Deadline,
        _ reserve: () -> Outcome
    ) throws(SegmentError) -> Outcome {
        if byteCount < Self.smallestBytes || groups.isEmpty { return reserve() }
        while let shortage = begin(byteCount) {
            guard shortage.othersBytes > 0, Clock.monotonicNs() < deadline.monotonicNs else {
                throw .outOfSpace(
                    "the memory of the container is full: expected room for \(byteCount) bytes, "
                        + "\(max(shortage.freeBytes, 0)) are free"
                )
            }
            usleep(1_000)
        }
        defer { inFlight.withLock { $0 -= byteCount } }
        return reserve()
    }

    /// Counts a reservation as one being made, or tells what there is.
    private func begin(_ byteCount: Int) -> (freeBytes: Int, othersBytes: Int)? {
        inFlight.withLock { inFlight in
            if let freeBytes, freeBytes - Self.marginBytes - inFlight < byteCount {
                return (freeBytes, inFlight)
            }
            inFlight += byteCount
            return nil
        }
    }
}

/// One control group that may limit memory.
private struct ControlGroup: Sendable {
    let directory: String
    let isSecondVersion: Bool

    private var limitFile: String {
        "\(directory)/\(isSecondVersion ? "memory.max" : "memory.limit_in_bytes")"
    }

    /// Whether it is a group that counts memory.
    var exists: Bool { access(limitFile, F_OK) == 0 }

    /// The limit; nil for `max`, and for the number near 2^63 that version 1 has for it.
    var limitBytes: Int? { number(in: limitFile).flatMap { $0 < 1 << 60 ? $0 : nil } }

    /// What is left of the limit; nil without one.
    var freeBytes: Int? {
        guard let limitBytes else { return nil }
        let currentFile = "\(directory)/\(isSecondVersion ? "memory.current" : "memory.usage_in_bytes")"
        guard let current = number(in: currentFile) else { return nil }
        let field = isSecondVersion ? "inactive_file " : "total_inactive_file "
        let line = text(of: "\(directory)/memory.stat").split(separator: "\n").first {
            $0.hasPrefix(field)
        }
        let inactive = line.flatMap { Int($0.dropFirst(field.count)) } ?? 0
        return limitBytes - max(current - max(inactive, 0), 0)
    }

    private func number(in path: String) -> Int? {
        Int(text(of: path).prefix { $0 != "\n" }).flatMap { $0 >= 0 ? $0 : nil }
    }
}

/// What a small file says; nothing if it cannot be read.
func text(of path: String) -> String {
    let number = open(path, O_RDONLY | O_CLOEXEC)
    guard number >= 0 else { return "" }
    let file = FileDescriptor(owning: number)
    return String(unsafeUninitializedCapacity: 16 << 10) { bytes in
        var count = 0
        while count < bytes.count {
            let got = read(file.number, bytes.baseAddress.map { $0 + count }, bytes.count - count)
            if got == 0 || got < 0 && errno != EINTR { break }
            count += max(got, 0)
        }
        return count
    }
}
