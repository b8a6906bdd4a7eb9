internal import Documents
internal import MicroHTTP
internal import Representations
internal import Segments

/// The page of a node, for people, and for fsspec, which lists a store by the links of its pages.
struct ZarrIndex {
    private let node: ZarrNode
    private let name: SegmentName
    private let path: [String]

    init(_ node: ZarrNode, name: SegmentName, path: [String]) {
        self.node = node
        self.name = name
        self.path = path
    }

    /// So many chunks of an array have a link.
    private static let mostChunks = 1_000

    /// The answer.
    var response: Response {
        var html = ByteBuffer(capacity: 1_024)
        let title = Self.escaped((["\(name)"] + path).joined(separator: "/"))
        // Links are those of the page with a slash at its end, also where it is asked for without one.
        let base = (["zarr", "\(name)"] + path).map { "/" + Self.encoded($0) }.joined()
        html.append("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>\(title)</title>\n")
        html.append("<base href=\"\(base)/\"></head>\n<body><h1>\(title)</h1>\n<ul>\n")
        switch node {
        case .group(let group): write(group, to: &html)
        case .array(let array): write(array, to: &html)
        case .nothing(let reason): html.append("<li>\(Self.escaped(reason))</li>\n")
        }
        html.append("</ul></body></html>\n")
        return .text(html, "text/html; charset=utf-8", headers: [("Cache-Control", "no-cache")])
    }

    private func write(_ group: ZarrGroup, to html: inout ByteBuffer) {
        anchor("zarr.json", to: &html)
        for document in [ZarrDocument.groupV2, .attributesV2, .consolidatedV2] { hidden(document, to: &html) }
        for (name, node) in group.children {
            switch node {
            case .group: anchor(name, to: &html)
            case .array(let array):
                if array.isExpressible(in: .v3) {
                    anchor(name, array.summary, to: &html)
                } else {
                    html.append("<li>\(Self.escaped(name)) \(Self.escaped(array.summary)), not in v3</li>\n")
                }
            case .nothing(let reason): html.append("<li>\(Self.escaped(name)): \(Self.escaped(reason))</li>\n")
            }
        }
    }

    private func write(_ array: ZarrArray, to html: inout ByteBuffer) {
        html.append("<li>\(Self.escaped(array.summary))</li>\n")
        anchor("zarr.json", to: &html)
        for document in [ZarrDocument.arrayV2, .attributesV2] { hidden(document, to: &html) }
        let counts = array.grid.counts
        if counts.contains(0) { return }
        var place = [Int](repeating: 0, count: counts.count)
        for number in 0... {
            if number == Self.mostChunks {
                html.append("<li>and so on</li>\n")
                return
            }
            anchor((["c"] + place.map(String.init)).joined(separator: "/"), to: &html)
            guard let axis = place.indices.last(where: { place[$0] + 1 < counts[$0] }) else { return }
            place[axis] += 1
            for inner in (axis + 1)..<place.count { place[inner] = 0 }
        }
    }

    private func anchor(_ name: String, _ more: String = "", to html: inout ByteBuffer) {
        html.append("<li><a href=\"\(Self.reference(name))\">\(Self.escaped(name))</a> \(Self.escaped(more))</li>\n")
    }

    /// A link for people alone: fsspec finds only those in quotes, and zarr-python warns of keys in a v3 group that are
    /// no nodes of it.
    private func hidden(_ document: ZarrDocument, to html: inout ByteBuffer) {
        html.append("<li><a href=\(document.rawValue)>\(document.rawValue)</a></li>\n")
    }

    /// Text without a meaning to HTML.
    static func escaped(_ text: String) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }

    /// A relative reference that is, wherever that can be, the name itself: fsspec takes it for the name, undecoded.
    static func reference(_ name: String) -> String {
        var result: [UInt8] = []
        let bytes = Array(name.utf8)
        for (place, byte) in bytes.enumerated() {
            let isEscape = byte == UInt8(ascii: "%") && Self.isEscape(bytes[place...])
            // What begins with http is a place elsewhere to fsspec.
            let isScheme = place == 0 && bytes.starts(with: "http".utf8)
            if isScheme || byte <= 0x1F || byte == 0x7F || !isEscape && special.contains(byte) {
                result += "%".utf8
                result += hexadecimal(byte)
            } else {
                result.append(byte)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// What has a meaning to HTML, to URLs or to fsspec's search for links.
    private static let special = Set("\"'<>&%\\:`".utf8)

    private static func isEscape(_ bytes: ArraySlice<UInt8>) -> Bool {
        ["%2F", "%3F", "%23", "%5C"].contains { bytes.starts(with: $0.utf8) }
    }

    /// A part of a path, with all but plain letters and digits encoded.
    private static func encoded(_ part: String) -> String {
        var result: [UInt8] = []
        for byte in part.utf8 {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                result.append(byte)
            default:
                result += "%".utf8
                result += hexadecimal(byte)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func hexadecimal(_ byte: UInt8) -> [UInt8] {
        let digits = Array("0123456789ABCDEF".utf8)
        return [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }
}
