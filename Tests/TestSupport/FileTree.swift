internal import Glibc

/// A folder of small files, as the kernel shows itself in; gone with the object.
package final class FileTree {
    /// Its path.
    package let path: String

    /// Makes one below /dev/shm.
    package init(_ files: [String: String] = [:]) throws {
        var template = Array("/dev/shm/shmgate-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure("mkdtemp") }
        path = template.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
        for (name, text) in files { try write(text, to: name) }
    }

    deinit {
        for name in walk(path).reversed() { remove(name) }
        remove(path)
    }

    /// Writes a file, in folders that are made.
    package func write(_ text: String, to name: String) throws {
        makeFolders(of: name)
        try RawFile("\(path)/\(name)").write(Array(text.utf8))
    }

    /// Makes a symbolic link.
    package func link(_ name: String, to target: String) throws {
        makeFolders(of: name)
        guard symlink(target, "\(path)/\(name)") == 0 else { throw Failure("symlink") }
    }

    private func makeFolders(of name: String) {
        var folder = path
        for part in name.split(separator: "/").dropLast() {
            folder += "/\(part)"
            mkdir(folder, 0o700)
        }
    }

    /// What is in a folder, each folder before what is in it.
    private func walk(_ folder: String) -> [String] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name == "." || name == ".." { continue }
            let file = "\(folder)/\(name)"
            names.append(file)
            if entry.pointee.d_type == DT_DIR { names += walk(file) }
        }
        return names
    }
}
