package import Documents

extension ZarrNode {
    /// Writes metadata as JSON; the node has the document.
    package func write(_ document: ZarrDocument, to json: inout JSONWriter) {
        switch (self, document) {
        case (.array(let array), .zarr): array.writeV3(to: &json)
        case (.array(let array), .arrayV2): array.writeV2(to: &json)
        case (.array(let array), .attributesV2): array.writeAttributesV2(to: &json)
        case (.group(let group), .zarr): group.writeV3(to: &json)
        case (.group, .groupV2): json.raw("{\"zarr_format\":2}")
        case (.group(let group), .attributesV2): json.value(.object(group.attributes))
        case (.group(let group), .consolidatedV2): group.writeConsolidatedV2(to: &json)
        default: preconditionFailure("a node is asked for the documents that it has")
        }
    }

    /// How many nodes there are in it, itself included.
    package var weight: Int {
        guard case .group(let group) = self else { return 1 }
        return group.children.reduce(1) { $0 + $1.node.weight }
    }

    /// Calls `body` with every node below, and its path from here, parents first.
    fileprivate func forEachBelow(_ prefix: String = "", _ body: (String, ZarrNode) -> Void) {
        guard case .group(let group) = self else { return }
        for (name, node) in group.children {
            body(prefix + name, node)
            node.forEachBelow("\(prefix)\(name)/", body)
        }
    }
}

extension ZarrGroup {
    /// Writes `zarr.json`, with that of every node below in it.
    fileprivate func writeV3(to json: inout JSONWriter) {
        writeV3(to: &json) { json in
            ZarrNode.group(self).forEachBelow { path, node in
                switch node {
                case .array(let array) where array.isExpressible(in: .v3):
                    json.key(path)
                    array.writeV3(to: &json)
                case .group(let group):
                    json.key(path)
                    // What is below it stands beside it.
                    group.writeV3(to: &json) { _ in }
                case .array, .nothing: break
                }
            }
        }
    }

    private func writeV3(to json: inout JSONWriter, members: (inout JSONWriter) -> Void) {
        json.beginObject()
        json.key("attributes")
        json.value(.object(attributes))
        json.key("zarr_format")
        json.integer(3)
        json.key("consolidated_metadata")
        json.beginObject()
        json.key("kind")
        json.string("inline")
        json.key("must_understand")
        json.bool(false)
        json.key("metadata")
        json.beginObject()
        members(&json)
        json.endObject()
        json.endObject()
        json.key("node_type")
        json.string("group")
        json.endObject()
    }

    /// Writes `.zmetadata`.
    fileprivate func writeConsolidatedV2(to json: inout JSONWriter) {
        func add(_ prefix: String, _ node: ZarrNode, _ documents: [ZarrDocument], to json: inout JSONWriter) {
            for document in documents {
                json.key(prefix + document.rawValue)
                node.write(document, to: &json)
            }
        }
        json.beginObject()
        json.key("metadata")
        json.beginObject()
        let root = ZarrNode.group(self)
        add("", root, [.groupV2, .attributesV2], to: &json)
        root.forEachBelow { path, node in
            switch node {
            case .array(let array) where array.isExpressible(in: .v2):
                add("\(path)/", node, [.arrayV2, .attributesV2], to: &json)
            case .group: add("\(path)/", node, [.groupV2, .attributesV2], to: &json)
            case .array, .nothing: break
            }
        }
        json.endObject()
        json.key("zarr_consolidated_format")
        json.integer(1)
        json.endObject()
    }
}
