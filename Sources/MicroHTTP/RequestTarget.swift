/// The parts of a request target, nothing decoded; they point into it.
struct RequestTarget {
    /// The host and the port of a target in absolute form, which count instead of the `Host` field; nil for others.
    let authority: UnsafeRawBufferPointer?
    /// Path and query.
    private let rest: UnsafeRawBufferPointer

    /// Splits a target.
    init(_ whole: UnsafeRawBufferPointer) {
        func begins(with scheme: StaticString) -> Bool {
            UnsafeRawBufferPointer(rebasing: whole.prefix(scheme.utf8CodeUnitCount)).isCaseless(scheme)
        }
        guard let scheme = Self.schemes.first(where: begins) else {
            authority = nil
            rest = whole
            return
        }
        let begin = scheme.utf8CodeUnitCount
        let end = whole[begin...].firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? whole.count
        authority = UnsafeRawBufferPointer(rebasing: whole[begin..<end])
        rest = UnsafeRawBufferPointer(rebasing: whole[end...])
    }

    /// What stands before the `?`; a target in absolute form may have none, and that is the path `/`.
    var path: UnsafeRawBufferPointer {
        let path = rest[..<(rest.firstIndex(of: UInt8(ascii: "?")) ?? rest.count)]
        if path.isEmpty { return UnsafeRawBufferPointer(start: Self.root.utf8Start, count: 1) }
        return UnsafeRawBufferPointer(rebasing: path)
    }

    /// What stands behind the `?`; nil without one.
    var query: UnsafeRawBufferPointer? {
        rest.firstIndex(of: UInt8(ascii: "?")).map { UnsafeRawBufferPointer(rebasing: rest[($0 + 1)...]) }
    }

    private static let schemes: [StaticString] = ["http://", "https://"]
    private static let root: StaticString = "/"
}
