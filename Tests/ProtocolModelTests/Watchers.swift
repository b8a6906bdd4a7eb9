extension Program {
    /// `Segment.vitals`: never waits; an odd sequence without a living writer is looked into.
    static func describer() -> Program {
        Program("describer", isMortal: false) { program in
            program.open()
            program.local { world, process in
                let isSeen = world.machine.programs.indices.allSatisfy { world.storeCount($0) == 0 }
                world[process, .swept] = isSeen ? world[world.map.record(.half, 0)] : 0
            }
            program.load(.sequence, into: .sequence)
            program.load(.damaged, into: .damaged)
            program.jump("dead") { $0[$1, .sequence] % 2 == 1 && $0[$1, .damaged] == 0 }
            program.local { world, process in
                let isHalf = world[process, .swept] != 0 && world[world.map.record(.half, 0)] != 0
                if isHalf, world[process, .damaged] == 0 { world.breaks(.damageMissed) }
            }
            program.jump("tell")
            program.label("dead")
            program.call("try turnstile") { world, process in
                if case .blocked = world.take(.turnstile, 0, process, isExclusive: true) { return .jump("tell") }
                return .done
            }
            program.call("try lock shared, free turnstile") { world, process in
                let outcome = world.take(.lock, 0, process, isExclusive: false)
                world.free(.turnstile, 0, process)
                if case .blocked = outcome { return .jump("tell") }
                return .done
            }
            program.load(.sequence, into: .sequence)
            program.jump("looked") { $0[$1, .sequence] % 2 == 0 }
            program.verifyJournal("described", nil)
            program.load(.damaged, into: .damaged)
            program.local { world, process in
                if world[process, .again] == 0 { world[process, .damaged] = 1 }
                if world[process, .again] == 1, world[process, .kind] & 4 != 0 { world[process, .damaged] = 0 }
            }
            program.label("looked")
            program.unlock()
            program.label("tell")
            program.local { world, process in
                let isCaused = world[world.map.record(.everHalf, 0)] != 0
                if world[process, .damaged] != 0, !isCaused { world.breaks(.damageWithoutCause) }
            }
            program.label("end")
        }
    }

    /// `shmgate_wait`: sleeps until the sequence is even and another.
    static func waiter() -> Program {
        Program("waiter", isMortal: false) { program in
            program.use(file: 0)
            program.label("look")
            program.load(.sequence, into: .sequence)
            program.jump("awake") { $0[$1, .sequence] % 2 == 0 && $0[$1, .sequence] != 2 }
            program.call("futex wait") { world, process in
                let map = world.map
                if world[map.word(.sequence, 0)] != world[process, .sequence] { return .jump("look") }
                world[map.record(.sleepers, 0)] |= 1 << UInt16(process)
                return .done
            }
            program.call("sleep") { world, process in
                let isAsleep = world[world.map.record(.sleepers, 0)] & 1 << UInt16(process) != 0
                return isAsleep ? .blocked : .jump("look")
            }
            program.label("awake")
        }
    }
}
