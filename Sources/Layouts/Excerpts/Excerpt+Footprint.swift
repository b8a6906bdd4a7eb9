internal import Segments

/// What an excerpt takes of memory itself, its elements left out: about, for those who keep it.
extension Excerpt {
    /// Bytes of the excerpt, as far as they grow with the layout.
    package var footprint: Int {
        switch self {
        case .array, .bytes, .json: Self.partBytes
        case .labels: Self.labelsBytes
        case .series: Self.partBytes + Self.labelsBytes
        case .frame(let frame), .row(let frame): Self.labelsBytes + frame.columns.count * Self.partBytes
        case .dataArray(let array): Self.partBytes + array.coords.count * Self.labelsBytes
        case .structure(let members): members.reduce(Self.partBytes) { $0 + $1.excerpt.footprint }
        case .list(let items): items.reduce(Self.partBytes) { $0 + $1.footprint }
        }
    }

    private static let (partBytes, labelsBytes) = (128, 256)
}

extension ExcerptParts {
    /// Bytes of the places of all parts; one with a list of positions has a table of their offsets.
    package var footprint: Int {
        parts.reduce(0) { sum, part in
            part.selection.region.axes.reduce(sum + Self.partBytes) { $0 + ($1.byteOffsets?.count ?? 0) * 8 }
        }
    }

    private static let partBytes = 256
}
