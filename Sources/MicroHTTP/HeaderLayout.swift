internal import CMicroHTTPD
internal import Glibc

/// The check that a header block stands in memory as it came, one line behind the other.
///
/// libmicrohttpd before 1.0 reads a block in place. It ends each part with a zero, where a space, a colon or a line end
/// was, and hands out C strings that point into the block:
///
/// | in memory | what |
/// |---|---|
/// | method, 0, target, 0, `HTTP/1.1`, 0 0 | request line; the last two were CR LF |
/// | name, 0, blanks, value, 0 0 | a field |
/// | 0 0 | the empty line |
///
/// What it misreads leaves a gap. A folded line joins the text of the line to the *name* of the field before and moves
/// that name elsewhere; a NUL ends a target or a value too early, and at the beginning of a line the whole block; a bare
/// LF is one zero instead of two. None of this can be seen in the strings themselves. What cannot be told apart is NUL LF
/// from CR LF.
struct HeaderLayout {
    private let block: UnsafeRawBufferPointer
    private var next: Int
    private var isIntact = true

    /// A block that begins with the method; nil where the library does not read in place.
    init?(block: UnsafeRawBufferPointer, targetCount: Int, version: UnsafePointer<CChar>) {
        guard Self.isReadInPlace else { return nil }
        self.block = block
        let methodCount = block.firstIndex(of: 0) ?? block.count
        next = methodCount + 1 + targetCount + 1
        guard offset(of: UnsafeRawBufferPointer(start: version, count: 0)) == next else {
            isIntact = false
            return
        }
        next += strlen(version)
        endLine()
    }

    /// Looks at the next field.
    mutating func see(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
        guard isIntact, offset(of: name) == next, let valueOffset = offset(of: value), next + name.count < valueOffset,
            block[next + name.count] == 0,
            block[(next + name.count + 1)..<valueOffset].allSatisfy({ $0 == 0x20 || $0 == 0x09 })
        else {
            isIntact = false
            return
        }
        next = valueOffset + value.count
        endLine()
    }

    /// Whether all was seen, and the empty line is the last.
    var isWhole: Bool { isIntact && block.dropFirst(next).elementsEqual([0, 0]) }

    private mutating func endLine() {
        if block.dropFirst(next).starts(with: [0, 0]) { next += 2 } else { isIntact = false }
    }

    /// Where in the block a part begins that lies in it whole.
    private func offset(of part: UnsafeRawBufferPointer) -> Int? {
        guard let start = block.baseAddress, let partStart = part.baseAddress else { return nil }
        let offset = partStart - start
        return offset >= 0 && offset <= block.count - part.count ? offset : nil
    }

    /// 1.0 has a new parser, which refuses all this by itself.
    private static let isReadInPlace = MHD_get_version().map { String(cString: $0).hasPrefix("0.") } ?? false
}
