package import Documents

/// Lengths of time as ISO 8601 text, in the form that pandas gives them.
package enum Duration {
    /// Appends `P1DT2H3M4.5S`; negative ones count days below zero, as pandas does.
    ///
    /// The count is not NaT.
    package static func append(_ count: Int64, unit: TimeUnit, to text: inout ByteBuffer) {
        let total = Int128(count) * Int128(unit.multiple)
        switch unit.base {
        case .year: return text.append("P\(total)Y")
        case .month: return text.append("P\(total)M")
        default: break
        }
        let digits = unit.fractionDigits ?? 0
        let perSecond = Int128(powerOfTen(digits))
        let seconds = unit.seconds.map { total * Int128($0) } ?? floorDivide(total, perSecond)
        let fraction = unit.seconds == nil ? Int(total - seconds * perSecond) : 0
        let days = floorDivide(seconds, 86_400)
        let rest = Int(seconds - days * 86_400)
        text.append("P\(days)DT\(rest / 3_600)H\(rest / 60 % 60)M\(rest % 60)")
        DateTime.writeFraction(fraction, digits: digits, to: &text)
        text.append("S")
    }
}
