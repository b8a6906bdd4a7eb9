import FuzzTargets
import Glibc
import TestSupport
import Testing

/// The corpus of the fuzzer, replayed: what it once found interesting, and what it once found.
@Suite struct CorpusTests {
    @Test("every input of the corpus is read without a crash, refused or consistent", arguments: fuzzTargets)
    func replay(_ name: String) throws {
        let scratch = try ScratchDirectory()
        let target = try #require(try fuzzTarget(name, folder: scratch.path))
        let inputs = try Inputs(folder: corpus(name))
        #expect(inputs.paths.count > 10, "the corpus of \(name) is where it should be")
        for path in inputs.paths {
            let bytes = try RawFile(path).bytes()
            #expect(throws: Never.self, "\(path)") { try target.run(bytes) }
        }
    }

    @Test("so is what becomes of it when bytes are flipped, cut out, doubled and put together", arguments: fuzzTargets)
    func mutants(_ name: String) throws {
        let scratch = try ScratchDirectory()
        let target = try #require(try fuzzTarget(name, folder: scratch.path))
        let inputs = try Inputs(folder: corpus(name)).paths.map { try RawFile($0).bytes() }
        var random = SplitMix(seed: 20_251)
        for number in 0..<2000 {
            let bytes = random.mutant(of: inputs)
            #expect(throws: Never.self, "mutant \(number) of seed 20251: \(bytes)") { try target.run(bytes) }
        }
    }

    @Test("a target takes zeros of any length", arguments: fuzzTargets)
    func zeros(_ name: String) throws {
        let scratch = try ScratchDirectory()
        let target = try #require(try fuzzTarget(name, folder: scratch.path))
        for count in [0, 1, 57, 128, 4096] { try target.run([UInt8](repeating: 0, count: count)) }
    }
}

/// The folder of a target's inputs.
private func corpus(_ name: String) -> String {
    let tests = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
    return "/\(tests)/Chaos/Fuzz/Corpus/\(name)"
}

/// The files of a folder.
private struct Inputs {
    let paths: [String]

    init(folder: String) throws {
        guard let stream = opendir(folder) else { throw Failure("opendir \(folder)") }
        defer { closedir(stream) }
        var paths: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") { paths.append("\(folder)/\(name)") }
        }
        self.paths = paths.sorted()
    }
}
