/// What a scenario promises beside the promises that always hold.
struct Promises: Sendable {
    static let unset: UInt16 = 0xFFFF
    /// What a version is called whose halves differ.
    static let torn: UInt16 = 0xFFFE

    /// Two names, one for each of two files; else the second file waits for the first one's name.
    var namesBothFiles = false
    /// A write to both files reaches both or none.
    var isWrittenTogether = false
    /// How many may get the lock before one that has asked the kernel for it, beside those that have it already.
    var overtaking: UInt16?
    /// A neighbour breaks the journal: what it has cost is told as damage.
    var hasScribbler = false
}

enum Broken: UInt16 {
    case tornRead = 1
    case wrongVersion, damageWithoutCause, damageMissed, oddAtRest, lostUpdate, cameBack, replacedFileWritten
    case nameMovedBeforeState, liveWithoutName, namedButNotLive, lockHeld, half, deadlock, overtaken, twoFilesApart
    case unsound

    var text: String {
        switch self {
        case .tornRead: "a reader was given halves of two writes"
        case .wrongVersion: "a reader was given another write than its sequence says"
        case .damageWithoutCause: "damage is reported, and no local writer died in a write"
        case .damageMissed: "a half write is not reported as damage"
        case .oddAtRest: "the sequence is odd at rest"
        case .lostUpdate: "an acknowledged write is lost"
        case .cameBack: "an older write came back over a newer one"
        case .replacedFileWritten: "data are stored into a file that has no name any more"
        case .nameMovedBeforeState: "the name moved while the state said live"
        case .liveWithoutName: "a file without a name says that it is live"
        case .namedButNotLive: "a file that has its name says that it has not"
        case .lockHeld: "a lock is held at rest"
        case .half: "a journaled write is there by half"
        case .deadlock: "all that live wait for one another"
        case .overtaken: "one that waits for the lock is overtaken for ever"
        case .twoFilesApart: "a write to two segments reached one of them"
        case .unsound: "two versions have one sequence"
        }
    }
}

extension World {
    var violation: String? { Broken(rawValue: self[map.violation])?.text }

    mutating func breaks(_ broken: Broken) { if self[map.violation] == 0 { self[map.violation] = broken.rawValue } }

    /// A half write is in this file, that nobody can undo.
    mutating func markHalf(_ file: Int) {
        self[map.record(.half, file)] = 1
        self[map.record(.everHalf, file)] = 1
    }

    /// Who stores data has the lock, so the name cannot have moved since he looked.
    mutating func checkStore(_ word: Word, _ process: Int) {
        guard word == .data0 || word == .data1 else { return }
        if !isNamed(Int(self[process, .file])) { breaks(.replacedFileWritten) }
    }

    /// The even sequence was stored: from here on this is what the segment holds.
    mutating func record(_ process: Int, whole: Bool) {
        let file = Int(self[process, .file])
        let sequence = Int(view(process, map.word(.sequence, file)))
        let (first, second) = (view(process, map.word(.data0, file)), view(process, map.word(.data1, file)))
        if whole { self[map.record(.half, file)] = 0 }
        let isCostly = machine.promises.hasScribbler && view(process, map.word(.damaged, file)) != 0
        let isHalf = self[map.record(.half, file)] != 0 || isCostly
        if first != second, !isHalf { breaks(.half) }
        let value = first == second ? first : Promises.torn
        let index = sequence / 2
        precondition(index < MemoryMap.versions, "more versions than the model has room for")
        if self[map.version(index, file)] != Promises.unset { breaks(.unsound) }
        var before: [UInt16] = []
        for older in 0..<index where self[map.version(older, file)] != Promises.unset {
            before.append(self[map.version(older, file)])
        }
        if value != Promises.torn, before.last != value, before.contains(value) { breaks(.cameBack) }
        self[map.version(index, file)] = value
    }

    /// The client has its answer: this write survives everything from now on.
    mutating func acknowledge(_ value: UInt16) { self[map.acknowledged] |= 1 << value }

    /// A reader hands out what it has copied.
    mutating func deliver(_ process: Int, ofSequence sequence: UInt16, isDamaged: Bool) {
        let file = Int(self[process, .file])
        let (first, second) = (self[process, .value0], self[process, .value1])
        if isDamaged {
            if self[map.record(.everHalf, file)] == 0, !machine.promises.hasScribbler { breaks(.damageWithoutCause) }
            return
        }
        if first != second { return breaks(.tornRead) }
        let version = self[map.version(Int(sequence / 2), file)]
        if version != Promises.unset, version != first { breaks(.wrongVersion) }
    }

    mutating func beginWaiting(_ process: Int) {
        guard machine.promises.overtaking != nil, process == 0 else { return }
        self[map.waiting] = 1
    }

    mutating func entered(_ process: Int) {
        guard let most = machine.promises.overtaking else { return }
        if process == 0 {
            self[map.waiting] = 0
            self[map.overtaken] = 0
        } else if self[map.waiting] == 1 {
            self[map.overtaken] += 1
            if self[map.overtaken] > most { breaks(.overtaken) }
        }
    }

    /// What has to hold when nobody moves any more.
    func brokenAtRest() -> String? {
        if machine.programs.indices.contains(where: { status($0) == .running }) { return Broken.deadlock.text }
        for file in 0..<map.files {
            let state = self[map.word(.state, file)]
            if self[map.record(.lock, file)] != 0 || self[map.record(.turnstile, file)] != 0 {
                return Broken.lockHeld.text
            }
            guard isNamed(file) else {
                if self[map.record(.wasNamed, file)] != 0, state == 0 { return Broken.liveWithoutName.text }
                continue
            }
            if state != 0 { return Broken.namedButNotLive.text }
            if self[map.word(.sequence, file)] % 2 == 1 { return Broken.oddAtRest.text }
            let isDamaged = self[map.word(.damaged, file)] != 0
            let isHalf = self[map.record(.half, file)] != 0 || (isDamaged && machine.promises.hasScribbler)
            if isHalf, !isDamaged { return Broken.damageMissed.text }
            if isDamaged, !isHalf { return Broken.damageWithoutCause.text }
            if self[map.word(.data0, file)] != self[map.word(.data1, file)], !isHalf { return Broken.half.text }
        }
        for value in 1..<16 where self[map.acknowledged] & (1 << value) != 0 {
            let found = (0..<map.files).contains { file in
                (0..<MemoryMap.versions).contains { self[map.version($0, file)] == value }
            }
            if !found { return Broken.lostUpdate.text }
        }
        if machine.promises.isWrittenTogether,
            self[map.word(.data0, 0)] != self[map.word(.data0, 1)]
        {
            return Broken.twoFilesApart.text
        }
        return nil
    }
}
