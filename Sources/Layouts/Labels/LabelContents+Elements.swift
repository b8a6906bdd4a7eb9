extension LabelContents {
    /// Numbers or bools of any type that labels can have; others are ``LayoutError/invalidDType(_:)``.
    public init<Element: ArrayElement>(elements: [Element], name: String? = nil) throws(LayoutError) {
        switch Element.dtype.element {
        case .bool, .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64, .float16, .float32, .float64:
            break
        default: throw .invalidDType("expected labels of numbers or bools, got \(Element.dtype)")
        }
        self.init(elements, Element.dtype, name: name)
    }

    /// Instants of a time zone, such as `Europe/Berlin` or `+01:00`, as counts of a unit (s, ms, us or ns) since 1970 UTC.
    ///
    /// Another unit, or a zone that the machine does not know, is ``LayoutError/invalidDType(_:)``.
    public init(
        instants counts: [Int64],
        unit: TimeUnit,
        zone: String,
        name: String? = nil
    ) throws(LayoutError) {
        let type = try ValueType(DType(.datetime(unit)), zone: zone)
        self.init(counts, type.dtype, zone: zone, name: name)
    }

    /// Lengths of time as counts of a unit: s, ms, us or ns, else ``LayoutError/invalidDType(_:)``.
    public init(durations counts: [Int64], unit: TimeUnit, name: String? = nil) throws(LayoutError) {
        let type = try ValueType(DType(.timedelta(unit)))
        self.init(counts, type.dtype, name: name)
    }

    private init(_ elements: [some BitwiseCopyable], _ dtype: DType, zone: String? = nil, name: String?) {
        self.init(
            labels: .elements(dtype, count: elements.count, zone: zone),
            buffers: [elements.withUnsafeBytes { Array($0) }],
            name: name
        )
    }
}
