internal import Glibc
internal import Layouts

extension PackedArray {
    /// The same array in C order, where the bytes stand in Fortran order: the first axis fastest.
    package consuming func transposedFromFortranOrder() throws(RepresentationError) -> PackedArray {
        let result = try PackedArray(dtype: dtype, shape: shape)
        if result.byteCount == 0 { return result }
        var strides: [Int] = []
        var step = dtype.byteCount
        for extent in shape {
            strides.append(step)
            step *= extent
        }
        var index = [Int](repeating: 0, count: shape.count)
        var source = UnsafeRawPointer(base)
        var target = result.base
        while true {
            memcpy(target, source, dtype.byteCount)
            target += dtype.byteCount
            var axis = shape.count - 1
            while axis >= 0 {
                index[axis] += 1
                source += strides[axis]
                if index[axis] < shape[axis] { break }
                source -= strides[axis] * shape[axis]
                index[axis] = 0
                axis -= 1
            }
            if axis < 0 { return result }
        }
    }
}
