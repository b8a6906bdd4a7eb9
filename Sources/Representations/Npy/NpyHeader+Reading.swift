internal import Documents
internal import Layouts

extension NpyHeader {
    /// The most bytes of a header: a dtype of many thousand fields.
    ///
    /// NumPy itself reads only 10,000 unless told otherwise.
    package static let maximumByteCount = 1 << 20

    /// How many bytes the header has, read from its first twelve; nil if more bytes are needed to tell.
    package static func byteCount(of prefix: UnsafeRawBufferPointer) throws(RepresentationError) -> Int? {
        guard prefix.count >= 12 else {
            guard prefix.prefix(6).elementsEqual(Npy.magic.prefix(prefix.count)) else { throw noMagic }
            return nil
        }
        guard prefix.prefix(6).elementsEqual(Npy.magic) else { throw noMagic }
        guard (1...3).contains(prefix[6]) else {
            throw .invalidBody("expected an npy body of version 1, 2 or 3, got \(prefix[6]).\(prefix[7])")
        }
        let lengthBytes = prefix[6] == 1 ? 2 : 4
        let length = (0..<lengthBytes).reduce(0) { $0 | Int(prefix[8 + $1]) << (8 * $1) }
        let total = 8 + lengthBytes + length
        guard total <= maximumByteCount else {
            throw .invalidBody("expected an npy header of at most \(maximumByteCount) bytes, got \(total)")
        }
        return total
    }

    private static var noMagic: RepresentationError {
        .invalidBody("expected an npy body, which begins with \\x93NUMPY")
    }

    /// Reads the header at the front of a body.
    package init(reading body: UnsafeRawBufferPointer) throws(RepresentationError) {
        guard let byteCount = try Self.byteCount(of: UnsafeRawBufferPointer(rebasing: body.prefix(12))),
            byteCount <= body.count
        else { throw .invalidBody("the npy body ends inside its header") }
        let start = body[6] == 1 ? 10 : 12
        let text = UnsafeRawBufferPointer(rebasing: body[start..<byteCount])
        guard let scalars = Self.scalars(text, version: body[6]) else {
            throw .invalidBody("the npy header is no UTF-8")
        }
        var parser = PythonLiteral(scalars)
        guard case .dictionary(let entries) = parser.parse(), let descr = entries["descr"],
            case .bool(let fortran) = entries["fortran_order"], case .list(let extents) = entries["shape"]
        else { throw .invalidBody("expected an npy header with descr, fortran_order and shape") }
        var shape: [Int] = []
        for extent in extents {
            guard case .integer(let extent) = extent, extent >= 0 else {
                throw .invalidBody("expected a shape of integers of 0 or more in the npy header")
            }
            shape.append(extent)
        }
        guard let json = descr.json else { throw .invalidBody("the descr of the npy header is no dtype") }
        do throws(LayoutError) {
            dtype = try DType(json)
        } catch {
            throw .invalidBody("\(error)")
        }
        if shape.count > maximumRank { throw .invalidBody("expected at most \(maximumRank) axes, got \(shape.count)") }
        self.shape = shape
        isFortranOrder = fortran
        self.byteCount = byteCount
    }

    /// The header's text: Latin-1 up to version 2, UTF-8 from version 3 on; nil if it is no text.
    private static func scalars(_ text: UnsafeRawBufferPointer, version: UInt8) -> [Unicode.Scalar]? {
        if version < 3 { return text.map { Unicode.Scalar($0) } }
        return String(validating: text, as: UTF8.self).map { Array($0.unicodeScalars) }
    }
}

/// The few literals of Python that an npy header is made of.
enum PythonValue: Equatable {
    case string(String)
    case integer(Int)
    case bool(Bool)
    case list([PythonValue])
    case dictionary([String: PythonValue])

