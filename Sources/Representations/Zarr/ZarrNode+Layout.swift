internal import Documents
package import Layouts

extension ZarrNode {
    /// The hierarchy of a layout: an array for arrays and bytes, a group for what has members, labels or coordinates.
    ///
    /// `attrs` are the attributes of the segment, as JSON text. `width` tells how many code points the longest of some
    /// texts has, which are the labels whose first array has the number.
    package init(
        _ layout: LayoutNode,
        attrs: String,
        width: (LabelContents, Int) throws -> Int
    ) throws {
        let attributes = try JSONObject(attrs: attrs)
        self = try withoutActuallyEscaping(width) { width in
            try ZarrBuilder(width: width).node(layout, firstArray: 0, axes: nil, attributes)
        }
    }
}

/// Makes nodes of layouts.
private struct ZarrBuilder {
    let width: (LabelContents, Int) throws -> Int

    /// A layout whose first array has a number; `axes` begins the names of axes that have none, nil leaves them out.
    func node(
        _ layout: LayoutNode,
        firstArray first: Int,
        axes: String?,
        _ attributes: JSONObject = JSONObject()
    ) throws -> ZarrNode {
        func plain(_ dtype: DType, _ shape: [Int]) -> ZarrNode {
            let names = axes.map { axes in shape.indices.map { "\(axes)dim_\($0)" } }
            return .array(ZarrArray(.values(first), dtype, shape: shape, dimensions: names, attributes: attributes))
        }
        switch layout.form {
        case .ndarray(let layout): return plain(layout.dtype, layout.shape)
        case .bytes(let layout): return plain(DType(.uint8), [layout.size])
        case .json: return .nothing("Zarr has arrays, and this is a JSON value")
        case .series(let layout): return try series(layout, first, attributes)
        case .dataframe(let layout): return try dataframe(layout, first, attributes)
        case .dataarray(let layout): return try dataarray(layout, first, attributes)
        case .structure(let layout):
            var names = ZarrNames()
            var next = first
            var children: [(name: String, node: ZarrNode)] = []
            for (name, member) in layout.members {
                let name = names.add(name)
                children.append((name, try node(member, firstArray: next, axes: "\(name)_")))
                next += member.arrays.count
            }
            return .group(ZarrGroup(children, attributes: attributes))
        case .list(let layout):
            let count = layout.item.arrays.count
            // All items have the same extents, so they have the same axes.
            let items = try (0..<layout.count).map {
                (name: "\($0)", node: try node(layout.item, firstArray: first + $0 * count, axes: ""))
            }
            return .group(ZarrGroup(items, attributes: attributes))
        }
    }

    private func series(_ layout: SeriesLayout, _ first: Int, _ attributes: JSONObject) throws -> ZarrNode {
        var names = ZarrNames()
        let name = names.add(layout.name ?? "values")
        let index = Self.nameOfIndex(&names)
        let values = ZarrArray(
            .values(first),
            layout.type.dtype,
            zone: layout.type.zone,
            shape: [layout.index.labels.count],
            dimensions: [index]
        )
        let labels = try labels(layout.index, first + 1, dimensions: [index])
        return .group(ZarrGroup([(name, .array(values)), (index, .array(labels))], attributes: attributes))
    }

    private func dataframe(_ layout: DataFrameLayout, _ first: Int, _ attributes: JSONObject) throws -> ZarrNode {
        var names = ZarrNames()
        let columns = layout.columns.map { names.add($0.name) }
        let index = Self.nameOfIndex(&names)
        var children: [(name: String, node: ZarrNode)] = []
        for (number, column) in layout.columns.enumerated() {
            let array = ZarrArray(
                .values(first + layout.arrayOfColumn[number]),
                column.type.dtype,
                zone: column.type.zone,
                shape: [layout.index.labels.count],
                dimensions: [index]
            )
            children.append((columns[number], .array(array)))
        }
        let labels = try labels(layout.index, first + layout.columns.count, dimensions: [index])
        return .group(ZarrGroup(children + [(index, .array(labels))], attributes: attributes))
    }

    /// `index`, or, as pandas calls it where a column has that name, `level_0`.
    private static func nameOfIndex(_ names: inout ZarrNames) -> String {
        names.has("index") ? names.add("level_0") : names.add("index")
    }

    private func dataarray(_ layout: DataArrayLayout, _ first: Int, _ attributes: JSONObject) throws -> ZarrNode {
        var names = ZarrNames()
        // Coordinates first: their names are those of axes.
        let coords = layout.coords.map { names.add($0.name) }
        func axis(_ dim: String) -> String {
            let place = layout.coords.firstIndex { $0.isIndex && $0.name.utf8.elementsEqual(dim.utf8) }
            return place.map { coords[$0] } ?? ZarrNames.encoded(dim)
        }
        let isFree = layout.name.map { !names.has(ZarrNames.encoded($0)) } ?? false
        let name = names.add(isFree ? layout.name ?? "values" : "values")
        // CF has the names in one text, so those with blanks cannot be among them.
        let others = zip(layout.coords, coords).filter { !$0.0.isIndex && !$0.1.contains(" ") }.map(\.1)
        let told: [JSONObject.Member] =
            others.isEmpty ? [] : [.init(name: "coordinates", value: .string(others.joined(separator: " ")))]
        let values = ZarrArray(
            .values(first),
            layout.type.dtype,
            zone: layout.type.zone,
            shape: layout.shape,
            dimensions: layout.dims.map(axis),
            attributes: attributes.replacing(told)
        )
        var children: [(name: String, node: ZarrNode)] = [(name, .array(values))]
        var next = first + 1
        for (coordinate, name) in zip(layout.coords, coords) {
            let own = try JSONObject(attrs: coordinate.attrs ?? "{}")
            let array = try labels(
                coordinate.contents,
                next,
                shape: coordinate.shape,
                dimensions: coordinate.dims.map(axis),
                own
            )
            children.append((name, .array(array)))
            next += coordinate.arrayCount
        }
        return .group(ZarrGroup(children))
    }

    /// Labels, or a coordinate, whose first array has a number.
    private func labels(
        _ contents: LabelContents,
        _ first: Int,
        shape: [Int]? = nil,
        dimensions: [String],
        _ attributes: JSONObject = JSONObject()
    ) throws -> ZarrArray {
        let source: ZarrArray.Source
        let dtype: DType
        var zone: String?
        switch contents.labels {
        case .range(let start, _, let step): (source, dtype) = (.range(start: start, step: step), DType(.int64))
        case .elements(let element, _, let name): (source, dtype, zone) = (.labels(first), element, name)
        case .texts:
            source = .texts(contents, firstArray: first)
            dtype = DType(.text(max(try width(contents, first), 1)))
        }
        let shape = shape ?? [contents.labels.count]
        return ZarrArray(source, dtype, zone: zone, shape: shape, dimensions: dimensions, attributes: attributes)
    }
}

extension JSONObject {
    /// Attributes as a header has them.
    fileprivate init(attrs: String) throws {
        self.init()
        try Array(attrs.utf8).withUnsafeBytes { bytes in
            var reader = JSONReader(bytes)
            if case .object(let object) = try reader.value() { self = object }
        }
    }
}
