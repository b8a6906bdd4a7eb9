/// Builds one flatbuffer, from its end to its beginning: whatever refers to something stands before it.
///
/// The bytes are kept in reverse, so that the beginning can grow. A place is counted from the end.
struct FlatBuffer {
    private var reversed: [UInt8] = []

    /// Where something begins.
    struct Place {
        fileprivate let fromEnd: Int
    }

    /// A field of a table: its number in the table's definition, and its value.
    enum Value {
        case byte(UInt8)
        case short(Int16)
        case int(Int32)
        case long(Int64)
        case reference(Place)
    }

    /// Text, as UTF-8 with a NUL behind it.
    mutating func string(_ text: String) -> Place {
        let bytes = Array(text.utf8)
        align(4, behind: bytes.count + 1)
        reversed.append(0)
        reversed.append(contentsOf: bytes.reversed())
        push(UInt32(bytes.count))
        return Place(fromEnd: reversed.count)
    }

    /// A list of things that are there already.
    mutating func vector(_ places: [Place]) -> Place {
        align(4, behind: 4 * places.count)
        for place in places.reversed() { push(reference: place) }
        push(UInt32(places.count))
        return Place(fromEnd: reversed.count)
    }

    /// A list of structs of 64-bit words.
    mutating func vector(ofStructs structs: [[Int64]]) -> Place {
        align(8, behind: structs.reduce(0) { $0 + 8 * $1.count })
        for words in structs.reversed() {
            for word in words.reversed() { push(word) }
        }
        push(UInt32(structs.count))
        return Place(fromEnd: reversed.count)
    }

    /// A table; fields that are left out have their defaults.
    mutating func table(_ fields: [(number: Int, value: Value)]) -> Place {
        let end = reversed.count
        var places: [Int: Int] = [:]
        // The largest first, so that nothing lies between them.
        for (number, value) in fields.sorted(by: { $0.value.byteCount > $1.value.byteCount }).reversed() {
            push(value)
            places[number] = reversed.count
        }
        align(4, behind: 0)
        push(UInt32(0))  // where the table of fields is, filled in below
        let start = reversed.count
        let count = (fields.map(\.number).max() ?? -1) + 1
        align(2, behind: 0)
        for number in (0..<count).reversed() { push(UInt16(places[number].map { start - $0 } ?? 0)) }
        push(UInt16(start - end))
        push(UInt16(2 * (count + 2)))
        let distance = UInt32(reversed.count - start)
        for byte in 0..<4 { reversed[start - 1 - byte] = UInt8(truncatingIfNeeded: distance >> (8 * UInt32(byte))) }
        return Place(fromEnd: start)
    }

    /// The bytes, a multiple of eight, with a table at their root.
    consuming func finish(_ root: Place) -> [UInt8] {
        align(8, behind: 4)
        push(reference: root)
        return reversed.reversed()
    }

    private mutating func push(_ value: Value) {
        switch value {
        case .byte(let number): reversed.append(number)
        case .short(let number):
            align(2, behind: 0)
            push(number)
        case .int(let number):
            align(4, behind: 0)
            push(number)
        case .long(let number):
            align(8, behind: 0)
            push(number)
        case .reference(let place): push(reference: place)
        }
    }

    private mutating func push(reference place: Place) {
        align(4, behind: 0)
        push(UInt32(reversed.count + 4 - place.fromEnd))
    }

    private mutating func push(_ number: some FixedWidthInteger) {
        withUnsafeBytes(of: number.littleEndian) { reversed.append(contentsOf: $0.reversed()) }
    }

    /// Fills up with zeros so that what stands before the next `count` bytes is aligned.
    private mutating func align(_ size: Int, behind count: Int) {
        while (reversed.count + count) % size != 0 { reversed.append(0) }
    }
}

extension FlatBuffer.Value {
    fileprivate var byteCount: Int {
        switch self {
        case .byte: 1
        case .short: 2
        case .int, .reference: 4
        case .long: 8
        }
    }
}