    /// The same as JSON; tuples are lists.
    var json: JSONValue? {
        switch self {
        case .string(let text): return .string(text)
        case .integer(let value): return .number(.integer(Int64(value)))
        case .bool(let value): return .bool(value)
        case .list(let items):
            let values = items.compactMap(\.json)
            return values.count == items.count ? .array(values) : nil
        case .dictionary: return nil
        }
    }
}

/// Reads one literal from left to right; anything else gives nil.
struct PythonLiteral {
    private let scalars: [Unicode.Scalar]
    private var next = 0

    init(_ scalars: [Unicode.Scalar]) { self.scalars = scalars }

    /// The whole text as one value.
    mutating func parse() -> PythonValue? {
        let value = value(depth: 0)
        skipSpaces()
        return next == scalars.count ? value : nil
    }

    private mutating func value(depth: Int) -> PythonValue? {
        skipSpaces()
        guard next < scalars.count, depth < 32 else { return nil }
        switch scalars[next] {
        case "'", "\"": return string().map(PythonValue.string)
        case "{": return dictionary(depth: depth)
        case "(", "[": return list(closing: scalars[next] == "(" ? ")" : "]", depth: depth)
        case "0"..."9", "-": return integer()
        default:
            for (word, value) in [("True", true), ("False", false)]
            where scalars[next...].starts(with: Array(word.unicodeScalars)) {
                next += word.count
                return .bool(value)
            }
            return nil
        }
    }

    private mutating func list(closing: Unicode.Scalar, depth: Int) -> PythonValue? {
        next += 1
        var items: [PythonValue] = []
        while !take(closing) {
            guard let item = value(depth: depth + 1) else { return nil }
            items.append(item)
            if take(",") { continue }
            guard take(closing) else { return nil }
            break
        }
        return .list(items)
    }

    private mutating func dictionary(depth: Int) -> PythonValue? {
        next += 1
        var entries: [String: PythonValue] = [:]
        while !take("}") {
            guard case .string(let key) = value(depth: depth + 1), take(":"), let item = value(depth: depth + 1),
                entries.updateValue(item, forKey: key) == nil
            else { return nil }
            if take(",") { continue }
            guard take("}") else { return nil }
            break
        }
        return .dictionary(entries)
    }

    private mutating func integer() -> PythonValue? {
        let start = next
        if scalars[next] == "-" { next += 1 }
        while next < scalars.count, ("0"..."9").contains(scalars[next]) { next += 1 }
        let text = String(String.UnicodeScalarView(scalars[start..<next]))
        if next < scalars.count, scalars[next] == "L" { next += 1 }  // Python 2 wrote long integers so
        return Int(text).map(PythonValue.integer)
    }

    private mutating func string() -> String? {
        let quote = scalars[next]
        next += 1
        var text = String.UnicodeScalarView()
        while next < scalars.count {
            let scalar = scalars[next]
            next += 1
            if scalar == quote { return String(text) }
            if scalar != "\\" {
                text.append(scalar)
                continue
            }
            guard next < scalars.count else { return nil }
            let escape = scalars[next]
            next += 1
            switch escape {
            case "n": text.append("\n")
            case "r": text.append("\r")
            case "t": text.append("\t")
            case "\\", "'", "\"": text.append(escape)
            case "x", "u", "U":
                let count = escape == "x" ? 2 : escape == "u" ? 4 : 8
                guard next + count <= scalars.count else { return nil }
                let digits = scalars[next..<(next + count)]
                guard digits.allSatisfy(\.properties.isASCIIHexDigit),
                    let value = UInt32(String(String.UnicodeScalarView(digits)), radix: 16),
                    let scalar = Unicode.Scalar(value)
                else { return nil }
                text.append(scalar)
                next += count
            default: return nil
            }
        }
        return nil
    }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        skipSpaces()
        guard next < scalars.count, scalars[next] == scalar else { return false }
        next += 1
        return true
    }

    private mutating func skipSpaces() {
        while next < scalars.count, [" ", "\n", "\t", "\r"].contains(scalars[next]) { next += 1 }
    }
}
