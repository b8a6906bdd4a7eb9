internal import Documents
internal import Glibc
internal import Locks
package import Logging

/// Writes each event as one line, by one write, as text or as a JSON object.
///
/// Whatever clients sent cannot end a line or look like another field: values are quoted and escaped.
package struct LineLogHandler: LogHandler {
    /// What a line looks like.
    package enum Format: String, Sendable {
        /// `time level logger: message name=value …`
        case text
        /// `{"time": …, "level": …, "logger": …, "message": …, …}`
        case json
    }

    package var logLevel = Logger.Level.info
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let format: Format
    private let descriptor: Int32

    /// Lines of one logger to a descriptor, which stays the caller's.
    package init(label: String, format: Format, descriptor: Int32 = STDERR_FILENO) {
        self.label = label
        self.format = format
        self.descriptor = descriptor
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var fields = metadata
        if let provided = metadataProvider?.get() { fields.merge(provided) { $1 } }
        if let own = event.metadata { fields.merge(own) { $1 } }
        if let error = event.error { fields["error"] = "\(error)" }
        let sorted = fields.sorted { $0.key < $1.key }
        let line: ByteBuffer
        switch format {
        case .text: line = LogLine.text(level: "\(event.level)", label: label, message: "\(event.message)", sorted)
        case .json: line = LogLine.json(level: "\(event.level)", label: label, message: "\(event.message)", sorted)
        }
        // Long lines are not one piece to a pipe, whatever the kernel promises for short ones.
        line.withUnsafeBytes { bytes in Self.lock.withLock { _ in Self.write(bytes, to: descriptor) } }
    }

    /// Guards the descriptor; it has a value, for the thread sanitizer takes one without a size for its neighbour.
    private static let lock = Locked(false)

    private static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
            if count < 0, errno == EINTR { continue }
            // Nobody is left to tell that nobody reads the log.
            guard count > 0 else { return }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }
}
