internal import Layouts
internal import Segments

/// Where a PATCH writes, found out once: good for many values, as long as the name leads to the same segment.
final class PlannedWrite: Sendable {
    let target: DataTarget
    /// What is written; where there are conditions, before they are looked at.
    let excerpt: Excerpt
    let parts: ExcerptParts
    /// Bytes of all parts together.
    let byteCount: Int

    /// Plans what a target means, its rows given by `picks` in place of the target's own.
    init(_ target: DataTarget, picks: [AxisPick]? = nil) {
        self.target = target
        var parts = ExcerptParts()
        excerpt = target.excerpt(&parts, picks: picks)
        self.parts = parts
        byteCount = parts.byteCount
    }

    /// Whether it takes so little memory that many of them can be kept.
    var isSmall: Bool { target.mayKeep(excerpt, parts) }
}
