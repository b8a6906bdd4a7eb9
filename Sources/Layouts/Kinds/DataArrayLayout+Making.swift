extension DataArrayLayout.Coordinate {
    /// Labels along the dimension of the coordinate's name.
    public init(_ name: String, _ labels: LabelContents) {
        self.init(name: name, dims: [name], shape: [labels.labels.count], contents: labels, attrs: nil)
    }

    /// Values over some dimensions, in C order; of a shape that has as many elements, else
    /// ``LayoutError/invalidLayout(_:)``.
    public init(_ name: String, over dims: [String], shape: [Int], _ values: LabelContents) throws(LayoutError) {
        guard dims.count == shape.count, shape.allSatisfy({ $0 >= 0 }),
            product(shape, times: 1) == values.labels.count
        else {
            throw .invalidLayout(
                "expected \(values.labels.count) values over \(dims.count) dimensions, got the shape \(tuple(shape))"
            )
        }
        self.init(name: name, dims: dims, shape: shape, contents: values, attrs: nil)
    }
}
