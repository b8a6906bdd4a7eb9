internal import Documents
internal import Glibc
internal import Logging

/// One line of the log.
enum LogLine {
    typealias Fields = [(key: String, value: Logger.MetadataValue)]

    /// The members that every line has; a field of one of these names gets an underscore behind it.
    private static let reserved: Set = ["time", "level", "logger", "message"]

    /// A JSON object and a line feed.
    static func json(level: String, label: String, message: String, _ fields: Fields) -> ByteBuffer {
        var json = JSONWriter(capacity: 512)
        json.beginObject()
        json.key("time")
        json.string(now())
        json.key("level")
        json.string(level)
        json.key("logger")
        json.string(label)
        json.key("message")
        write(message, to: &json)
        for (key, value) in fields {
            json.key(reserved.contains(key) ? key + "_" : key)
            write(value, to: &json)
        }
        json.endObject()
        var line = json.finish()
        line.append("\n")
        return line
    }

    private static func write(_ value: Logger.MetadataValue, to json: inout JSONWriter) {
        switch value {
        case .string(let text): write(text, to: &json)
        case .stringConvertible(let number as Int): json.integer(Int64(number))
        case .stringConvertible(let number as Double) where number.isFinite: json.double(number)
        case .stringConvertible(let flag as Bool): json.bool(flag)
        case .stringConvertible(let other): write(other.description, to: &json)
        case .array(let values):
            json.beginArray()
            for value in values { write(value, to: &json) }
            json.endArray()
        case .dictionary(let members):
            json.beginObject()
            for (key, value) in members.sorted(by: { $0.key < $1.key }) {
                json.key(key)
                write(value, to: &json)
            }
            json.endObject()
        }
    }

    /// Many a reader of lines ends one where JSON does not, at U+0085 or U+2028.
    private static func write(_ text: String, to json: inout JSONWriter) {
        if isPlain(text) { json.string(text) } else { json.raw(quoted(text)) }
    }

    /// Words, then `name=value` for each field.
    static func text(level: String, label: String, message: String, _ fields: Fields) -> ByteBuffer {
        var line = ByteBuffer(capacity: 512)
        line.append("\(now()) \(level) \(label): ")
        line.append(escaped(message))
        for (key, value) in fields {
            line.append(" ")
            line.append(isPlain(key) ? key : quoted(key))
            line.append("=")
            line.append(text(value))
        }
        line.append("\n")
        return line
    }

    private static func text(_ value: Logger.MetadataValue) -> String {
        switch value {
        case .string(let text): isPlain(text) ? text : quoted(text)
        case .stringConvertible(let other): isPlain(other.description) ? other.description : quoted(other.description)
        case .array(let values): "[" + values.map { text($0) }.joined(separator: ",") + "]"
        case .dictionary(let members):
            "{"
                + members.sorted { $0.key < $1.key }.map { quoted($0.key) + ":" + text($0.value) }
                .joined(separator: ",") + "}"
        }
    }

    /// Whether a value may stand without quotes.
    private static func isPlain(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
                case UInt8(ascii: "0")...UInt8(ascii: "9"): true
                default: "._-/:%+@".utf8.contains(byte)
                }
            }
    }

    private static func quoted(_ text: String) -> String {
        "\"" + escaped(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")) + "\""
    }

    /// The text without what ends a line, moves a cursor, or turns the direction of writing.
    private static func escaped(_ text: String) -> String {
        if !text.unicodeScalars.contains(where: isDangerous) { return text }
        return text.unicodeScalars.reduce(into: "") { result, scalar in
            if isDangerous(scalar) {
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
    }

    private static func isDangerous(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }

    /// The time as RFC 3339 has it, in UTC, to the microsecond.
    private static func now() -> String {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var seconds = now.tv_sec
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let date = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 32) { text in
            let count = strftime(text.baseAddress, text.count, "%Y-%m-%dT%H:%M:%S", &parts)
            return String(
                decoding: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(text)[..<count]),
                as: UTF8.self
            )
        }
        return "\(date).\(digits(now.tv_nsec / 1_000, 6))Z"
    }

    private static func digits(_ number: Int, _ count: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, count - text.utf8.count)) + text
    }
}
