extension ByteBuffer {
    /// Appends packed doubles as a JSON array; `notFinite` appends what stands for infinities and NaN.
    ///
    /// `wrote` is called after each few of them, with the bytes that are there by then.
    package mutating func appendList(
        ofDoubles values: UnsafeRawPointer,
        count: Int,
        notFinite: (Double, inout ByteBuffer) -> Void,
        wrote: (Int) -> Void = { _ in }
    ) {
        appendList(NumberList(base: values, count: count), notFinite, wrote)
    }

    /// Appends packed float32 as a JSON array; `notFinite` appends what stands for infinities and NaN.
    ///
    /// `wrote` is called after each few of them, with the bytes that are there by then.
    package mutating func appendList(
        ofFloats values: UnsafeRawPointer,
        count: Int,
        notFinite: (Float, inout ByteBuffer) -> Void,
        wrote: (Int) -> Void = { _ in }
    ) {
        appendList(NumberList(base: values, count: count), notFinite, wrote)
    }

    @inline(__always)
    private mutating func appendList<Value: DecimalNumeral>(
        _ values: NumberList<Value>,
        _ notFinite: (Value, inout ByteBuffer) -> Void,
        _ wrote: (Int) -> Void
    ) {
        append(UInt8(ascii: "["))
        let places = LastPlaces.shared
        var next = 0
        while next < values.count {
            append(upTo: NumberList<Value>.mostBytes) { values.storeBlock(from: &next, to: $0, places) }
            wrote(self.count)
            if next < values.count, !values[next].isFinite {
                notFinite(values[next], &self)
                append(UInt8(ascii: ","))
                next += 1
            }
        }
        if values.count == 0 { append(UInt8(ascii: "]")) } else { replaceLast(with: UInt8(ascii: "]")) }
    }
}

/// Packed numbers, whose text is made block by block.
///
/// First come the digits of all numbers of a block and then their text: the processor looks ahead at many numbers then,
/// none of which waits for another one, and not only at the two or three that fit with all that is done to each.
struct NumberList<Value: DecimalNumeral> {
    let base: UnsafeRawPointer
    let count: Int

    private static var blockCount: Int { 16 }
    /// More than all that is stored for a block.
    static var mostBytes: Int { blockCount * DecimalText.mostBytes }

    @inline(__always)
    subscript(index: Int) -> Value {
        base.loadUnaligned(fromByteOffset: index &* MemoryLayout<Value>.size, as: Value.self)
    }

    /// Stores numbers from `next` on with a comma behind each, up to one that is not finite; says how many bytes that is.
    @inline(__always)
    func storeBlock(from next: inout Int, to start: UnsafeMutablePointer<UInt8>, _ places: LastPlaces) -> Int {
        storeBlock(from: &next, to: start, places) { place, _ in
            place[0] = UInt8(ascii: ",")
            return 1
        }
    }

    /// The same with a tail behind each, and where that ends, counted from `offset` before the first one.
    @inline(__always)
    func storeBlock(
        from next: inout Int,
        to start: UnsafeMutablePointer<UInt8>,
        _ places: LastPlaces,
        _ tail: Tail,
        _ ends: UnsafeMutablePointer<Int>,
        _ offset: Int
    ) -> Int {
        storeBlock(from: &next, to: start, places) { place, index in
            let count = tail.store(to: place)
            ends[index] = offset &+ (place - start) &+ count
            return count
        }
    }

    /// Stores numbers, and behind each what `separate` does, which says how many bytes that is.
    @inline(__always)
    private func storeBlock(
        from next: inout Int,
        to start: UnsafeMutablePointer<UInt8>,
        _ places: LastPlaces,
        separate: (UnsafeMutablePointer<UInt8>, Int) -> Int
    ) -> Int {
        withUnsafeTemporaryAllocation(of: ShortestDecimal.self, capacity: Self.blockCount) { block in
            // Without the checks of a buffer.
            guard let decimals = block.baseAddress else { return 0 }
            let end = min(Self.blockCount, count &- next)
            var ready = 0
            while ready < end, let decimal = self[next &+ ready].shortestDecimal(places) {
                (decimals + ready).initialize(to: decimal)
                ready = ready &+ 1
            }
            var place = start
            var index = 0
            while index < ready {
                place += DecimalText(decimals[index]).store(self[next &+ index], to: place)
                place += separate(place, index)
                index = index &+ 1
            }
            next = next &+ ready
            return place - start
        }
    }
}
