internal import Glibc
internal import Synchronization

/// What a request is called in its answer and in every log line about it.
///
/// The client's own name if it gave a usable one, so that a request can be followed through several programs; else one
/// of ours: eight random digits of this process, and a count.
package enum RequestID: Sendable, CustomStringConvertible {
    case client(String)
    case ours(UInt64)

    /// The next one of ours; costs one atomic addition.
    static func next() -> RequestID { .ours(counter.wrappingAdd(1, ordering: .relaxed).newValue) }

    /// A client's, if it is 1 to 128 letters, digits, dots, underscores and hyphens.
    init?(_ value: UnsafeRawBufferPointer) {
        guard (1...Self.mostBytes).contains(value.count), value.allSatisfy(Self.isUsable) else { return nil }
        self = .client(String(decoding: value, as: UTF8.self))
    }

    /// The name as clients see it.
    package var description: String { CText.with({ write(to: &$0) }, { String(cString: $0) }) }

    func write(to text: inout CText) {
        switch self {
        case .client(let name): text.append(name)
        case .ours(let number):
            text.append(UInt64(Self.process), base: 16, digits: 8)
            text.append(UInt8(ascii: "-"))
            text.append(number, base: 16)
        }
    }

    /// A longer one is not a name.
    static let mostBytes = 128

    private static let counter = Atomic<UInt64>(0)
    private static let process = UInt32.random(in: .min ... .max)

    private static func isUsable(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): true
        default: false
        }
    }
}
