/// How stores of one processor become visible to the others, and in which order it may load.
enum MemoryModel: CaseIterable {
    /// Every store is seen at once, by everybody: what a debugger shows.
    case sequential
    /// x86-64 (TSO): stores wait in a queue and leave it in order; loads are in order.
    case x86
    /// arm64: stores leave in any order that neither a release store nor a fence forbids, and plain loads are done in
    /// any order until an acquire fence, or a look at their value, wants them done.
    case arm64
}

/// The shared words of a segment, those that decide something.
///
/// `writer_pid` and `modified_ns` are left out, for nobody decides by them; and all words but an even sequence are stored
/// plainly, as `shmgate.h` does. Both order less than the Swift sources do.
enum Word: Int, CaseIterable {
    case sequence, state, damaged, interrupted
    /// `journal.kind`, and 4 for its flag that the write covers the whole.
    case kind
    case journalSequence, journalFile, crc, payload0, payload1
    case data0, data1
}

/// What the kernel and the staged files keep, and what only the checker knows; a segment file, or a process, each.
enum FileRecord: Int, CaseIterable { case lock, turnstile, sleepers, wasNamed, half, everHalf }
enum StagedRecord: Int, CaseIterable { case exists, commit, entries, sequence0, sequence1, body0, body1 }

/// What a process has in hand.
enum Register: Int, CaseIterable {
    /// Which file it has open.
    case file
    case sequence, kind, journalSequence, journalFile, crc, value0, value1, damaged, again, swept
    /// Only for the checker: inside a write that has no journal.
    case inside
}

/// Where everything stands in the words of a state.
struct MemoryMap {
    static let versions = 10
    static let storeCapacity = 10
    static let loadCapacity = 5
    let files: Int
    let processes: Int
    let fileStride = Word.allCases.count + FileRecord.allCases.count + MemoryMap.versions
    let stagedStride = StagedRecord.allCases.count
    let processStride = 4 + Register.allCases.count + 2 * MemoryMap.storeCapacity + 2 * MemoryMap.loadCapacity

    var names: Int { files * fileStride }
    var staged: Int { names + 2 }
    var acknowledged: Int { staged + processes * stagedStride }
    var deaths: Int { acknowledged + 1 }
    var waiting: Int { acknowledged + 2 }
    var overtaken: Int { acknowledged + 3 }
    var violation: Int { acknowledged + 4 }
    var processBase: Int { acknowledged + 5 }
    var count: Int { processBase + processes * processStride }

    func word(_ word: Word, _ file: Int) -> Int { file * fileStride + word.rawValue }
    func record(_ record: FileRecord, _ file: Int) -> Int { file * fileStride + Word.allCases.count + record.rawValue }
    func version(_ index: Int, _ file: Int) -> Int {
        file * fileStride + Word.allCases.count + FileRecord.allCases.count + index
    }
    func staged(_ record: StagedRecord, _ process: Int) -> Int { staged + process * stagedStride + record.rawValue }
    func process(_ process: Int) -> Int { processBase + process * processStride }
}

/// One state of everything: memory, kernel, processes and what their processors still hold back.
struct World: Hashable {
    var words: [UInt16]
    let machine: Machine

    static func == (one: World, other: World) -> Bool { one.words == other.words }
    func hash(into hasher: inout Hasher) { words.withUnsafeBytes { hasher.combine(bytes: $0) } }

    var map: MemoryMap { machine.map }

    subscript(_ place: Int) -> UInt16 {
        get { words[place] }
        set { words[place] = newValue }
    }

    // A process: program counter, status, stores held back, loads not done, registers, the stores, the loads.
    func counter(_ process: Int) -> Int { Int(words[map.process(process)]) }
    mutating func setCounter(_ process: Int, _ value: Int) { words[map.process(process)] = UInt16(value) }
    func status(_ process: Int) -> Status { Status(rawValue: words[map.process(process) + 1]) ?? .running }
    mutating func setStatus(_ process: Int, _ value: Status) { words[map.process(process) + 1] = value.rawValue }
    func storeCount(_ process: Int) -> Int { Int(words[map.process(process) + 2]) }
    func loadCount(_ process: Int) -> Int { Int(words[map.process(process) + 3]) }

