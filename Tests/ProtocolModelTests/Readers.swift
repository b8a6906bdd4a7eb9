extension Program {
    /// `Segment.snapshot`: without a lock first, then with the lock shared.
    ///
    /// The copy is made before the first load is looked at: so the processor's guess that it will be even is among what
    /// is explored.
    static func reader(tries: Int = 1, mayRecover: Bool = false, _ mutant: Mutant? = nil) -> Program {
        Program("reader", isMortal: false) { program in
            program.open()
            for attempt in 0..<tries {
                program.load(.sequence, into: .sequence, mutant == .plainFirstLoad ? .plain : .acquire)
                program.load(.data0, into: .value0, .plain)
                program.load(.data1, into: .value1, .plain)
                program.load(.damaged, into: .damaged, .plain)
                if mutant != .noAcquireFence { program.fence(.acquire) }
                program.load(.sequence, into: .again, .plain)
                program.jump("retry \(attempt)") { world, process in
                    world[process, .sequence] % 2 == 1 || world[process, .sequence] != world[process, .again]
                }
                program.local { world, process in
                    world.deliver(
                        process,
                        ofSequence: world[process, .sequence],
                        isDamaged: world[process, .damaged] != 0
                    )
                }
                program.finish()
                program.label("retry \(attempt)")
            }
            program.readLocked("first", mutant)
            if mayRecover {
                program.jump("delivered") { $0[$1, .again] == 3 }
                program.unlock()
                program.beginWrite(mutant)
                program.unlock()
                program.readLocked("second", mutant)
            }
            program.label("delivered")
            program.jump("end") { $0[$1, .again] == 3 }
            program.readRecovered(mutant)
            program.label("end")
        }
    }

    /// `Segment.lockedSnapshot`, the even case: leaves 3 in `again` when it has delivered, else the lock held.
    mutating func readLocked(_ suffix: String, _ mutant: Mutant?) {
        lock(isExclusive: false, mutant)
        local { $0[$1, .again] = 0 }
        load(.sequence, into: .sequence)
        load(.data0, into: .value0, .plain)
        load(.data1, into: .value1, .plain)
        load(.damaged, into: .damaged, .plain)
        jump("odd \(suffix)") { $0[$1, .sequence] % 2 == 1 }
        unlock()
        local { world, process in
            world.deliver(process, ofSequence: world[process, .sequence], isDamaged: world[process, .damaged] != 0)
            world[process, .again] = 3
        }
        label("odd \(suffix)")
    }

    /// `Segment.gatherRecovered`: the journal is applied to the reader's own copy; the segment does not change.
    mutating func readRecovered(_ mutant: Mutant?) {
        local { world, process in world[process, .inside] = world[process, .damaged] }
        verifyJournal("copy", mutant)
        jump("apart") { $0[$1, .again] == 1 }
        load(.data0, into: .value0, .plain)
        load(.data1, into: .value1, .plain)
        label("apart")
        unlock()
        local { world, process in
            let (found, wasDamaged) = (world[process, .again], world[process, .inside] != 0)
            let isWhole = found == 1 && world[process, .kind] & 4 != 0
            let isDamaged = found == 0 || (wasDamaged && !isWhole)
            world[process, .inside] = 0
            world.deliver(process, ofSequence: world[process, .sequence] + 1, isDamaged: isDamaged)
        }
    }

    /// Who comes when all others rest: takes the lock, recovers, and reads.
    static func successor(names: Int = 1, _ mutant: Mutant? = nil) -> Program {
        Program("successor", isMortal: false) { program in
            program.call("comes last") { $0.isQuiet(except: $1) ? .done : .blocked }
            for name in 0..<names {
                program.beginWrite(name: name, mutant)
                program.load(.data0, into: .value0)
                program.load(.data1, into: .value1)
                program.load(.damaged, into: .damaged)
                program.unlock()
                program.local { world, process in
                    world.deliver(
                        process,
                        ofSequence: world[process, .sequence],
                        isDamaged: world[process, .damaged] != 0
                    )
                }
            }
            program.label("end")
        }
    }
}
