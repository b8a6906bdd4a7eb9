import Testing

/// One thing is taken out at a time; the checker has to find what that breaks.
@Suite struct MutantTests {
    @Test func `no fence after the odd sequence`() {
        let programs: [Program] = [.gateway(1, .noFence), .reader()]
        expectCaught(.noFence, .arm64, programs)
        expectSound("no fence", .sequential, programs)
        expectSound("no fence", .x86, programs)
    }

    @Test func `no acquire fence in the reader`() {
        let programs: [Program] = [.gateway(1), .reader(.noAcquireFence)]
        expectCaught(.noAcquireFence, .arm64, programs)
        expectSound("no acquire fence", .sequential, programs)
        expectSound("no acquire fence", .x86, programs)
    }

    @Test func `the first load without acquire`() {
        let programs: [Program] = [.gateway(1), .reader(.plainFirstLoad)]
        expectCaught(.plainFirstLoad, .arm64, programs)
        expectSound("plain first load", .sequential, programs)
        expectSound("plain first load", .x86, programs)
    }

    @Test func `the even sequence without release`() {
        let programs: [Program] = [.gateway(1, .plainEven), .reader()]
        expectCaught(.plainEven, .arm64, programs)
        expectSound("plain even", .sequential, programs)
        expectSound("plain even", .x86, programs)
        let python: [Program] = [.localWriter(1, in: .python, .plainEven), .reader()]
        expectCaught(.plainEven, .arm64, python)
        expectSound("plain even in Python", .x86, python)
    }

    @Test(arguments: MemoryModel.allCases)
    func `no odd sequence`(model: MemoryModel) {
        expectCaught(.noOdd, model, [.gateway(1, .noOdd), .reader()])
    }

    @Test(arguments: MemoryModel.allCases)
    func `journals`(model: MemoryModel) {
        expectCaught(.noJournal, model, deaths: 1, [.gateway(1, .noJournal), .successor()])
        expectCaught(.journalAfterOdd, model, deaths: 1, [.gateway(1, .journalAfterOdd), .successor()])
        expectCaught(
            .journalNotVoided,
            model,
            deaths: 2,
            [.gateway(1), .localWriter(2, .journalNotVoided), .successor()]
        )
        expectCaught(
            .journalGoneBeforeEven,
            model,
            deaths: 1,
            [.stagedGateway(1, .journalGoneBeforeEven), .successor()]
        )
        expectCaught(
            .discardBeforeRedo,
            model,
            deaths: 2,
            [.stagedGateway(1), .gateway(2, .discardBeforeRedo), .successor()]
        )
        expectCaught(.noChecksum, model, deaths: 1, [.gateway(1), .scribbler(5), .successor(.noChecksum)])
    }

    @Test(arguments: MemoryModel.allCases)
    func `sweeps and wakes`(model: MemoryModel) {
        expectCaught(
            .sweptUnreplayed,
            model,
            deaths: 1,
            [.stagedGateway(1), .sweeper(.sweptUnreplayed), .successor()]
        )
        expectCaught(.wakeBeforeEven, model, [.gateway(1, .wakeBeforeEven), .waiter()])
    }

    @Test(arguments: MemoryModel.allCases)
    func `damage`(model: MemoryModel) {
        expectCaught(
            .damageAfterEven,
            model,
            deaths: 1,
            [.localWriter(1), .gateway(2, .damageAfterEven), .reader(), .successor()]
        )
        expectCaught(
            .wholeForgotten,
            model,
            deaths: 1,
            [.localWriter(1), .gateway(2, isWhole: true, .wholeForgotten), .successor()]
        )
    }

    @Test(arguments: MemoryModel.allCases)
    func `names`(model: MemoryModel) {
        expectCaught(.noNameCheck, model, files: 2, [.gateway(1, .noNameCheck), .replacer(), .successor()])
        expectCaught(.renameBeforeState, model, files: 2, [.replacer(with: 1, .renameBeforeState), .successor()])
        expectCaught(
            .stateNotTakenBack,
            model,
            files: 2,
            deaths: 1,
            [.replacer(), .successor(.stateNotTakenBack)]
        )
    }

    @Test(arguments: MemoryModel.allCases)
    func `writes over two segments`(model: MemoryModel) {
        let promises = Promises(namesBothFiles: true, isWrittenTogether: true)
        for mutant in [Mutant.commitIgnored, .commitBeforeOdd] {
            expectCaught(
                mutant,
                model,
                files: 2,
                deaths: 1,
                promises: promises,
                [.together(1, mutant), .successor(names: 2, mutant)]
            )
        }
        expectCaught(
            .fileGoneBeforeEven,
            model,
            files: 2,
            deaths: 1,
            promises: promises,
            [.together(1, givesUp: true, .fileGoneBeforeEven), .successor(names: 2)]
        )
        expectCaught(
            .lockedInNoOrder,
            model,
            files: 2,
            promises: promises,
            [.together(1), .together(2, order: [1, 0]), .successor(names: 2)]
        )
    }

    @Test func `no turnstile`() {
        let promises = Promises(overtaking: 6)
        for isExclusive in [true, false] {
            expectCaught(
                .noTurnstile,
                .sequential,
                promises: promises,
                [
                    .patient(isExclusive: !isExclusive, .noTurnstile), .looper(isExclusive: isExclusive, .noTurnstile),
                    .looper(isExclusive: isExclusive, .noTurnstile),
                ]
            )
        }
    }
}