    enum Status: UInt16 { case running, finished, dead }

    subscript(_ process: Int, _ register: Register) -> UInt16 {
        get { words[map.process(process) + 4 + register.rawValue] }
        set { words[map.process(process) + 4 + register.rawValue] = newValue }
    }

    private func storePlace(_ process: Int, _ index: Int) -> Int {
        map.process(process) + 4 + Register.allCases.count + 2 * index
    }

    private func loadPlace(_ process: Int, _ index: Int) -> Int {
        storePlace(process, MemoryMap.storeCapacity) + 2 * index
    }

    private static let release: UInt16 = 0x8000

    /// A store held back: where, what, and whether all before it has to be seen first.
    func store(_ process: Int, _ index: Int) -> (place: Int, value: UInt16, isRelease: Bool) {
        let place = storePlace(process, index)
        return (Int(words[place] & ~Self.release), words[place + 1], words[place] & Self.release != 0)
    }

    func load(_ process: Int, _ index: Int) -> (place: Int, register: Int) {
        let place = loadPlace(process, index)
        return (Int(words[place]), Int(words[place + 1]))
    }

    /// What the process itself sees: its own youngest store, else memory.
    func view(_ process: Int, _ place: Int) -> UInt16 {
        for index in (0..<storeCount(process)).reversed() {
            let held = store(process, index)
            if held.place == place { return held.value }
        }
        return words[place]
    }

    /// False if the processor has no room: something has to leave first.
    mutating func hold(_ process: Int, place: Int, value: UInt16, isRelease: Bool) -> Bool {
        if machine.model == .sequential {
            words[place] = value
            return true
        }
        let count = storeCount(process)
        if count == MemoryMap.storeCapacity { return false }
        let slot = storePlace(process, count)
        words[slot] = UInt16(place) | (isRelease ? Self.release : 0)
        words[slot + 1] = value
        words[map.process(process) + 2] += 1
        return true
    }

    /// Whether a store may become visible now.
    func mayLeave(_ process: Int, _ index: Int) -> Bool {
        if index == 0 { return true }
        let mine = store(process, index)
        if machine.model == .x86 || mine.isRelease { return false }
        return !(0..<index).contains { store(process, $0).place == mine.place }
    }

    mutating func leave(_ process: Int, _ index: Int) {
        let held = store(process, index)
        words[held.place] = held.value
        remove(at: storePlace(process, index), until: storePlace(process, MemoryMap.storeCapacity))
        words[map.process(process) + 2] -= 1
    }

    mutating func postpone(_ process: Int, place: Int, register: Register) -> Bool {
        let count = loadCount(process)
        if count == MemoryMap.loadCapacity { return false }
        let slot = loadPlace(process, count)
        words[slot] = UInt16(place)
        words[slot + 1] = UInt16(register.rawValue)
        words[map.process(process) + 3] += 1
        return true
    }

    /// Two loads of one word are done in order; all others in any.
    func mayLoad(_ process: Int, _ index: Int) -> Bool {
        let mine = load(process, index)
        return !(0..<index).contains { load(process, $0).place == mine.place }
    }

    func isPostponed(_ process: Int, place: Int) -> Bool {
        (0..<loadCount(process)).contains { load(process, $0).place == place }
    }

    mutating func finishLoad(_ process: Int, _ index: Int) {
        let mine = load(process, index)
        words[map.process(process) + 4 + mine.register] = view(process, mine.place)
        remove(at: loadPlace(process, index), until: loadPlace(process, MemoryMap.loadCapacity))
        words[map.process(process) + 3] -= 1
    }

    /// Drops a pair of words from a list of pairs and closes up.
    private mutating func remove(at place: Int, until end: Int) {
        for next in place..<(end - 2) { words[next] = words[next + 2] }
        words[end - 2] = 0
        words[end - 1] = 0
    }

    /// The program ended, by itself or by a kill: what it had in hand is nobody's any more, what it stored stays stored.
    mutating func forget(_ process: Int) {
        let base = map.process(process)
        words[base] = 0
        words[base + 3] = 0
        for register in Register.allCases { self[process, register] = 0 }
        for place in loadPlace(process, 0)..<loadPlace(process, MemoryMap.loadCapacity) { words[place] = 0 }
    }
}
