/// A process that has mapped a segment.
package struct AttachedProcess: Sendable, Equatable {
    /// Its number in the namespace of whoever looked.
    package let pid: Int32
    /// Its name as the kernel has it, at most 15 bytes; never its arguments, which may hold secrets.
    package let command: String

    /// What cannot be shown on a terminal is a question mark: a process may call itself anything.
    init(pid: Int32, command: some Collection<UInt8>) {
        self.pid = pid
        let text = String(decoding: command, as: UTF8.self)
        self.command = String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { scalar in
                    scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) ? "?" : scalar
                }
            )
        )
    }
}

/// Whether nobody maps a segment.
package enum Orphanhood: Sendable, Equatable {
    /// Nobody does, and everybody was looked at.
    case yes
    /// Somebody does.
    case no
    /// Nobody was found, and not everybody could be looked at.
    case unknown
}
