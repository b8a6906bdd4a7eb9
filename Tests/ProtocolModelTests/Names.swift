extension Program {
    /// `SegmentDraft.publish(replacing:)`: this file takes the name from the one that has it.
    static func replacer(with file: Int = 1, _ mutant: Mutant? = nil) -> Program {
        Program("replacer with \(file)") { program in
            program.beginWrite(mutant)
            program.moveName(to: file, state: 1, mutant)
            program.unlock()
            program.label("end")
        }
    }

    /// `SegmentDirectory.unlink`.
    static func unlinker(_ mutant: Mutant? = nil) -> Program {
        Program("unlinker") { program in
            program.beginWrite(mutant)
            program.moveName(to: nil, state: 2, mutant)
            program.unlock()
            program.label("end")
        }
    }

    /// `SegmentDraft.publish`: this file gets the name if nobody has it.
    static func creator(of file: Int) -> Program {
        Program("creator of \(file)", isMortal: false) { program in
            program.call("rename, if the name is free") { world, process in
                if world[world.map.names] != 0 { return .jump("end") }
                world.giveName(0, to: file)
                return .done
            }
            program.label("end")
        }
    }

    private mutating func moveName(to target: Int?, state: UInt16, _ mutant: Mutant?) {
        if mutant != .renameBeforeState { setState(state) }
        call(target == nil ? "unlink" : "rename over") { world, process in
            let file = Int(world[process, .file])
            if world[world.map.word(.state, file)] == 0 { world.breaks(.nameMovedBeforeState) }
            if let target { world.giveName(0, to: target) } else { world[world.map.names] = 0 }
            return .done
        }
        if mutant == .renameBeforeState { setState(state) }
    }

    /// `SegmentDirectory.sweep`: a staged file whose maker is dead, after each of its segments was looked at.
    static func sweeper(entries: Int = 1, _ mutant: Mutant? = nil) -> Program {
        Program("sweeper", isMortal: false) { program in
            program.call("find and lock a staged file of the dead") { world, process in
                let map = world.map
                let found = world.machine.programs.indices.first {
                    world.status($0) == .dead && world.storeCount($0) == 0 && world[map.staged(.exists, $0)] == 1
                }
                guard let found else { return .jump("end") }
                world[process, .swept] = UInt16(found)
                return .done
            }
            for file in 0..<(mutant == .sweptUnreplayed ? 0 : entries) {
                program.use(file: file)
                program.load(.sequence, into: .sequence)
                program.jump("settled \(file)") { world, process in
                    let record: StagedRecord = file == 0 ? .sequence0 : .sequence1
                    return world[process, .sequence]
                        != world[world.map.staged(record, Int(world[process, .swept]))]
                }
                program.beginWrite(name: file, mutant)
                program.unlock()
                program.label("settled \(file)")
            }
            program.call("unlink staged file") { world, process in
                let maker = Int(world[process, .swept])
                for record in StagedRecord.allCases { world[world.map.staged(record, maker)] = 0 }
                return .done
            }
            program.label("end")
        }
    }
}
