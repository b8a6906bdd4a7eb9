/// Makes excerpts of the members of one segment.
package struct ExcerptMaker {
    private let arrays: [ArrayBuffer]
    private let index: (LabelContents, Int) -> LabelIndex

    /// `index` gives the labels whose first array has a number, ready to be searched.
    package init(arrays: [ArrayBuffer], index: @escaping (LabelContents, Int) -> LabelIndex) {
        self.arrays = arrays
        self.index = index
    }

    /// What picks, one for each axis of a member, leave of it; `columns` are those of a dataframe, nil for all.
    package func excerpt(
        _ placed: PlacedMember,
        _ picks: [AxisPick],
        columns: [Int]? = nil,
        into parts: inout ExcerptParts
    ) -> Excerpt {
        switch placed.member {
        case .array(let type):
            let own = arrays[placed.firstArray].dtype
            return .array(parts.add(placed.firstArray, picks, type?.partType ?? .init(dtype: own), arrays))
        case .labels(let contents, let shape):
            return .labels(PickedLabels(index(contents, placed.firstArray), picks, of: shape))
        case .layout(let node):
            return excerpt(node, placed.firstArray, placed.axes, picks, columns, into: &parts)
        }
    }

    private func excerpt(
        _ node: LayoutNode,
        _ first: Int,
        _ axes: [PlacedMember.Axis],
        _ picks: [AxisPick],
        _ columns: [Int]?,
        into parts: inout ExcerptParts
    ) -> Excerpt {
        switch node.form {
        case .ndarray(let layout): return .array(parts.add(first, picks, .init(dtype: layout.dtype), arrays))
        case .bytes: return .bytes(parts.add(first, picks, .init(dtype: DType(.uint8)), arrays))
        case .json(let layout):
            return .json(parts.add(first, [.whole(layout.capacity)], .init(dtype: DType(.uint8)), arrays))
        case .series(let layout):
            let values = parts.add(first, picks, layout.type.partType, arrays)
            if values.shape.isEmpty { return .array(values) }
            return .series(.init(name: layout.name, values: values, index: labels(of: axes[0], picks[0])))
        case .dataframe(let layout):
            let chosen = columns ?? Array(layout.columns.indices)
            let frame = Excerpt.Frame(
                columns: chosen.map { column in
                    let type = layout.columns[column].type.partType
                    let array = first + layout.arrayOfColumn[column]
                    return (layout.columns[column].name, parts.add(array, picks, type, arrays))
                },
                index: labels(of: axes[0], picks[0])
            )
            return picks[0].count == nil ? .row(frame) : .frame(frame)
        case .dataarray(let layout): return dataArray(layout, first, picks, into: &parts)
        case .structure(let layout):
            var next = first
            var members: [(String, Excerpt)] = []
            for (name, layout) in layout.members {
                members.append((name, whole(layout, next, into: &parts)))
                next += layout.arrays.count
            }
            return .structure(members)
        case .list(let layout):
            return .list(
                (0..<layout.count).map { whole(layout.item, first + $0 * layout.item.arrays.count, into: &parts) }
            )
        }
    }

    /// All of a layout that is all of its segment.
    package func whole(_ node: LayoutNode, into parts: inout ExcerptParts) -> Excerpt { whole(node, 0, into: &parts) }

    private func whole(_ node: LayoutNode, _ first: Int, into parts: inout ExcerptParts) -> Excerpt {
        let axes = node.axes(from: first)
        return excerpt(node, first, axes, axes.map { .whole($0.extent) }, nil, into: &parts)
    }

    private func dataArray(
        _ layout: DataArrayLayout,
        _ first: Int,
        _ picks: [AxisPick],
        into parts: inout ExcerptParts
    ) -> Excerpt {
        let values = parts.add(first, picks, layout.type.partType, arrays)
        let kept = zip(layout.dims, picks).filter { $1.count != nil }.map(\.0)
        var next = first + 1
        var coords: [(String, [String], PickedLabels, String?)] = []
        for coordinate in layout.coords {
            let own = coordinate.dims.map { dim in picks[layout.dims.firstIndex(of: dim) ?? 0] }
            let labels = PickedLabels(index(coordinate.contents, next), own, of: coordinate.shape)
            coords.append((coordinate.name, coordinate.dims.filter(kept.contains), labels, coordinate.attrs))
            next += coordinate.arrayCount
        }
        return .dataArray(.init(name: layout.name, dims: kept, values: values, coords: coords))
    }

    private func labels(of axis: PlacedMember.Axis, _ pick: AxisPick) -> PickedLabels {
        let (contents, first) = axis.labels ?? (.range(0, axis.extent), 0)
        return PickedLabels(index(contents, first), [pick], of: [axis.extent])
    }
}

extension ValueType {
    /// The same for an excerpt.
    package var partType: Excerpt.PartType { .init(dtype: dtype, zone: zone, pandasSpelling: pandasSpelling) }
}
