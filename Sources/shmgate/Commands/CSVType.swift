import Documents
import Layouts

/// What the fields of a CSV column are: the first of these that takes all of them.
///
/// So pandas reads them, which leaves dates as texts, though.
enum CSVType: CaseIterable {
    case int64
    case uint64
    case float64
    case bool
    case datetime
    /// With an offset or a `Z`; kept in UTC.
    case instant
    case text

    /// The type of fields; of none that of numbers.
    init(_ fields: some Collection<CSVTable.Field>) {
        self = Self.allCases.first { type in fields.allSatisfy(type.takes) } ?? .text
        if fields.isEmpty { self = .float64 }
    }

    /// The dtype that holds the fields; texts are as wide as the longest.
    func dtype(_ fields: some Collection<CSVTable.Field>) -> String {
        switch self {
        case .int64: "<i8"
        case .uint64: "<u8"
        case .float64: "<f8"
        case .bool: "?"
        case .datetime: "datetime64[ns]"
        case .instant: "datetime64[ns, UTC]"
        case .text: "S\(max(1, fields.lazy.map(\.text.utf8.count).max() ?? 0))"
        }
    }

    private func takes(_ field: CSVTable.Field) -> Bool {
        switch self {
        case .int64: Int64(field.number) != nil
        case .uint64: UInt64(field.number) != nil
        case .float64: field.isMissing || field.double != nil
        case .bool: field.bool != nil
        case .datetime: field.isMissing || field.isDate && !field.hasOffset
        case .instant: field.isMissing || field.isDate && field.hasOffset
        case .text: true
        }
    }

    /// Writes a field that it takes.
    func write(_ field: CSVTable.Field, to json: inout JSONWriter) {
        switch self {
        case .int64: json.integer(Int64(field.number) ?? 0)
        case .uint64: json.unsigned(UInt64(field.number) ?? 0)
        case .float64:
            switch field.double {
            case let value? where value.isFinite: json.double(value)
            case let value? where !value.isNaN: json.string(value < 0 ? "-Infinity" : "Infinity")
            default: json.null()
            }
        case .bool: json.bool(field.bool ?? false)
        case .datetime, .instant: if field.isMissing { json.null() } else { json.string(field.text) }
        case .text: json.string(field.text)
        }
    }
}

extension CSVTable.Field {
    /// Whether it is what pandas takes for no value.
    fileprivate var isMissing: Bool { !isQuoted && Self.missing.contains(text) }

    private static let missing: Set = [
        "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
        "NULL", "NaN", "None", "n/a", "nan", "null",
    ]

    /// The text without spaces around it, which numbers may have.
    fileprivate var number: Substring {
        var number = text[...]
        while number.first == " " { number.removeFirst() }
        while number.last == " " { number.removeLast() }
        return number
    }

    /// It as a decimal number, `inf` or `nan`; Swift reads hexadecimal ones, too.
    fileprivate var double: Double? { number.contains { "xXpP(".contains($0) } ? nil : Double(number) }

    fileprivate var bool: Bool? {
        switch text {
        case "true", "True", "TRUE": true
        case "false", "False", "FALSE": false
        default: nil
        }
    }

    /// Whether it is a whole date, with a time or none, that nanoseconds can hold.
    fileprivate var isDate: Bool {
        guard text.utf8.count >= 10, case .count = DateTime.read(text, unit: TimeUnit(.nanosecond)) else {
            return false
        }
        return true
    }

    /// Whether a date has a zone, behind its time.
    fileprivate var hasOffset: Bool { text.utf8.dropFirst(10).contains { "Zz+-".utf8.contains($0) } }
}
