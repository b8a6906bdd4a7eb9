/// What a local writer is written in: Python has no fences; C cannot recover, and gives up.
enum Language { case swift, c, python }

/// What a write does to the segment: it stores one value over both words.
struct Write {
    let value: UInt16
    /// Whether it declares that it covers the whole object.
    var isWhole = false
}

extension Program {
    /// `Segment.withWriteLock`: the lock, the name, what a dead writer left, the state; steps 1 and 2 of writing.
    mutating func beginWrite(name: Int = 0, _ mutant: Mutant?) {
        label("open \(name)")
        open(name: name)
        lock(isExclusive: true, mutant)
        settleLocked(name: name, mutant)
    }

    /// The part under the lock.
    mutating func settleLocked(name: Int, _ mutant: Mutant?) {
        if mutant != .noNameCheck {
            call("check name") { world, process in
                if world[world.map.names + name] == world[process, .file] + 1 { return .done }
                world.free(.lock, Int(world[process, .file]), process)
                return .jump("open \(name)")
            }
        }
        load(.sequence, into: .sequence)
        jump("even \(name)") { $0[$1, .sequence] % 2 == 0 }
        if mayRecover {
            recover(name: name, mutant)
            local { $0[$1, .sequence] += 1 }
        } else {
            unlock()
            jump("end")
        }
        label("even \(name)")
        if mutant != .stateNotTakenBack {
            load(.state, into: .again)
            jump("live \(name)") { $0[$1, .again] == 0 }
            setState(0)
            label("live \(name)")
        }
    }

    /// `WriteLock.setState`: a write without an odd sequence, for no data change.
    mutating func setState(_ state: UInt16) {
        store(.value(state), at: .state)
        publish(.register(.sequence, plus: 2))
        local { world, process in
            world.record(process, whole: false)
            world[process, .sequence] += 2
        }
        wake()
    }

    /// `Segment.recoverLocked`: the sequence is odd and stands in its register.
    mutating func recover(name: Int, _ mutant: Mutant?) {
        verifyJournal("\(name)", mutant)
        // 0: no journal holds; 1: redo; 2: nothing was written.
        jump("damage \(name)") { $0[$1, .again] == 0 }
        if mutant == .discardBeforeRedo { store(.value(0), at: .kind) }
        jump("undone \(name)") { $0[$1, .again] == 2 }
        store(.register(.value0), at: .data0)
        store(.register(.value1), at: .data1)
        jump("undone \(name)") { $0[$1, .kind] & 4 == 0 }
        store(.value(0), at: .damaged)
        publish(.register(.sequence, plus: 1))
        local { $0.record($1, whole: true) }
        wake()
        jump("discard \(name)")
        label("undone \(name)")
        publish(.register(.sequence, plus: 1))
        local { $0.record($1, whole: false) }
        wake()
        label("discard \(name)")
        jump("recovered \(name)") { $0[$1, .kind] & 3 != 2 }
        store(.value(0), at: .kind)
        call("unlink staged file of the dead") { world, process in
            let maker = Int(world[process, .journalFile])
            for record in StagedRecord.allCases { world[world.map.staged(record, maker)] = 0 }
            return .done
        }
        jump("recovered \(name)")
        label("damage \(name)")
        if mutant != .damageAfterEven { store(.value(1), at: .damaged, .release) }
        load(.interrupted, into: .damaged)
        store(.register(.damaged, plus: 1), at: .interrupted)
        publish(.register(.sequence, plus: 1))
        local { $0.record($1, whole: false) }
        wake()
        if mutant == .damageAfterEven { store(.value(1), at: .damaged, .release) }
        label("recovered \(name)")
    }

    /// `Journal.verified`: leaves 0, 1 or 2 in `again`, and the bytes to redo in the value registers.
    mutating func verifyJournal(_ suffix: String, _ mutant: Mutant?) {
        load(.kind, into: .kind)
        load(.journalSequence, into: .journalSequence)
        load(.journalFile, into: .journalFile)
        load(.crc, into: .crc)
        load(.payload0, into: .value0)
        load(.payload1, into: .value1)
        local { world, process in
            let kind = world[process, .kind] & 3
            let isCurrent = kind != 0 && world[process, .journalSequence] == world[process, .sequence]
            let holds = mutant == .noChecksum || world[process, .crc] == world.checksum(process)
            world[process, .again] = isCurrent && holds ? 1 : 0
        }
        jump("verified \(suffix)") { $0[$1, .again] == 0 || $0[$1, .kind] & 3 == 1 }
        call("read staged file") { world, process in
            let (map, maker) = (world.map, Int(world[process, .journalFile]))
            let isSecond = world[process, .kind] & 3 == 3 && world[process, .file] == 1
            let sequence = world[map.staged(isSecond ? .sequence1 : .sequence0, maker)]
            guard world[map.staged(.exists, maker)] == 1, sequence == world[process, .sequence] else {
                world[process, .again] = 0
                return .done
            }
            let isCommitted = mutant == .commitIgnored || world[map.staged(.commit, maker)] == 1
            world[process, .again] = isCommitted ? 1 : 2
            world[process, .value0] = world[map.staged(.body0, maker)]
            world[process, .value1] = world[map.staged(.body1, maker)]
            return .done
        }
        label("verified \(suffix)")
    }

