/// A second link of a segment, in the private folder, by which its name can be given back.
///
/// The file's own name says all that is needed: `pin-<32 hex>-<name>`, the segment's uuid and the name that is its.
/// While the segment is still being made the pin is only announced, `new-<32 hex>-<name>`: nobody was told of it yet,
/// so that it gives no name to a segment that never had one.
struct Pin: Hashable, Sendable {
    let uuid: UUID
    let name: SegmentName
    var isAnnounced = false

    private static let ready = "pin-"
    private static let announced = "new-"
    private static let digits = 32

    init(uuid: UUID, name: SegmentName, isAnnounced: Bool = false) {
        self.uuid = uuid
        self.name = name
        self.isAnnounced = isAnnounced
    }

    /// Reads the name of a file; nil if it is none of a pin.
    init?(file: String) {
        isAnnounced = file.hasPrefix(Self.announced)
        guard isAnnounced || file.hasPrefix(Self.ready) else { return nil }
        let rest = file.dropFirst(Self.ready.count)
        guard let high = UInt64(rest.prefix(Self.digits / 2), radix: 16),
            let low = UInt64(rest.dropFirst(Self.digits / 2).prefix(Self.digits / 2), radix: 16)
        else { return nil }
        uuid = UUID(high: high, low: low)
        let hex = uuid.hexadecimal
        guard rest.hasPrefix(hex + "-"), let name = try? SegmentName(String(rest.dropFirst(hex.utf8.count + 1))) else {
            return nil
        }
        self.name = name
    }

    /// The name of its file.
    var file: String { "\(isAnnounced ? Self.announced : Self.ready)\(uuid.hexadecimal)-\(name)" }

    /// The pin that an announced one becomes.
    var completed: Pin { Pin(uuid: uuid, name: name) }
}
