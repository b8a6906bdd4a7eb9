import Glibc
import Synchronization
import TestSupport
import Testing

@testable import Segments

/// Trees of files as the kernel shows them, for the limits of control groups.
@Suite struct ContainerMemoryTests {
    private static let mebibyte = 1 << 20

    /// A root with `/proc/self/cgroup` and files below `/sys/fs/cgroup`, gone with the object.
    private final class Tree {
        let path: String

        init(_ membership: String, _ files: [String: String]) throws {
            var template = Array("/dev/shm/shmgate-test-XXXXXX".utf8CString)
            guard mkdtemp(&template) != nil else { throw Failure("mkdtemp") }
            path = template.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
            try write(membership, to: "proc/self/cgroup")
            for (name, text) in files { try write(text, to: "sys/fs/cgroup/\(name)") }
        }

        deinit {
            // Deepest first, and files before the folders that hold them.
            var names: [String] = []
            func walk(_ folder: String) {
                guard let stream = opendir(folder) else { return }
                defer { closedir(stream) }
                while let entry = readdir(stream) {
                    let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                    }
                    if name == "." || name == ".." { continue }
                    names.append("\(folder)/\(name)")
                    walk("\(folder)/\(name)")
                }
            }
            walk(path)
            for name in names.reversed() { remove(name) }
            remove(path)
        }

        func write(_ text: String, to name: String) throws {
            var folder = path
            for part in name.split(separator: "/").dropLast() {
                folder += "/\(part)"
                mkdir(folder, 0o700)
            }
            guard let file = fopen("\(path)/\(name)", "w") else { throw Failure("fopen") }
            fputs(text, file)
            fclose(file)
        }

