extension Program {
    /// A write over both segments with one staged file, kind 3: lock both in order, journals, all odd, commit word, apply,
    /// all even, unlink.
    ///
    /// One that gives up, for a file is gone say, makes all even again without the commit word, and only then unlinks.
    static func together(
        _ value: UInt16,
        order: [Int] = [0, 1],
        givesUp: Bool = false,
        _ mutant: Mutant? = nil
    ) -> Program {
        let write = Write(value: value)
        return Program("gateway \(value)") { program in
            program.stage(write.value)
            for file in order { program.beginWrite(name: file, mutant) }
            program.stageHead(entries: 2, isCommitted: mutant == .commitBeforeOdd)
            for file in 0..<2 {
                program.use(file: file)
                program.load(.sequence, into: .sequence)
                program.storeJournal(kind: 3, write)
            }
            for file in 0..<2 {
                program.use(file: file)
                program.load(.sequence, into: .sequence)
                program.makeOdd(mutant)
            }
            if givesUp, mutant == .fileGoneBeforeEven { program.unlinkStaged() }
            if !givesUp {
                if mutant != .commitBeforeOdd { program.commitStaged() }
                for file in 0..<2 {
                    program.use(file: file)
                    program.store(.value(write.value), at: .data0)
                    program.store(.value(write.value), at: .data1)
                }
            }
            for file in 0..<2 {
                program.use(file: file)
                program.load(.sequence, into: .sequence)
                program.local { $0[$1, .sequence] -= 1 }
                program.makeEven(write, mutant)
            }
            if !givesUp || mutant != .fileGoneBeforeEven { program.unlinkStaged() }
            for file in 0..<2 {
                program.use(file: file)
                program.unlock()
            }
            if !givesUp { program.local { world, _ in world.acknowledge(write.value) } }
            program.label("end")
        }
    }
}
