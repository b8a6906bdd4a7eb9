import Layouts

extension SharedObject {
    /// Writes what the lines of the input say, each the path of an array and its bytes in hex, as one journaled write.
    ///
    /// Returns the new sequence.
    func writeLines() throws -> UInt64 {
        try write { changes in
            while let line = readLine() {
                // A path may have spaces in it, hex has none.
                guard let space = line.lastIndex(of: " ") else { throw Failure("expected a path and hex, got \(line)") }
                let array = try bytes(String(line[..<space]))
                try changes.set(array, to: Self.bytes(hex: line[line.index(after: space)...]))
            }
        }
    }

    private static func bytes(hex: Substring) throws -> [UInt8] {
        let digits = try hex.utf8.map { digit in
            guard let value = Character(Unicode.Scalar(digit)).hexDigitValue else { throw Failure("expected hex") }
            return UInt8(value)
        }
        guard digits.count.isMultiple(of: 2) else { throw Failure("expected two digits for each byte") }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}