        var memory: ContainerMemory { ContainerMemory(root: path) }
    }

    private static func mebibytes(_ count: Int) -> String { "\(count * mebibyte)\n" }

    /// The files of a group of version 2.
    private static func group(
        _ name: String,
        max: String,
        current: Int,
        inactive: Int = 0
    )
        -> [String: String]
    {
        [
            "\(name)/memory.max": max, "\(name)/memory.current": mebibytes(current),
            "\(name)/memory.stat":
                "anon 5\nfile 7\nslab_inactive_file 9\ninactive_file \(inactive * mebibyte)\nactive_file 3\n",
        ]
    }

    private func expectOutOfSpace(_ body: () throws -> Void) {
        let error = #expect(throws: SegmentError.self, performing: body)
        guard case .outOfSpace = error else {
            Issue.record("expected outOfSpace, got \(String(describing: error))")
            return
        }
    }

    @Test("version 2: what is in use counts, but for file pages that the kernel gives back")
    func second() throws {
        let tree = try Tree(
            "0::/a\n",
            Self.group("a", max: Self.mebibytes(1_000), current: 600, inactive: 100)
        )
        #expect(tree.memory.limitBytes == 1_000 << 20)
        #expect(tree.memory.freeBytes == 500 << 20)
    }

    @Test("version 1, alone or beside a second version that counts no memory")
    func first() throws {
        let files = [
            "memory/a/b/memory.limit_in_bytes": Self.mebibytes(100),
            "memory/a/b/memory.usage_in_bytes": Self.mebibytes(70),
            "memory/a/b/memory.stat": "inactive_file 1\ntotal_inactive_file \(20 << 20)\n",
            "memory/a/memory.limit_in_bytes": "9223372036854771712\n",
            "memory/a/memory.usage_in_bytes": Self.mebibytes(900),
            "memory/memory.limit_in_bytes": "9223372036854771712\n",
        ]
        for line in ["4:memory:/a/b\n", "9:name=systemd:/x\n5:hugetlb,memory:/a/b\n1:cpu:/\n0::/\n"] {
            let tree = try Tree(line, files)
            #expect(tree.memory.limitBytes == 100 << 20)
            #expect(tree.memory.freeBytes == 50 << 20)
        }
    }

    @Test("the smallest of the groups above counts")
    func nested() throws {
        var files = Self.group("a/b/c", max: "max\n", current: 10)
        files.merge(Self.group("a/b", max: Self.mebibytes(500), current: 100)) { $1 }
        files.merge(Self.group("a", max: Self.mebibytes(600), current: 550)) { $1 }
        let tree = try Tree("0::/a/b/c\n", files)
        #expect(tree.memory.limitBytes == 500 << 20)
        #expect(tree.memory.freeBytes == 50 << 20)
    }

    @Test("in a container whose path is that on the host, the root is its group")
    func hostPath() throws {
        let files = [
            "memory/memory.limit_in_bytes": Self.mebibytes(64),
            "memory/memory.usage_in_bytes": Self.mebibytes(60),
        ]
        let tree = try Tree("4:memory:/docker/0123\n", files)
        #expect(tree.memory.freeBytes == 4 << 20)
        let second = ["memory.max": Self.mebibytes(64), "memory.current": Self.mebibytes(60)]
        let root = try Tree("0::/\n", second)
        #expect(root.memory.freeBytes == 4 << 20)
    }

    @Test(
        "without a limit everything fits",
        arguments: [
            "", "0::/a\n", "0::/b\n", "nonsense\n::\n4:cpu:/a\n", "0::/../../x\n", "0::/c\n", "0::/d\n",
        ]
    )
    func unlimited(membership: String) throws {
        var files = Self.group("a", max: "max\n", current: 10)
        files["c/memory.max"] = "12"  // and no word of what is in use
        files["d/memory.max"] = "-1\n"
        files["d/memory.current"] = "5\n"
        let tree = try Tree(membership, files)
        defer { withExtendedLifetime(tree) {} }
        let memory = tree.memory
        #expect(memory.freeBytes == nil)
        #expect(try memory.reserving(1 << 50, until: .immediate) { 1 } == 1)
    }

    @Test("what fits is reserved, what does not is out of space, with a margin for the process")
    func boundary() throws {
        let tree = try Tree("0::/a\n", Self.group("a", max: Self.mebibytes(100), current: 50))
        let memory = tree.memory
        let most = 50 << 20 - ContainerMemory.marginBytes
        #expect(try memory.reserving(most, until: .immediate) { 1 } == 1)
        #expect(
            try memory.reserving(most, until: .immediate) { 1 } == 1,
            "the first is not counted any more"
        )
        expectOutOfSpace { try memory.reserving(most + 1, until: .after(milliseconds: 120_000)) {} }
        // The numbers are read anew each time.
        try tree.write(Self.mebibytes(200), to: "sys/fs/cgroup/a/memory.current")
        expectOutOfSpace { try memory.reserving(ContainerMemory.smallestBytes, until: .immediate) {} }
        #expect(try memory.reserving(ContainerMemory.smallestBytes - 1, until: .immediate) { 1 } == 1)
        try tree.write("max\n", to: "sys/fs/cgroup/a/memory.max")
        #expect(try memory.reserving(1 << 40, until: .immediate) { 1 } == 1)
    }

    @Test("reservations that are being made count for one another")
    func racing() throws {
        let tree = try Tree("0::/a\n", Self.group("a", max: Self.mebibytes(1_004), current: 0))
        defer { withExtendedLifetime(tree) {} }
        let memory = tree.memory
        var depth = 0
        func nest() throws {
            try memory.reserving(300 << 20, until: .immediate) { () -> Result<Void, any Error> in
                depth += 1
                return Result { try nest() }
            }.get()
        }
        expectOutOfSpace { try nest() }
        #expect(depth == 3)
        #expect(try memory.reserving(1_000 << 20, until: .immediate) { 1 } == 1)
    }

    @Test("who does not fit beside others waits until they are done")
    func waiting() throws {
        let tree = try Tree("0::/a\n", Self.group("a", max: Self.mebibytes(104), current: 0))
        defer { withExtendedLifetime(tree) {} }
        let memory = tree.memory
        let inside = Atomic(0)
        let most = Atomic(0)
        try Threads.run(8) { _ in
            try memory.reserving(60 << 20, until: .after(milliseconds: 120_000)) {
                let now = inside.add(1, ordering: .sequentiallyConsistent).newValue
                most.max(now, ordering: .sequentiallyConsistent)
                usleep(3_000)
                inside.subtract(1, ordering: .sequentiallyConsistent)
            }
        }
        #expect(most.load(ordering: .sequentiallyConsistent) == 1)
    }
}
