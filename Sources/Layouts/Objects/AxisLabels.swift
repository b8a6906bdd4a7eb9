public import Segments

/// The labels of an axis of a ``SharedObject``, or the values of a coordinate: to be read, and to be searched.
///
/// They never change. What a search needs to know of all of them, their order or a table, is found out at the first
/// search and kept by the object, so that the next ones cost a binary search or a look into the table. A truncated file is
/// ``SegmentError/corrupt(_:)``. May be used from any thread.
public struct AxisLabels: Sendable {
    private let index: LabelIndex
    /// The extents: one for an axis, those of its dimensions for a coordinate.
    public let shape: [Int]

    init(_ index: LabelIndex, shape: [Int]) {
        self.index = index
        self.shape = shape
    }

    /// How many there are.
    public var count: Int { index.count }
    /// pandas' name of an index; nil without one.
    public var name: String? { index.contents.name }
    /// What they are and how they are stored.
    public var labels: Labels { index.contents.labels }

    /// All of them as Swift values, in C order.
    public func values() throws(SegmentError) -> LabelValues {
        LabelValues(try PickedLabels(index, shape.map(AxisPick.whole), of: shape).load())
    }

    /// The first position of a label; nil where no label is it.
    ///
    /// Among instants a part of a date (`"2024-01"`) is the first one in it. A label that cannot be compared with these
    /// is none of them.
    public func position(of label: Label) throws -> Int? { try positions(of: label).first }

    /// Every position of a label, in order; none where no label is it.
    ///
    /// Among instants that are finer a part of a date is all of it: `"2024-01"` the whole month.
    public func positions(of label: Label) throws -> [Int] {
        do {
            return try index.pick(.value(label.term(among: labels))).positions
        } catch LayoutError.noSuchLabel {
            return []
        }
    }

    /// The positions from one label to another, both included; nil means from the first or to the last.
    ///
    /// As pandas' `loc[first:last]`: labels in order need not have the ends, and the positions follow each other; in
    /// labels without an order both ends have to occur, each at one place, else ``LayoutError/noSuchLabel(_:)``, and
    /// instants between them are taken wherever they stand. What is no range, as among bools, is
    /// ``LayoutError/invalidQuery(_:)``.
    public func positions(from first: Label?, through last: Label?) throws -> [Int] {
        let start = try first.map { label throws(LayoutError) in try label.term(among: labels) }
        let end = try last.map { label throws(LayoutError) in try label.term(among: labels) }
        return try index.pick(.range(from: start, through: end)).positions
    }
}

/// Labels as Swift values.
public enum LabelValues: Equatable, Sendable {
    /// Of a range, or of any signed type, or of an unsigned one below 64 bits.
    case integers([Int64])
    /// Of uint64.
    case unsigned([UInt64])
    /// Of any float type.
    case numbers([Double])
    case flags([Bool])
    /// What is no UTF-8 in them is U+FFFD.
    case texts([String])
    /// Counts of a unit since 1970; UTC where they have a zone. `Int64.min` is NaT.
    case instants([Int64], unit: TimeUnit, zone: String?)
    /// Counts of a unit; `Int64.min` is NaT.
    case durations([Int64], unit: TimeUnit)

    /// The texts; nil for other labels.
    public var texts: [String]? { if case .texts(let values) = self { values } else { nil } }
    /// The integers; nil for other labels.
    public var integers: [Int64]? { if case .integers(let values) = self { values } else { nil } }
    /// The numbers; nil for other labels.
    public var numbers: [Double]? { if case .numbers(let values) = self { values } else { nil } }
}

extension LabelValues {
    init(_ packed: PackedLabels) {
        guard let dtype = packed.dtype else {
            self = .texts(packed.texts.map { String(decoding: $0, as: UTF8.self) })
            return
        }
        func load<Number: BitwiseCopyable>(_ type: Number.Type) -> [Number] {
            packed.bytes.withUnsafeBytes { bytes in
                (0..<packed.count).map {
                    bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Number>.size, as: type)
                }
            }
        }
        switch dtype.element {
        case .bool: self = .flags(packed.bytes.map { $0 != 0 })
        case .int8: self = .integers(load(Int8.self).map { Int64($0) })
        case .int16: self = .integers(load(Int16.self).map { Int64($0) })
        case .int32: self = .integers(load(Int32.self).map { Int64($0) })
        case .uint8: self = .integers(load(UInt8.self).map { Int64($0) })
        case .uint16: self = .integers(load(UInt16.self).map { Int64($0) })
        case .uint32: self = .integers(load(UInt32.self).map { Int64($0) })
        case .uint64: self = .unsigned(load(UInt64.self))
        case .float16: self = .numbers(load(Float16.self).map { Double($0) })
        case .float32: self = .numbers(load(Float.self).map { Double($0) })
        case .float64: self = .numbers(load(Double.self))
        case .datetime(let unit): self = .instants(load(Int64.self), unit: unit, zone: packed.zone)
        case .timedelta(let unit): self = .durations(load(Int64.self), unit: unit)
        case .int64, .bfloat16, .complex64, .complex128, .bytes, .text, .structured:
            self = .integers(load(Int64.self))
        }
    }
}
