/// The mounts that a process sees, as `/proc/PID/mountinfo` lists them.
struct MountTable {
    /// One line of it.
    struct Mount: Equatable {
        /// The device as `major:minor` in decimal.
        let device: String
        /// The folder of the file system that is seen here: `/` for all of it.
        let root: String
        /// Where it is seen.
        let point: String
        /// The kind of file system, such as `tmpfs`.
        let kind: String
        /// What was mounted: a device, or for a file system of memory any word; `shm` is what container engines say.
        let source: String
        /// The options of the file system itself.
        let superOptions: [Substring]
    }

    private let mounts: [Mount]

    /// Reads a file; nil if it cannot be read.
    init?(path: String) {
        guard let text = SmallFile.text(of: path) else { return nil }
        self.init(text: text)
    }

    init(text: String) {
        mounts = text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ")
            // Behind the sixth field stand any number of others, until a hyphen.
            guard fields.count > 6, let hyphen = fields[6...].firstIndex(of: "-"), fields.count > hyphen + 1 else {
                return nil
            }
            return Mount(
                device: String(fields[2]),
                root: Self.unescaped(fields[3]),
                point: Self.unescaped(fields[4]),
                kind: String(fields[hyphen + 1]),
                source: fields.count > hyphen + 2 ? Self.unescaped(fields[hyphen + 2]) : "",
                superOptions: fields.count > hyphen + 3 ? fields[hyphen + 3].split(separator: ",") : []
            )
        }
    }

    /// What is seen at a path itself: of several mounts the last, which covers the others.
    func mount(at path: String) -> Mount? { mounts.last { $0.point == path } }

    /// The mount that a path without `.`, `..` and symbolic links lies in.
    func mount(holding path: String) -> Mount? {
        var best: Mount?
        for mount in mounts where path == mount.point || path.hasPrefix(mount.point == "/" ? "/" : mount.point + "/") {
            if mount.point.utf8.count >= best?.point.utf8.count ?? 0 { best = mount }
        }
        return best
    }

    /// A path with spaces, tabs, newlines and backslashes as they are: the kernel writes three octal digits for them.
    private static func unescaped(_ field: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = field.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\\"), let code = UInt8(String(rest.prefix(3)) ?? "", radix: 8) {
                bytes.append(code)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
