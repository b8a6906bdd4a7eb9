/// The kernel's part: locks, names and staged files. A lock word is 0, a set of sharers, or one exclusive holder.
extension World {
    private static let exclusive: UInt16 = 0x8000

    mutating func take(_ lock: FileRecord, _ file: Int, _ process: Int, isExclusive: Bool) -> Outcome {
        let place = map.record(lock, file)
        let held = self[place]
        if held & Self.exclusive != 0 || (isExclusive && held != 0) { return .blocked }
        self[place] = isExclusive ? Self.exclusive | UInt16(1 << process) : held | UInt16(1 << process)
        return .done
    }

    mutating func free(_ lock: FileRecord, _ file: Int, _ process: Int) {
        let place = map.record(lock, file)
        guard self[place] & UInt16(1 << process) != 0 else { return }
        self[place] = self[place] & Self.exclusive != 0 ? 0 : self[place] & ~UInt16(1 << process)
    }

    mutating func freeLocks(of process: Int) {
        for file in 0..<map.files {
            free(.lock, file, process)
            free(.turnstile, file, process)
        }
    }

    mutating func giveName(_ name: Int, to file: Int) {
        self[map.names + name] = UInt16(file + 1)
        self[map.record(.wasNamed, file)] = 1
    }

    func isNamed(_ file: Int) -> Bool { self[map.names] == file + 1 || self[map.names + 1] == file + 1 }

    /// Whether all but this one have ended and nothing of theirs is on its way.
    func isQuiet(except process: Int) -> Bool {
        (0..<machine.programs.count).allSatisfy {
            $0 == process || (status($0) != .running && storeCount($0) == 0)
        }
    }
}

extension Program {
    /// Opens what the name leads to; without a file the program ends.
    mutating func open(name: Int = 0) {
        call("open name \(name)") { world, process in
            let file = world[world.map.names + name]
            if file == 0 { return .jump("end") }
            world[process, .file] = file - 1
            return .done
        }
    }

    /// Opens this file, whatever its name leads to.
    mutating func use(file: Int) { local { $0[$1, .file] = UInt16(file) } }

    /// Turnstile, lock, turnstile back.
    mutating func lock(isExclusive: Bool, _ mutant: Mutant?) {
        if mutant != .noTurnstile {
            call("take turnstile") { $0.take(.turnstile, Int($0[$1, .file]), $1, isExclusive: true) }
        }
        local { world, process in world.beginWaiting(process) }
        call(isExclusive ? "lock" : "lock shared") { world, process in
            let outcome = world.take(.lock, Int(world[process, .file]), process, isExclusive: isExclusive)
            if case .done = outcome { world.entered(process) }
            return outcome
        }
        if mutant != .noTurnstile {
            call("free turnstile") { world, process in
                world.free(.turnstile, Int(world[process, .file]), process)
                return .done
            }
        }
    }

    mutating func unlock() {
        call("unlock") { world, process in
            world.free(.lock, Int(world[process, .file]), process)
            return .done
        }
    }

    /// A `FUTEX_WAKE`, which is a full barrier too.
    mutating func wake() {
        call("wake") { world, process in
            world[world.map.record(.sleepers, Int(world[process, .file]))] = 0
            return .done
        }
    }

    /// Makes a staged file with its body; by system calls, so nothing of it is held back.
    mutating func stage(_ value: UInt16) {
        call("create staged file, first half of the body") { world, process in
            world[world.map.staged(.exists, process)] = 1
            world[world.map.staged(.body0, process)] = value
            return .done
        }
        call("second half of the body") { world, process in
            world[world.map.staged(.body1, process)] = value
            return .done
        }
    }

    /// Writes the head of the staged file: its entries with their sequences, and the commit word.
    mutating func stageHead(entries: UInt16, isCommitted: Bool) {
        call("write staged head, commit \(isCommitted ? 1 : 0)") { world, process in
            let map = world.map
            world[map.staged(.entries, process)] = entries
            if entries == 1 {
                world[map.staged(.sequence0, process)] = world[process, .sequence] + 1
            } else {
                for file in 0..<2 {
                    let place = map.staged(file == 0 ? .sequence0 : .sequence1, process)
                    world[place] = world[map.word(.sequence, file)] + 1
                }
            }
            world[map.staged(.commit, process)] = isCommitted ? 1 : 0
            return .done
        }
    }

    mutating func commitStaged() {
        call("set commit word") { world, process in
            world[world.map.staged(.commit, process)] = 1
            return .done
        }
    }

    mutating func unlinkStaged() {
        call("unlink staged file") { world, process in
            for record in StagedRecord.allCases { world[world.map.staged(record, process)] = 0 }
            return .done
        }
    }
}
