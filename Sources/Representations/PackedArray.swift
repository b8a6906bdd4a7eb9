internal import Glibc
package import Layouts

/// An array in private memory: contiguous, C order, owned.
package struct PackedArray: ~Copyable {
    /// The type of its elements.
    package let dtype: DType
    /// Its extents.
    package let shape: [Int]
    private let memory: Memory

    /// Its first byte.
    package var base: UnsafeMutableRawPointer { memory.base }
    /// The size in bytes.
    package var byteCount: Int { memory.byteCount }

    /// Takes memory for an array, filled with zeros.
    package init(dtype: DType, shape: [Int]) throws(RepresentationError) {
        guard let byteCount = product(shape, times: dtype.byteCount), let base = calloc(1, max(byteCount, 1)) else {
            throw .outOfMemory("no memory for an array of shape \(tuple(shape)) and dtype \(dtype)")
        }
        self.dtype = dtype
        self.shape = shape
        memory = Memory(base: base, byteCount: byteCount)
    }

    private init(dtype: DType, shape: [Int], memory: consuming Memory) {
        self.dtype = dtype
        self.shape = shape
        self.memory = memory
    }

    /// The first elements, as one axis, without the memory of the others.
    package consuming func first(_ elementCount: Int) -> PackedArray {
        let dtype = dtype
        let byteCount = elementCount * dtype.byteCount
        let bytes = take()
        precondition(byteCount <= bytes.count, "no more elements than there are")
        let kept = realloc(bytes.baseAddress, max(byteCount, 1)) ?? bytes.baseAddress
        guard let kept else { preconditionFailure("an array has memory") }
        return PackedArray(dtype: dtype, shape: [elementCount], memory: Memory(base: kept, byteCount: byteCount))
    }

    /// How many elements it has.
    package var count: Int { shape.reduce(1, *) }

    /// Its bytes; valid while the array is.
    package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: byteCount) }

    /// Gives the memory away; the new owner calls `free`.
    package consuming func take() -> UnsafeMutableRawBufferPointer {
        memory.take()
    }

    /// What `calloc` gave.
    private struct Memory: ~Copyable {
        let base: UnsafeMutableRawPointer
        let byteCount: Int

        deinit { free(base) }

        consuming func take() -> UnsafeMutableRawBufferPointer {
            let bytes = UnsafeMutableRawBufferPointer(start: base, count: byteCount)
            discard self
            return bytes
        }
    }
}

extension PackedArray {
    /// The array stretched to another shape by NumPy's rule for assignment: extents of 1 repeat, missing axes are
    /// added in front, surplus axes of 1 in front are dropped.
    package consuming func broadcast(to target: [Int]) throws(RepresentationError) -> PackedArray {
        if shape == target { return self }
        var source = shape
        while source.count > target.count, source.first == 1 { source.removeFirst() }
        let missing = target.count - source.count
        guard missing >= 0, zip(source, target.dropFirst(missing)).allSatisfy({ $0 == $1 || $0 == 1 }) else {
            throw .shapeMismatch("expected a value that broadcasts to the shape \(tuple(target)), got \(tuple(shape))")
        }
        let result = try PackedArray(dtype: dtype, shape: target)
        if result.byteCount == 0 { return result }
        var strides = [Int](repeating: 0, count: missing)
        strides += zip(source, contiguousStrides(source, itemByteCount: dtype.byteCount)).map { $0 == 1 ? 0 : $1 }
        Self.stretch(base, strides, into: result.base, target, itemByteCount: dtype.byteCount)
        return result
    }

    /// Copies with strides of zero where an axis repeats; the innermost axes that do not repeat go in one piece, and
    /// those that repeat one element are doubled.
    private static func stretch(
        _ source: UnsafeRawPointer,
        _ strides: [Int],
        into target: UnsafeMutableRawPointer,
        _ shape: [Int],
        itemByteCount: Int
    ) {
        var block = itemByteCount
        var axis = shape.count
        while axis > 0, strides[axis - 1] == block || shape[axis - 1] == 1 {
            axis -= 1
            block *= shape[axis]
        }
        func fill(_ depth: Int, _ from: UnsafeRawPointer, _ to: UnsafeMutableRawPointer) -> Int {
            if depth == axis {
                memcpy(to, from, block)
                return block
            }
            if strides[depth] == 0 {
                var done = fill(depth + 1, from, to)
                let all = done * shape[depth]
                while done < all {
                    let step = min(done, all - done)
                    memcpy(to + done, to, step)
                    done += step
                }
                return all
            }
            var done = 0
            for index in 0..<shape[depth] { done += fill(depth + 1, from + index * strides[depth], to + done) }
            return done
        }
        _ = fill(0, source, target)
    }
}
