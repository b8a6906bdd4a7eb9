internal import Documents
internal import Layouts

/// A node of a Zarr hierarchy.
package enum ZarrNode: Sendable {
    case array(ZarrArray)
    case group(ZarrGroup)
    /// What Zarr has no form for, and why.
    case nothing(String)
}

/// A group: attributes, and nodes by their names.
package final class ZarrGroup: Sendable {
    /// The nodes in order.
    package let children: [(name: String, node: ZarrNode)]
    let attributes: JSONObject
    private let places: [[UInt8]: Int]

    /// A group; names are those of ``ZarrNames``.
    init(_ children: [(name: String, node: ZarrNode)], attributes: JSONObject = JSONObject()) {
        self.children = children
        self.attributes = attributes
        var places: [[UInt8]: Int] = [:]
        for (place, child) in children.enumerated() { places[Array(child.name.utf8)] = place }
        // A client that does not encode the % of a name asks for what the name decodes to.
        for (place, child) in children.enumerated() where child.name.utf8.contains(UInt8(ascii: "%")) {
            let plain = ZarrNames.decoded(child.name)
            if places[Array(plain.utf8)] == nil { places[Array(plain.utf8)] = place }
        }
        self.places = places
    }

    /// The node of a name.
    package func child(_ name: String) -> ZarrNode? { places[Array(name.utf8)].map { children[$0].node } }
}

extension ZarrNode {
    /// What a key leads to; nil where there is nothing.
    package func resolve(_ path: ArraySlice<String>) -> ZarrKey? {
        if path.isEmpty || path.elementsEqual([""]) { return .index(self) }
        if path.count == 1, let word = path.first, let document = ZarrDocument(rawValue: word) {
            return self.document(document)
        }
        switch self {
        case .group(let group): return group.child(path[path.startIndex])?.resolve(path.dropFirst())
        case .array(let array): return array.chunk(path)
        case .nothing: return nil
        }
    }

    private func document(_ document: ZarrDocument) -> ZarrKey? {
        switch (self, document) {
        case (.nothing(let reason), .zarr), (.nothing(let reason), .arrayV2): return .inexpressible(reason)
        case (.nothing, _), (.group, .arrayV2), (.array, .groupV2), (.array, .consolidatedV2): return nil
        case (.group, _): return .document(self, document)
        case (.array(let array), _):
            let version: ZarrVersion = document == .zarr ? .v3 : .v2
            guard array.isExpressible(in: version) else {
                return document == .attributesV2 ? nil : .inexpressible(array.reason(version))
            }
            return .document(self, document)
        }
    }
}

extension ZarrArray {
    /// Reads the path of a chunk: `c/0/1` in v3, `0.1` in v2.
    fileprivate func chunk(_ path: ArraySlice<String>) -> ZarrKey? {
        let version: ZarrVersion = path.first == "c" ? .v3 : .v2
        guard isExpressible(in: version) else { return nil }
        let words: [Substring]
        switch version {
        case .v3: words = path.dropFirst().map { $0[...] }
        case .v2:
            guard path.count == 1, let word = path.first else { return nil }
            words =
                grid.shape.isEmpty && word == "0" ? [] : word.split(separator: ".", omittingEmptySubsequences: false)
        }
        var place: [Int] = []
        for word in words {
            guard let number = Int(word), "\(number)" == word else { return nil }
            place.append(number)
        }
        return grid.chunk(at: place).map { .chunk(self, $0, version) }
    }

    fileprivate func reason(_ version: ZarrVersion) -> String {
        let what = version == .v3 ? "Zarr v3 has no data type" : "Zarr v2 has no dtype"
        return "\(what) for \(type.stored)"
            + (version == .v3 && isExpressible(in: .v2) ? ", whose fields have no byte order there; v2 has one" : "")
    }
}

/// What a key of a store leads to.
package enum ZarrKey: Sendable {
    /// The page that lists a node.
    case index(ZarrNode)
    /// Metadata.
    case document(ZarrNode, ZarrDocument)
    /// A chunk of an array, by the key of a version.
    case chunk(ZarrArray, ZarrChunk, ZarrVersion)
    /// Metadata that would have to say what Zarr cannot, and why.
    case inexpressible(String)
}

/// A key of metadata.
package enum ZarrDocument: String, Sendable {
    case zarr = "zarr.json"
    case arrayV2 = ".zarray"
    case groupV2 = ".zgroup"
    case attributesV2 = ".zattrs"
    case consolidatedV2 = ".zmetadata"
}
