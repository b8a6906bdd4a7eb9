import Testing

/// The protocol as it is, through all interleavings, kills and orders of a memory model.
@Suite struct SoundnessTests {
    @Test(arguments: MemoryModel.allCases)
    func `a reader is given one write, whoever writes`(model: MemoryModel) {
        expectSound("gateway, reader", model, [.gateway(1), .reader(tries: 2)])
        expectSound("local writer, reader", model, [.localWriter(1), .reader(tries: 2)])
        expectSound("staged write, reader", model, [.stagedGateway(1), .reader(tries: 2)])
        expectSound("C writer, reader", model, [.localWriter(1, in: .c), .reader(tries: 2)])
        expectSound("Python writer, reader", model, [.localWriter(1, in: .python), .reader(tries: 2)])
        expectSound("two writers, reader", model, [.gateway(1), .localWriter(2), .reader()])
        expectSound("two writers, Python reader", model, [.gateway(1), .localWriter(2), .reader(tries: 0)])
    }

    @Test(arguments: MemoryModel.allCases)
    func `a reader is given one write, or told of the damage, while writers die`(model: MemoryModel) {
        expectSound(
            "gateway, local writer, reader",
            model,
            deaths: 2,
            [.gateway(1), .localWriter(2), .reader(), .successor()]
        )
    }

    @Test(arguments: MemoryModel.allCases)
    func `a reader that may not write is given the whole write of a dead gateway`(model: MemoryModel) {
        expectSound("gateway, reader", model, deaths: 1, [.gateway(1), .reader(), .successor()])
        expectSound("staged write, reader", model, deaths: 1, [.stagedGateway(1), .reader(), .successor()])
        expectSound("local writer, reader", model, deaths: 1, [.localWriter(1), .reader(), .successor()])
    }

    @Test(arguments: MemoryModel.allCases)
    func `a reader that may write recovers first`(model: MemoryModel) {
        expectSound("gateway, reader", model, deaths: 1, [.gateway(1), .reader(mayRecover: true), .successor()])
        expectSound(
            "local writer, reader",
            model,
            deaths: 1,
            [.localWriter(1), .reader(mayRecover: true), .successor()]
        )
    }

    @Test(arguments: MemoryModel.allCases)
    func `writers and those who recover may die in turn`(model: MemoryModel) {
        expectSound("two gateways", model, deaths: 2, [.gateway(1), .gateway(2), .successor()])
        expectSound("gateway, local writer", model, deaths: 2, [.gateway(1), .localWriter(2), .successor()])
        expectSound("staged write, gateway", model, deaths: 2, [.stagedGateway(1), .gateway(2), .successor()])
        expectSound("staged write, local writer", model, deaths: 2, [.stagedGateway(1), .localWriter(2), .successor()])
        expectSound("two local writers", model, deaths: 2, [.localWriter(1), .localWriter(2), .successor()])
        expectSound(
            "gateway, C writer, Python writer",
            model,
            deaths: 2,
            [.gateway(1), .localWriter(2, in: .c), .localWriter(3, in: .python), .successor()]
        )
        expectSound(
            "three gateways, three deaths",
            model,
            deaths: 3,
            [.gateway(1), .stagedGateway(2), .localWriter(3), .successor()]
        )
    }

    @Test(arguments: MemoryModel.allCases)
    func `a write of the whole clears the damage, and nothing else does`(model: MemoryModel) {
        expectSound(
            "local writer, gateway of the whole",
            model,
            deaths: 2,
            [.localWriter(1), .gateway(2, isWhole: true), .successor()]
        )
        expectSound(
            "local writers, one of the whole",
            model,
            deaths: 2,
            [.localWriter(1), .localWriter(2, isWhole: true), .successor()]
        )
        expectSound(
            "local writer, staged write of the whole",
            model,
            deaths: 2,
            [.localWriter(1), .stagedGateway(2, isWhole: true), .successor()]
        )
    }

