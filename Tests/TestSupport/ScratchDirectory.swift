internal import Glibc
package import Segments

/// A directory of its own under /dev/shm, gone with everything in it when the object goes.
package final class ScratchDirectory: Sendable {
    /// Its path.
    package let path: String

    /// Makes one.
    package init() throws {
        var template = Array("/dev/shm/shmgate-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure("mkdtemp") }
        path = template.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
    }

    deinit {
        for name in (try? names()) ?? [] where remove(path(name)) != 0 {
            for file in (try? names(below: name)) ?? [] { remove(path("\(name)/\(file)")) }
            remove(path(name))
        }
        remove(path)
    }

    /// The path of a file in it.
    package func path(_ name: String) -> String { "\(path)/\(name)" }

    /// It as a directory of segments.
    package func segments() throws -> SegmentDirectory { try SegmentDirectory(path: path) }

    /// All the names in it, or in a folder of it, in order; hidden ones too.
    package func names(below folder: String = ".") throws -> [String] {
        guard let stream = opendir(path(folder)) else { throw Failure("opendir") }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }
}

/// A system call of a test that failed, which is no result of the test.
package struct Failure: Error, CustomStringConvertible {
    /// The call and why it failed.
    package let description: String

    /// Takes the reason from `errno`.
    package init(_ call: String) { description = "\(call): \(String(cString: strerror(errno)))" }
}
