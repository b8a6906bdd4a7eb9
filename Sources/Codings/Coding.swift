/// A way to make bytes fewer, and back.
package enum Coding: String, CaseIterable, Sendable {
    /// RFC 1952.
    case gzip
    /// RFC 8878.
    case zstd
    /// The frames of LZ4, as Arrow has them in the bodies of its messages.
    case lz4Frame = "lz4_frame"
}

/// Why bytes cannot be unpacked.
package enum CodingError: Error, Equatable, Sendable {
    /// They are no bytes of the coding, or end in the middle of it.
    case malformed(String)
    /// There is more in them than there is room for.
    case tooLarge
    /// The process has no memory.
    case outOfMemory
}