    /// `Journal.store`: payload, then head; plain stores in the order of the bytes.
    mutating func storeJournal(kind: UInt16, _ write: Write) {
        let kindWord = kind + (write.isWhole ? 4 : 0)
        if kind == 1 {
            store(.value(write.value), at: .payload0)
            store(.value(write.value), at: .payload1)
        }
        store(.value(kindWord), at: .kind)
        store(.register(.sequence, plus: 1), at: .journalSequence)
        local { world, process in
            world[process, .kind] = kindWord
            world[process, .journalSequence] = world[process, .sequence] + 1
            world[process, .journalFile] = kind == 1 ? 0 : UInt16(process)
            world[process, .value0] = write.value
            world[process, .value1] = write.value
            world[process, .crc] = world.checksum(process)
        }
        store(.register(.journalFile), at: .journalFile)
        store(.register(.crc), at: .crc)
    }

    /// `WriteLock.beginLocked`: the odd sequence and the fence behind it.
    mutating func makeOdd(isJournaled: Bool = true, _ mutant: Mutant?) {
        if mutant != .noOdd { store(.register(.sequence, plus: 1), at: .sequence) }
        if !isJournaled { local { $0[$1, .inside] = 1 } }
        if mutant == .noFence { return }
        if hasFences { fence(.full) } else { wake() }
    }

    /// `WriteLock.endLocked`.
    mutating func makeEven(_ write: Write, _ mutant: Mutant?) {
        if write.isWhole, mutant != .wholeForgotten { store(.value(0), at: .damaged, .release) }
        if mutant == .wakeBeforeEven { wake() }
        publish(.register(.sequence, plus: 2), mutant)
        local { world, process in
            world[process, .inside] = 0
            world.record(process, whole: write.isWhole)
        }
        if mutant != .wakeBeforeEven { wake() }
    }

    /// A write through the gateway, journaled in the page.
    static func gateway(_ value: UInt16, name: Int = 0, isWhole: Bool = false, _ mutant: Mutant? = nil) -> Program {
        let write = Write(value: value, isWhole: isWhole)
        return Program("gateway \(value)") { program in
            program.beginWrite(name: name, mutant)
            if mutant == .journalAfterOdd { program.makeOdd(mutant) }
            if mutant != .noJournal { program.storeJournal(kind: 1, write) }
            if mutant != .journalAfterOdd { program.makeOdd(mutant) }
            program.store(.value(write.value), at: .data0)
            program.store(.value(write.value), at: .data1)
            if mutant == .journalGoneBeforeEven { program.store(.value(0), at: .kind) }
            program.makeEven(write, mutant)
            program.unlock()
            program.local { world, _ in world.acknowledge(write.value) }
            program.label("end")
        }
    }

    /// The same with the body in a staged file, which is the journal.
    static func stagedGateway(_ value: UInt16, isWhole: Bool = false, _ mutant: Mutant? = nil) -> Program {
        let write = Write(value: value, isWhole: isWhole)
        return Program("gateway \(value)") { program in
            program.stage(write.value)
            program.beginWrite(mutant)
            program.stageHead(entries: 1, isCommitted: true)
            program.storeJournal(kind: 2, write)
            program.makeOdd(mutant)
            program.store(.value(write.value), at: .data0)
            program.store(.value(write.value), at: .data1)
            if mutant == .journalGoneBeforeEven {
                program.store(.value(0), at: .kind)
                program.unlinkStaged()
            }
            program.makeEven(write, mutant)
            if mutant != .journalGoneBeforeEven {
                program.store(.value(0), at: .kind)
                program.unlinkStaged()
            }
            program.unlock()
            program.local { world, _ in world.acknowledge(write.value) }
            program.label("end")
        }
    }

    /// A write by a process of its own, without a journal: `shmgate.h`, Swift's `modify`, Python's `write`.
    static func localWriter(
        _ value: UInt16,
        in language: Language = .swift,
        name: Int = 0,
        isWhole: Bool = false,
        _ mutant: Mutant? = nil
    ) -> Program {
        let write = Write(value: value, isWhole: isWhole)
        return Program("local writer \(value)") { program in
            program.hasFences = language != .python
            program.mayRecover = language != .c
            program.beginWrite(name: name, mutant)
            if mutant != .journalNotVoided { program.store(.value(0), at: .kind) }
            program.makeOdd(isJournaled: false, mutant)
            program.store(.value(write.value), at: .data0)
            program.store(.value(write.value), at: .data1)
            program.makeEven(write, mutant)
            program.unlock()
            program.local { world, _ in world.acknowledge(write.value) }
            program.label("end")
        }
    }

    /// A neighbour that keeps to nothing: it stores a word into the journal whenever it likes.
    static func scribbler(_ value: UInt16) -> Program {
        Program("scribbler", isMortal: false) { program in
            program.store(.value(value), at: .payload1)
            program.wake()
        }
    }
}

extension World {
    /// A checksum that has no collisions: all that it covers, side by side.
    ///
    /// Of a journal in a staged file it covers the head and not the body.
    func checksum(_ process: Int) -> UInt16 {
        let head = self[process, .kind] + 8 * self[process, .journalSequence] + 128 * self[process, .journalFile]
        if self[process, .kind] & 3 != 1 { return head + 1 }
        return head + 512 * self[process, .value0] + 4096 * self[process, .value1] + 1
    }
}
