internal import CMicroHTTPD
internal import Glibc

/// Where the time of a request went, in nanoseconds.
package struct Timing: Sendable {
    /// From the complete header block to the answer; nil for an answer to a connection on which nothing was read.
    package var totalNs: Int64?
    /// In the queue of the workers; nil if it needed none.
    package var queueNs: Int64?
    /// For a writer of a segment, or for memory; 0 if it did not wait.
    package var lockNs: Int64 = 0

    /// As the field `Server-Timing` has it, in milliseconds.
    func write(to text: inout CText) {
        text.append("total;dur=")
        Self.write(totalNs ?? 0, to: &text)
        if let queueNs {
            text.append(", queue;dur=")
            Self.write(queueNs, to: &text)
        }
        if lockNs > 0 {
            text.append(", lock;dur=")
            Self.write(lockNs, to: &text)
        }
    }

    /// Whole microseconds are exact enough, and shorter.
    private static func write(_ ns: Int64, to text: inout CText) {
        let microseconds = UInt64(max(ns, 0)) / 1_000
        text.append(microseconds / 1_000)
        text.append(UInt8(ascii: "."))
        text.append(microseconds % 1_000, digits: 3)
    }
}

/// Nanoseconds since some point in the past, exact; some 20 ns dearer than the coarse clock, and no system call either.
func preciseNs() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
}

/// What every answer says: which request it belongs to, and how long that took.
struct Stamp {
    let id: RequestID
    let timing: Timing

    /// Calls `body` with each field.
    func withFields(_ body: (_ name: UnsafePointer<CChar>, _ value: UnsafePointer<CChar>) -> Void) {
        CText.with({ id.write(to: &$0) }, { body("X-Request-Id", $0) })
        CText.with({ timing.write(to: &$0) }, { body("Server-Timing", $0) })
    }

    /// Takes the fields away that an answer was given.
    static func removeFields(from form: OpaquePointer) {
        for name in ["X-Request-Id", "Server-Timing"] as [StaticString] {
            name.withUTF8Buffer { bytes in
                bytes.withMemoryRebound(to: CChar.self) { name in
                    guard let name = name.baseAddress, let value = MHD_get_response_header(form, name) else { return }
                    _ = MHD_del_response_header(form, name, value)
                }
            }
        }
    }
}
