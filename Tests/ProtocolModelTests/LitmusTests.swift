import Testing

/// The memory models themselves, by the outcomes that the architectures' manuals allow and forbid.
@Suite struct LitmusTests {
    /// Whether an outcome can be seen: `programs` break a promise where they see it.
    private func isSeen(_ model: MemoryModel, _ programs: [Program]) -> Bool {
        Machine(model, programs).explore().violation == Broken.unsound.text
    }

    private func writer(_ order: Step.StoreOrder, fence: Bool = false) -> Program {
        Program("writer", isMortal: false) { program in
            program.store(.value(1), at: .payload0)
            if fence { program.fence(.full) }
            program.store(.value(1), at: .payload1, order)
            program.wake()
        }
    }

    /// Sees the second store and not the first.
    private func observer(_ order: Step.LoadOrder, fence: Bool = false) -> Program {
        Program("observer", isMortal: false) { program in
            program.load(.payload1, into: .value1, order)
            if fence { program.fence(.acquire) }
            program.load(.payload0, into: .value0, .plain)
            program.local { if $0[$1, .value1] == 1, $0[$1, .value0] == 0 { $0.breaks(.unsound) } }
        }
    }

    @Test func `a message is passed in order where both sides ask for it`() {
        for model in MemoryModel.allCases {
            #expect(!isSeen(model, [writer(.release), observer(.acquire)]))
            #expect(!isSeen(model, [writer(.plain, fence: true), observer(.plain, fence: true)]))
            let isWeak = model == .arm64
            #expect(isSeen(model, [writer(.plain), observer(.acquire)]) == isWeak)
            #expect(isSeen(model, [writer(.release), observer(.plain)]) == isWeak)
        }
    }

    @Test func `a store waits for its turn while a later load does not`() {
        func side(_ mine: Word, _ other: Word, _ bit: UInt16, fence: Bool) -> Program {
            Program("side \(bit)", isMortal: false) { program in
                program.store(.value(1), at: mine)
                if fence { program.fence(.full) }
                program.load(other, into: .value0)
                program.local { world, process in
                    if world[process, .value0] == 0 { world.acknowledge(bit) }
                    if world[world.map.acknowledged] == 0b110 { world.breaks(.unsound) }
                }
                program.wake()
            }
        }
        for model in MemoryModel.allCases {
            let bare = [side(.payload0, .payload1, 1, fence: false), side(.payload1, .payload0, 2, fence: false)]
            #expect(isSeen(model, bare) == (model != .sequential))
            let fenced = [side(.payload0, .payload1, 1, fence: true), side(.payload1, .payload0, 2, fence: true)]
            #expect(!isSeen(model, fenced))
        }
    }

    @Test func `a later store may overtake a release store, and never one to the same word`() {
        for model in MemoryModel.allCases {
            let writer = Program("writer", isMortal: false) { program in
                program.store(.value(1), at: .payload0, .release)
                program.store(.value(1), at: .payload1)
                program.wake()
            }
            #expect(isSeen(model, [writer, observer(.acquire)]) == (model == .arm64))
            let twice = Program("writer", isMortal: false) { program in
                program.store(.value(1), at: .payload0)
                program.store(.value(2), at: .payload0)
                program.wake()
            }
            let backwards = Program("observer", isMortal: false) { program in
                program.load(.payload0, into: .value0, .plain)
                program.load(.payload0, into: .value1, .plain)
                program.local { if $0[$1, .value0] > $0[$1, .value1] { $0.breaks(.unsound) } }
            }
            #expect(!isSeen(model, [twice, backwards]))
        }
    }

    @Test func `what a killed process has stored is seen, and what it has not is not`() {
        let killed = Program("killed") { program in
            program.call("begin") { _, _ in .done }
            program.store(.value(1), at: .payload0)
            program.store(.value(1), at: .payload1)
        }
        for model in MemoryModel.allCases {
            for first: UInt16 in [0, 1] {
                for second: UInt16 in [0, 1] {
                    let last = Program("last", isMortal: false) { program in
                        program.call("comes last") { $0.isQuiet(except: $1) ? .done : .blocked }
                        program.load(.payload0, into: .value0)
                        program.load(.payload1, into: .value1)
                        program.local {
                            if $0[$1, .value0] == first, $0[$1, .value1] == second { $0.breaks(.unsound) }
                        }
                    }
                    let result = Machine(model, deaths: 1, [killed, last]).explore()
                    #expect((result.violation == Broken.unsound.text) == (first >= second))
                }
            }
        }
    }
}
