extension Program {
    /// `SegmentDraft.publish(replacing:)`: the second file takes the name of the first.
    static func replacer(_ mutant: Mutant? = nil) -> Program {
        Program("replacer") { program in
            program.beginWrite(mutant)
            program.jump("free") { $0[$1, .file] == 1 }
            program.moveName(to: 2, state: 1, mutant)
            program.label("free")
            program.unlock()
            program.label("end")
        }
    }

    /// `SegmentDirectory.unlink`.
    static func unlinker(_ mutant: Mutant? = nil) -> Program {
        Program("unlinker") { program in
            program.beginWrite(mutant)
            program.moveName(to: 0, state: 2, mutant)
            program.unlock()
            program.label("end")
        }
    }

    private mutating func moveName(to target: UInt16, state: UInt16, _ mutant: Mutant?) {
        if mutant != .renameBeforeState { setState(state) }
        call(target == 0 ? "unlink" : "rename over") { world, process in
            let file = Int(world[process, .file])
            if world[world.map.word(.state, file)] == 0 { world.breaks(.nameMovedBeforeState) }
            world[world.map.names] = target
            return .done
        }
        if mutant == .renameBeforeState { setState(state) }
    }
}
