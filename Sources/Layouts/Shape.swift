package import Documents

/// The most axes of an array; NumPy's own limit.
package let maximumRank = 64

/// The product of extents and a size, or nil if no machine can count it.
///
/// As in NumPy the extents beside a zero have to be countable too: strides are made of them.
package func product(_ shape: [Int], times size: Int) -> Int? {
    var result = size
    for extent in shape where extent != 0 {
        let (next, overflow) = result.multipliedReportingOverflow(by: extent)
        if overflow { return nil }
        result = next
    }
    return shape.contains(0) ? 0 : result
}

/// A shape as Python prints a tuple.
package func tuple(_ shape: [Int]) -> String {
    shape.count == 1 ? "(\(shape[0]),)" : "(\(shape.map(String.init).joined(separator: ", ")))"
}

/// The strides in bytes of a contiguous array in C order.
package func contiguousStrides(_ shape: [Int], itemByteCount: Int) -> [Int] {
    var strides = [Int](repeating: 0, count: shape.count)
    var step = itemByteCount
    for axis in shape.indices.reversed() {
        strides[axis] = step
        // Wraps only where an extent of 0 leaves nothing to step to.
        step = step &* max(shape[axis], 1)
    }
    return strides
}

/// Reads a shape: a list of extents, or one extent.
func extents(_ json: JSONValue) throws(LayoutError) -> [Int] {
    if let extent = json.integer, extent >= 0 { return [extent] }
    guard case .array(let items) = json else {
        throw .invalidLayout("expected a shape as a list of extents of 0 or more")
    }
    var shape: [Int] = []
    for item in items {
        guard let extent = item.integer, extent >= 0 else {
            throw .invalidLayout("expected a shape of integers of 0 or more")
        }
        shape.append(extent)
    }
    if shape.count > maximumRank {
        throw .invalidLayout("expected at most \(maximumRank) axes, got \(shape.count)")
    }
    return shape
}

extension JSONValue {
    /// The value of an integral number that fits.
    package var integer: Int? {
        guard case .number(let number) = self else { return nil }
        switch number {
        case .integer(let value): return Int(value)
        case .double(let value): return Int(exactly: value)
        case .unsigned, .overflow: return nil
        }
    }
}

extension Int {
    /// The sum, or the greatest integer.
    package func addingClamped(_ other: Int) -> Int {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? Int.max : sum
    }

    /// The product, or the greatest integer.
    package func multipliedClamped(by factor: Int) -> Int {
        let (product, overflow) = multipliedReportingOverflow(by: factor)
        return overflow ? Int.max : product
    }
}
