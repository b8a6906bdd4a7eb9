extension DType {
    /// The dtype that pandas gives to a row of columns of these dtypes; nil means Python objects.
    package static func common(of dtypes: [DType]) -> DType? {
        guard let first = dtypes.first else { return nil }
        if dtypes.allSatisfy({ $0 == first }) {
            switch first.element {
            case .bytes, .text, .structured: return nil
            default: return first
            }
        }
        if let time = commonTime(dtypes) { return time }
        let numbers = dtypes.compactMap(\.number)
        guard numbers.count == dtypes.count else { return nil }
        return common(numbers)
    }

    /// The finest unit of instants, or of lengths of time.
    private static func commonTime(_ dtypes: [DType]) -> DType? {
        var instants: [TimeUnit] = []
        var lengths: [TimeUnit] = []
        for dtype in dtypes {
            switch dtype.element {
            case .datetime(let unit): instants.append(unit)
            case .timedelta(let unit): lengths.append(unit)
            default: return nil
            }
        }
        guard instants.isEmpty || lengths.isEmpty else { return nil }
        let finest = (instants + lengths).max { $1.base.isFiner(than: $0.base) }
        return finest.map { DType(lengths.isEmpty ? .datetime($0) : .timedelta($0)) }
    }

    /// What kind of number an element is, and how many bytes it, or each of its parts, has.
    private var number: (kind: NumberKind, bytes: Int)? {
        switch element {
        case .int8, .int16, .int32, .int64: (.signed, byteCount)
        case .uint8, .uint16, .uint32, .uint64: (.unsigned, byteCount)
        case .float16, .float32, .float64: (.float, byteCount)
        case .bfloat16: (.float, 4)
        case .complex64, .complex128: (.complex, byteCount / 2)
        default: nil
        }
    }

    private enum NumberKind { case signed, unsigned, float, complex }

    /// NumPy's rule for the result of an operation on arrays.
    private static func common(_ numbers: [(kind: NumberKind, bytes: Int)]) -> DType {
        func largest(_ kind: NumberKind) -> Int { numbers.filter { $0.kind == kind }.map(\.bytes).max() ?? 0 }
        let (signed, unsigned) = (largest(.signed), largest(.unsigned))
        let (float, complex) = (largest(.float), largest(.complex))
        if float > 0 || complex > 0 {
            let integers = max(signed, unsigned)
            let needed = integers == 0 ? 0 : integers == 1 ? 2 : integers == 2 ? 4 : 8
            let bytes = max(float, complex, needed)
            if complex > 0 { return DType(bytes <= 4 ? .complex64 : .complex128) }
            return DType(bytes == 2 ? .float16 : bytes == 4 ? .float32 : .float64)
        }
        if signed == 0 { return DType(unsigned == 4 ? .uint32 : unsigned == 2 ? .uint16 : .uint64) }
        let bytes = max(signed, unsigned == 0 ? 0 : 2 * unsigned)
        return DType(bytes > 8 ? .float64 : bytes == 8 ? .int64 : bytes == 4 ? .int32 : .int16)
    }
}
