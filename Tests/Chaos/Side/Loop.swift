import Glibc

/// How long a worker of torture.py or races.py works, and what it has counted.
///
/// It works until its input ends, and at least `quota` times; when the quota is met it says `first`.
struct Loop {
    let quota: Int
    private(set) var done = 0

    init(quota: Int) { self.quota = quota }

    /// Whether there is more to do.
    var goesOn: Bool {
        var input = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        return done < quota || poll(&input, 1, 0) == 0
    }

    /// Counts one more.
    mutating func didOne() {
        done += 1
        if done == quota { Self.say("first\n") }
    }

    /// Prints what was counted, a line for each.
    func report(_ figures: KeyValuePairs<String, Int>) {
        Self.say("done \(done)\n")
        for (name, number) in figures { Self.say("\(name) \(number)\n") }
    }

    private static func say(_ text: String) {
        let bytes = Array(text.utf8)
        _ = bytes.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
    }
}

/// The words that writers fill segments with: the upper half is the lower half with all bits turned over.
enum Stamp {
    static func word(_ low: UInt64) -> UInt64 { low & 0xFFFF_FFFF | (~low & 0xFFFF_FFFF) << 32 }

    /// By doubling, which takes as few calls as there are powers of two.
    static func fill(_ bytes: UnsafeMutableRawBufferPointer, with stamp: UInt64) {
        bytes.storeBytes(of: stamp, as: UInt64.self)
        var filled = 8
        while filled < bytes.count {
            let count = min(filled, bytes.count - filled)
            UnsafeMutableRawBufferPointer(rebasing: bytes[filled..<filled + count])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<count]))
            filled += count
        }
    }

    /// The lower half of the one stamp that fills the bytes; nil if they are not one stamp.
    static func of(_ bytes: UnsafeRawBufferPointer) -> UInt64? {
        guard let base = bytes.baseAddress, bytes.count >= 8 else { return nil }
        let stamp = bytes.load(as: UInt64.self)
        guard memcmp(base, base + 8, bytes.count - 8) == 0, word(stamp) == stamp else { return nil }
        return stamp & 0xFFFF_FFFF
    }
}
