/// What a path inside a layout leads to.
package enum Member: Sendable {
    /// A layout: the whole, a member of a struct, an item of a list.
    case layout(LayoutNode)
    /// One array of a layout: the values, or a column.
    case array(ValueType?)
    /// The labels of an axis, or the values of a coordinate.
    case labels(LabelContents, shape: [Int])
}

/// A member in its place: which arrays of the segment are its own, and the axes that a selection works on.
package struct PlacedMember: Sendable {
    package let member: Member
    /// The first of its arrays among those of the segment.
    package let firstArray: Int
    /// Its axes, none for structs, lists and JSON.
    package let axes: [Axis]

    /// An axis of a member.
    package struct Axis: Sendable {
        /// What `sel` calls it; nil where it has no name.
        package var name: String?
        /// How many positions it has.
        package var extent: Int
        /// Its labels, and the first of their arrays; nil where it has none.
        package var labels: (contents: LabelContents, firstArray: Int)?
    }
}

extension LayoutNode {
    /// Follows a path whose parts are decoded; nothing there is ``LayoutError/noSuchMember(_:)``.
    ///
    /// `first` is the first of this layout's arrays among those of the segment.
    package func member(_ path: ArraySlice<String>, firstArray first: Int = 0) throws(LayoutError) -> PlacedMember {
        guard let word = path.first else {
            return PlacedMember(member: .layout(self), firstArray: first, axes: axes(from: first))
        }
        let rest = path.dropFirst()
        func missing() -> LayoutError {
            .noSuchMember("the layout \(kind) has no member \(quoted(path.joined(separator: "/")))")
        }
        switch form {
        case .structure(let layout):
            guard word == "members", let name = rest.first else { throw missing() }
            var next = first
            for member in layout.members {
                if member.name.utf8.elementsEqual(name.utf8) {
                    return try member.layout.member(rest.dropFirst(), firstArray: next)
                }
                next += member.layout.arrays.count
            }
            throw missing()
        case .list(let layout):
            guard word == "items", let text = rest.first, let index = Int(text), "\(index)" == text,
                (0..<layout.count).contains(index)
            else { throw missing() }
            return try layout.item.member(rest.dropFirst(), firstArray: first + index * layout.item.arrays.count)
        case .series(let layout):
            if word == "values", rest.isEmpty { return array(layout.type, first, axes(from: first)) }
            if word == "index", rest.isEmpty { return labels(layout.index, first + 1) }
            throw missing()
        case .dataframe(let layout):
            if word == "index", rest.isEmpty { return labels(layout.index, first + layout.columns.count) }
            guard word == "columns", rest.count == 1, let name = rest.first else { throw missing() }
            let column = try layout.column(name)
            return array(layout.columns[column].type, first + layout.arrayOfColumn[column], axes(from: first))
        case .dataarray(let layout):
            if word == "values", rest.isEmpty { return array(layout.type, first, axes(from: first)) }
            guard word == "coords", rest.count == 1, let name = rest.first else { throw missing() }
            var next = first + 1
            for coordinate in layout.coords {
                if coordinate.name.utf8.elementsEqual(name.utf8) {
                    let own = axes(from: first).filter { coordinate.dims.contains($0.name ?? "") }
                    let ordered = coordinate.dims.compactMap { dim in own.first { $0.name == dim } }
                    return PlacedMember(
                        member: .labels(coordinate.contents, shape: coordinate.shape),
                        firstArray: next,
                        axes: ordered
                    )
                }
                next += coordinate.arrayCount
            }
            throw missing()
        case .bytes, .ndarray, .json: throw missing()
        }
    }

    private func array(_ type: ValueType, _ first: Int, _ axes: [PlacedMember.Axis]) -> PlacedMember {
        PlacedMember(member: .array(type), firstArray: first, axes: axes)
    }

    private func labels(_ contents: LabelContents, _ first: Int) -> PlacedMember {
        let axis = PlacedMember.Axis(name: "index", extent: contents.labels.count, labels: (contents, first))
        return PlacedMember(
            member: .labels(contents, shape: [contents.labels.count]),
            firstArray: first,
            axes: [axis]
        )
    }

    /// The axes that a selection of this layout works on.
    func axes(from first: Int) -> [PlacedMember.Axis] {
        switch form {
        case .bytes(let layout): return [.init(extent: layout.size)]
        case .ndarray(let layout): return layout.shape.map { .init(extent: $0) }
        case .json, .structure, .list: return []
        case .series(let layout):
            return [.init(name: "index", extent: layout.index.labels.count, labels: (layout.index, first + 1))]
        case .dataframe(let layout):
            let labels = (layout.index, first + layout.columns.count)
            return [.init(name: "index", extent: layout.index.labels.count, labels: labels)]
        case .dataarray(let layout):
            var places: [String: (LabelContents, Int)] = [:]
            var next = first + 1
            for coordinate in layout.coords {
                if coordinate.isIndex { places[coordinate.name] = (coordinate.contents, next) }
                next += coordinate.arrayCount
            }
            return zip(layout.dims, layout.shape).map { dim, extent in
                let labels = places[dim] ?? (.range(0, extent), first)
                return .init(name: dim, extent: extent, labels: labels)
            }
        }
    }
}

extension LayoutNode {
    /// The numbers of the arrays that are no labels.
    package var writableArrays: [Int] { writable(from: 0) }

    private func writable(from first: Int) -> [Int] {
        switch form {
        case .bytes, .ndarray, .json, .series, .dataarray: return [first]
        case .dataframe(let layout): return Array(first..<(first + layout.columns.count))
        case .structure(let layout):
            var next = first
            return layout.members.flatMap { _, member in
                defer { next += member.arrays.count }
                return member.writable(from: next)
            }
        case .list(let layout):
            return (0..<layout.count).flatMap { layout.item.writable(from: first + $0 * layout.item.arrays.count) }
        }
    }
}

extension DataArrayLayout.Coordinate {
    /// How many arrays of the segment are its own.
    package var arrayCount: Int { contents.labels.arrayCount }
}
