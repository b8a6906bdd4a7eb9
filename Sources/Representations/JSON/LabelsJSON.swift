internal import Documents
internal import Layouts
internal import Segments

/// Labels as JSON: nested lists of numbers, instants, bools or strings.
enum LabelsJSON {
    /// Writes labels over a shape; rank 0 is the bare label.
    static func write(_ labels: PackedLabels, shape: [Int], options: JSONOptions, to json: inout JSONWriter) {
        guard let dtype = labels.dtype else {
            var next = 0
            var pauses = TextPauses(from: json.buffer.count)
            return writeTexts(labels.texts, shape[...], &next, &pauses, to: &json)
        }
        let zone = labels.zone.flatMap(TimeZone.named)
        labels.bytes.withUnsafeBytes { raw in
            let base = raw.baseAddress ?? UnsafeRawPointer(UnsafeMutableRawPointer.nothing)
            ArrayJSON.write(base, dtype: dtype, shape: shape, options: options, zone: zone, to: &json.buffer)
        }
    }

    private static func writeTexts(
        _ texts: [[UInt8]],
        _ shape: ArraySlice<Int>,
        _ next: inout Int,
        _ pauses: inout TextPauses,
        to json: inout JSONWriter
    ) {
        guard let extent = shape.first else {
            pauses.passed(json.buffer.count)
            // What a local process wrote need not be UTF-8.
            json.string(String(decoding: texts[next], as: UTF8.self))
            next += 1
            return
        }
        json.beginArray()
        for _ in 0..<extent { writeTexts(texts, shape.dropFirst(), &next, &pauses, to: &json) }
        json.endArray()
    }

    /// Whether a JSON value is exactly these labels, in order.
    static func matches(_ json: JSONValue, _ labels: PackedLabels, shape: ArraySlice<Int>) -> Bool {
        var next = 0
        return matches(json, labels, shape, &next)
    }

    private static func matches(
        _ json: JSONValue,
        _ labels: PackedLabels,
        _ shape: ArraySlice<Int>,
        _ next: inout Int
    ) -> Bool {
        if let extent = shape.first {
            guard case .array(let items) = json, items.count == extent else { return false }
            for item in items where !matches(item, labels, shape.dropFirst(), &next) { return false }
            return true
        }
        defer { next += 1 }
        guard let dtype = labels.dtype else {
            guard case .string(let text) = json else { return false }
            return text.utf8.elementsEqual(labels.texts[next])
        }
        return withUnsafeTemporaryAllocation(byteCount: dtype.byteCount, alignment: 8) { place in
            guard let base = place.baseAddress,
                ElementStore(dtype: dtype, place: base, zone: labels.zone.flatMap(TimeZone.named)).value(json)
            else { return false }
            return labels.bytes.withUnsafeBytes { raw in
                guard let own = raw.baseAddress.map({ $0 + next * dtype.byteCount }) else { return false }
                return dtype.equalAsLabels(UnsafeRawPointer(base), own)
            }
        }
    }
}

extension UnsafeMutableRawPointer {
    /// An address for zero bytes.
    fileprivate static var nothing: UnsafeMutableRawPointer {
        UnsafeMutableRawPointer(bitPattern: 64).unsafelyUnwrapped
    }
}
