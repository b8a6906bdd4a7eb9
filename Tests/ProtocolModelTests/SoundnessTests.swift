import Testing

/// The protocol as it is, through all interleavings, kills and orders of a memory model.
@Suite struct SoundnessTests {
    @Test(arguments: MemoryModel.allCases)
    func `a reader without a lock is given one write, whoever writes`(model: MemoryModel) {
        expectSound("gateway, reader", model, [.gateway(1), .reader(tries: 2)])
        expectSound("local, reader", model, [.localWriter(1), .reader(tries: 2)])
    }
}
