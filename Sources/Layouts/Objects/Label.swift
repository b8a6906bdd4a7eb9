internal import Documents

/// A label to look for: `"b"`, `3`, `1.5`, `true`.
///
/// Among instants a text is a date or a date and time (`"2024-01-31T12:00"`, in the zone of the labels), or a part of
/// one, and an integer is a count of their unit; among lengths of time a text is as `"1h"` or `"PT1H"`.
public enum Label: Hashable, Sendable {
    case text(String)
    case integer(Int64)
    case unsigned(UInt64)
    case number(Double)
    case flag(Bool)
}

extension Label: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral
{
    /// A text.
    public init(stringLiteral value: String) { self = .text(value) }
    /// An integer.
    public init(integerLiteral value: Int64) { self = .integer(value) }
    /// A number.
    public init(floatLiteral value: Double) { self = .number(value) }
    /// A truth value.
    public init(booleanLiteral value: Bool) { self = .flag(value) }
}

extension Label {
    /// The same as a selection writes it, among labels of a kind.
    func term(among labels: Labels) throws(LayoutError) -> LabelSelection.Term {
        if case .texts = labels {
            guard case .text(let text) = self else {
                throw .noSuchLabel("expected a text among labels that are texts, got \(self)")
            }
            return .json(.string(text))
        }
        switch self {
        case .text(let text): return .json(.string(text))
        case .integer(let value):
            if case .elements(let dtype, _, let zone) = labels, case .datetime(let unit) = dtype.element {
                return .word(Self.instant(value, unit, hasZone: zone != nil))
            }
            return .json(.number(.integer(value)))
        case .unsigned(let value): return .json(.number(.unsigned(value)))
        case .number(let value): return .word("\(value)")
        case .flag(let value): return .json(.bool(value))
        }
    }

    /// A count with all digits of its unit, so that it is one instant and no span of several.
    private static func instant(_ count: Int64, _ unit: TimeUnit, hasZone: Bool) -> String {
        if count == DateTime.nat { return "NaT" }
        var buffer = ByteBuffer()
        DateTime.append(count, unit: unit, to: &buffer)
        var text = buffer.text
        if let digits = unit.fractionDigits, digits > 0 {
            let point = text.utf8.firstIndex(of: UInt8(ascii: "."))
            let written = point.map { text.utf8.distance(from: $0, to: text.utf8.endIndex) - 1 } ?? 0
            if point == nil { text += "." }
            text += String(repeating: "0", count: digits - written)
        }
        return hasZone ? text + "Z" : text
    }
}
