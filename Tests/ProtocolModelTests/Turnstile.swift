extension Program {
    /// The one that waits: its first lock is what the others may not keep from it.
    static func patient(isExclusive: Bool, _ mutant: Mutant? = nil) -> Program {
        Program("patient", isMortal: false) { program in
            program.use(file: 0)
            program.lock(isExclusive: isExclusive, mutant)
            program.unlock()
        }
    }

    /// Takes the lock again and again, for ever.
    static func looper(isExclusive: Bool, _ mutant: Mutant? = nil) -> Program {
        Program("looper", isMortal: false) { program in
            program.use(file: 0)
            program.label("again")
            program.lock(isExclusive: isExclusive, mutant)
            program.unlock()
            program.jump("again")
        }
    }
}
