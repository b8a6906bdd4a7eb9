internal import Layouts

/// The values that the numbers of a column stand for.
final class ArrowDictionary {
    let runs: [ArrowRun]
    /// What its values take when they are unpacked, about, however few bytes they were sent in.
    let costInBytes: Int

    init(runs: [ArrowRun]) {
        self.runs = runs
        costInBytes = runs.reduce(0) {
            $0.addingClamped($1.unpackedByteCount).addingClamped($1.count.multipliedClamped(by: Self.entryBytes))
        }
    }

    private static let entryBytes = 32

    /// Its values one behind the other, nil where one is null; valid while ``elements`` are.
    enum Values {
        case texts([UnsafeRawBufferPointer?])
        case packed(ArrowMemory, DType, isNull: [Bool])

        var count: Int {
            switch self {
            case .texts(let texts): texts.count
            case .packed(_, _, let isNull): isNull.count
            }
        }
    }

    private var elements: [ArrowElements] = []
    private var known: Values?

    /// Unpacks them, once.
    func values() throws(RepresentationError) -> Values {
        if let known { return known }
        elements = try runs.map { run throws(RepresentationError) in try ArrowElements(unpacking: run) }
        let values: Values
        if let dtype = runs.first?.storage.dtype {
            let memory = try ArrowMemory(byteCount: runs.reduce(0) { $0 + $1.count } * dtype.byteCount)
            var isNull: [Bool] = []
            guard let base = memory.bytes.baseAddress else { preconditionFailure("memory has an address") }
            for run in elements {
                run.store(into: base + isNull.count * dtype.byteCount)
                isNull += (0..<run.count).map(run.isNull)
            }
            values = .packed(memory, dtype, isNull: isNull)
        } else {
            var texts: [UnsafeRawBufferPointer?] = []
            for run in elements {
                for row in 0..<run.count { texts.append(run.isNull(row) ? nil : try run.text(row)) }
            }
            values = .texts(texts)
        }
        known = values
        return values
    }
}