    @Test(arguments: MemoryModel.allCases)
    func `a name moves under the lock, and nobody writes to what it has left`(model: MemoryModel) {
        expectSound("gateway, replacer", model, files: 2, deaths: 1, [.gateway(1), .replacer(), .successor()])
        expectSound("local writer, replacer", model, files: 2, deaths: 1, [.localWriter(1), .replacer(), .successor()])
        expectSound("gateway, unlinker", model, deaths: 2, [.gateway(1), .unlinker(), .successor()])
        expectSound("unlinker, replacer", model, files: 2, deaths: 2, [.unlinker(), .replacer(), .successor()])
        expectSound(
            "two replacers, gateway",
            model,
            files: 3,
            deaths: 1,
            [.replacer(with: 1), .replacer(with: 2), .gateway(1), .successor()]
        )
        expectSound(
            "unlinker, creator, local writer",
            model,
            files: 2,
            deaths: 2,
            [.unlinker(), .creator(of: 1), .localWriter(1), .successor()]
        )
    }

    @Test(arguments: MemoryModel.allCases)
    func `a write over two segments reaches both or none`(model: MemoryModel) {
        let promises = Promises(namesBothFiles: true, isWrittenTogether: true)
        expectSound(
            "write over two",
            model,
            files: 2,
            deaths: 1,
            promises: promises,
            [.together(1), .successor(names: 2)]
        )
        expectSound(
            "two writes over two",
            model,
            files: 2,
            deaths: 2,
            promises: promises,
            [.together(1), .together(2), .successor(names: 2)]
        )
        expectSound(
            "a write over two that is given up, and another",
            model,
            files: 2,
            deaths: 2,
            promises: promises,
            [.together(1, givesUp: true), .together(2), .successor(names: 2)]
        )
        expectSound(
            "write over two, local writer to the second",
            model,
            files: 2,
            deaths: 2,
            promises: Promises(namesBothFiles: true),
            [.together(1), .localWriter(2, name: 1), .successor(names: 2)]
        )
    }

    @Test(arguments: MemoryModel.allCases)
    func `a sweep deletes no journal that somebody needs`(model: MemoryModel) {
        expectSound(
            "staged write, sweeper, reader",
            model,
            deaths: 1,
            [.stagedGateway(1), .sweeper(), .reader(), .successor()]
        )
        expectSound(
            "staged write, sweeper, gateway",
            model,
            deaths: 2,
            [.stagedGateway(1), .gateway(2), .sweeper(), .successor()]
        )
        expectSound(
            "write over two, sweeper",
            model,
            files: 2,
            deaths: 1,
            promises: Promises(namesBothFiles: true, isWrittenTogether: true),
            [.together(1), .sweeper(entries: 2), .successor(names: 2)]
        )
    }

    @Test(arguments: MemoryModel.allCases)
    func `a neighbour that scribbles over the journal costs the write and tells no lie`(model: MemoryModel) {
        expectSound(
            "gateway, scribbler",
            model,
            deaths: 1,
            promises: Promises(hasScribbler: true),
            [.gateway(1), .scribbler(5), .reader(), .successor()]
        )
    }

    @Test(arguments: MemoryModel.allCases)
    func `against deaths alone the journal needs no checksum`(model: MemoryModel) {
        expectSound(
            "no checksum",
            model,
            deaths: 2,
            [.gateway(1), .localWriter(2, .noChecksum), .successor(.noChecksum)]
        )
    }

    @Test(arguments: MemoryModel.allCases)
    func `a description tells of damage as soon as the writer is dead, and of none otherwise`(model: MemoryModel) {
        expectSound("local writer, describer", model, deaths: 1, [.localWriter(1), .describer(), .successor()])
        expectSound("gateway, describer", model, deaths: 1, [.gateway(1), .describer(), .successor()])
        expectSound(
            "local writer, gateway, describer",
            model,
            deaths: 1,
            [.localWriter(1), .gateway(2), .describer(), .successor()]
        )
    }

    @Test(arguments: MemoryModel.allCases)
    func `who sleeps until a change is woken by it`(model: MemoryModel) {
        expectSound("gateway, waiter", model, [.gateway(1), .waiter()])
        expectSound("Python writer, waiter", model, [.localWriter(1, in: .python), .waiter()])
        expectSound("unlinker, waiter", model, [.unlinker(), .waiter()])
    }

    @Test func `who waits for the lock is overtaken by nobody that comes after`() {
        let promises = Promises(overtaking: 0)
        for isExclusive in [true, false] {
            expectSound(
                "two loopers",
                .sequential,
                promises: promises,
                [
                    .patient(isExclusive: !isExclusive), .looper(isExclusive: isExclusive),
                    .looper(isExclusive: isExclusive),
                ]
            )
        }
    }
}
