import Segments

/// A directory with files that are segments.
struct LocalSegments {
    let directory: SegmentDirectory

    init(_ path: String?) throws {
        let path = try setting(path, "DIRECTORY", default: "/dev/shm")
        do {
            directory = try SegmentDirectory(path: path)
        } catch {
            throw StartFailure(directory: path, error)
        }
    }

    /// A segment; nil if the name leads to none.
    func segment(_ name: SegmentName) throws -> Segment? {
        do {
            return try directory.load(name)
        } catch SegmentError.noSuchSegment {
            return nil
        }
    }

    /// The names of files that may be segments.
    func names(_ prefix: String) throws -> [SegmentName] {
        try directory.names().filter { $0.description.hasPrefix(prefix) }
    }

    /// A name that somebody gave.
    func name(_ text: String) throws -> SegmentName {
        do {
            return try SegmentName(text)
        } catch {
            throw StartFailure(.badInput, "\(error)")
        }
    }
}
