import ArgumentParser
import Glibc
import Segments

/// How much segments may take, whoever makes them; what goes beyond it the gateway does not make.
struct BudgetSettings: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The most bytes of all segments together, those of local processes included. (default: no limit)",
            valueName: "bytes"
        )
    )
    var maxBytes: ByteCount?

    @Option(
        help: ArgumentHelp(
            "The most segments, those of local processes included. (default: no limit)",
            valueName: "n"
        )
    )
    var maxSegments: Int?

    @Option(
        help: ArgumentHelp(
            """
            The most bytes, and the most segments, of those whose names begin with a prefix, such as feed-=2GiB, \
            feed-=2GiB,100 or feed-=,100; once for each. (default: none)
            """,
            valueName: "prefix=bytes,n"
        )
    )
    var quota: [Quota] = []

    /// All limits, the one for all segments first.
    func limits() throws -> [SegmentLimit] {
        let bytes = try optionalSetting(maxBytes, "MAX_BYTES")
        let count = try optionalSetting(maxSegments, "MAX_SEGMENTS")
        if let count, count < 0 { throw ValidationError("Expected at least 0 for --max-segments, got \(count).") }
        var limits = try quotas().map(\.limit)
        if bytes != nil || count != nil {
            limits.insert(SegmentLimit(prefix: "", maxBytes: bytes?.value, maxCount: count), at: 0)
        }
        guard Set(limits.map(\.prefix)).count == limits.count, limits.count <= Self.mostLimits else {
            throw ValidationError("Expected at most \(Self.mostLimits) of --quota, each for another prefix.")
        }
        return limits
    }

    private static let mostLimits = 1_000

    /// The quotas of the flags, else those of the environment, separated by spaces.
    private func quotas() throws -> [Quota] {
        guard quota.isEmpty, let named = getenv("SHMGATE_QUOTA") else { return quota }
        return try String(cString: named).split(separator: " ").map { text in
            guard let quota = Quota(argument: String(text)) else {
                throw ValidationError(
                    "Expected prefix=bytes,n with spaces between several in SHMGATE_QUOTA, got \(text)."
                )
            }
            return quota
        }
    }
}

/// `feed-=2GiB,100`: a prefix of names, and what may be of it.
struct Quota: ExpressibleByArgument {
    let limit: SegmentLimit

    init?(argument: String) {
        guard let equals = argument.firstIndex(of: "=") else { return nil }
        let prefix = String(argument[..<equals])
        let parts = argument[argument.index(after: equals)...].split(separator: ",", omittingEmptySubsequences: false)
        guard (try? SegmentName(prefix)) != nil, (1...2).contains(parts.count) else { return nil }
        let bytes = parts[0].isEmpty ? nil : ByteCount(argument: String(parts[0]))
        let count = parts.count < 2 ? nil : Int(parts[1])
        guard bytes != nil || parts[0].isEmpty, count != nil || parts.count < 2, count ?? 0 >= 0 else { return nil }
        if bytes == nil, count == nil { return nil }
        limit = SegmentLimit(prefix: prefix, maxBytes: bytes?.value, maxCount: count)
    }
}
