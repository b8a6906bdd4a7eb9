/// A value that is stored: what a register holds and something, or that alone.
struct Operand {
    let register: Register?
    let constant: UInt16

    static func register(_ register: Register, plus constant: UInt16 = 0) -> Operand {
        Operand(register: register, constant: constant)
    }
    static func value(_ constant: UInt16) -> Operand { Operand(register: nil, constant: constant) }

    func value(in world: World, _ process: Int) -> UInt16 { (register.map { world[process, $0] } ?? 0) + constant }
}

/// What a system call did.
enum Outcome {
    case done, blocked
    case jump(String)
}

/// One step of a program: at most one access to shared memory, or one system call.
enum Step {
    enum LoadOrder {
        case plain
        /// Nothing after it is done before it: an acquire load, or one whose value decides what comes next.
        case acquire
    }
    enum StoreOrder { case plain, release }
    enum Fence { case full, acquire }

    case load(Register, Word, LoadOrder)
    case store(Word, Operand, StoreOrder)
    case fence(Fence)
    /// A system call; on its way through the kernel's own locks everything before it is seen before it.
    case call(String, (inout World, Int) -> Outcome)
    /// Registers, and what only the checker knows; no access to shared memory.
    case local((inout World, Int) -> Void)
    case jump(String, (World, Int) -> Bool)
    case finish
}

/// A process, written as the sources are: store by store.
struct Program {
    let name: String
    /// Whether it may be killed.
    var isMortal = true
    /// A client that has no fences: a system call does instead, before an even sequence and behind an odd one.
    var hasFences = true
    /// Whether it can finish what a dead writer left; who cannot gives up.
    var mayRecover = true
    private(set) var steps: [Step] = []
    private(set) var labels: [String: Int] = [:]

    init(_ name: String, isMortal: Bool = true, _ build: (inout Program) -> Void) {
        self.name = name
        self.isMortal = isMortal
        build(&self)
        steps.append(.finish)
    }

    mutating func label(_ name: String) { labels[name] = steps.count }
    mutating func load(_ word: Word, into register: Register, _ order: Step.LoadOrder = .acquire) {
        steps.append(.load(register, word, order))
    }
    mutating func store(_ value: Operand, at word: Word, _ order: Step.StoreOrder = .plain) {
        steps.append(.store(word, value, order))
    }
    /// Stores an even sequence, seen only when all before it is.
    mutating func publish(_ sequence: Operand, _ mutant: Mutant? = nil) {
        if !hasFences, mutant != .plainEven { wake() }
        store(sequence, at: .sequence, hasFences && mutant != .plainEven ? .release : .plain)
    }
    mutating func fence(_ fence: Step.Fence) { steps.append(.fence(fence)) }
    mutating func call(_ name: String, _ body: @escaping (inout World, Int) -> Outcome) {
        steps.append(.call(name, body))
    }
    mutating func local(_ body: @escaping (inout World, Int) -> Void) { steps.append(.local(body)) }
    mutating func jump(_ label: String, if condition: @escaping (World, Int) -> Bool = { _, _ in true }) {
        steps.append(.jump(label, condition))
    }
    mutating func finish() { steps.append(.finish) }
}

extension World {
    /// Does the next step of a process; false if it has to wait.
    mutating func step(_ process: Int) -> Bool {
        let program = machine.programs[process]
        let counter = counter(process)
        func place(_ word: Word) -> Int { map.word(word, Int(self[process, .file])) }
        switch program.steps[counter] {
        case .load(let register, let word, let order):
            let place = place(word)
            if machine.model == .arm64, order == .plain {
                guard postpone(process, place: place, register: register) else { return false }
            } else {
                if isPostponed(process, place: place) { return false }
                self[process, register] = view(process, place)
            }
        case .store(let word, let operand, let order):
            guard loadCount(process) == 0 else { return false }
            let value = operand.value(in: self, process)
            guard hold(process, place: place(word), value: value, isRelease: order == .release) else { return false }
            checkStore(word, process)
        case .fence(.full):
            guard storeCount(process) == 0, loadCount(process) == 0 else { return false }
        case .fence(.acquire):
            guard loadCount(process) == 0 else { return false }
        case .call(_, let body):
            guard storeCount(process) == 0, loadCount(process) == 0 else { return false }
            switch body(&self, process) {
            case .done: break
            case .blocked: return false
            case .jump(let label):
                setCounter(process, machine.target(label, process))
                settle(process)
                return true
            }
        case .local, .jump, .finish: return false
        }
        setCounter(process, counter + 1)
        settle(process)
        return true
    }

    /// Goes on to the next step that others can notice.
    mutating func settle(_ process: Int) {
        guard status(process) == .running, loadCount(process) == 0 else { return }
        let program = machine.programs[process]
        while true {
            let counter = counter(process)
            switch program.steps[counter] {
            case .local(let body):
                body(&self, process)
                setCounter(process, counter + 1)
            case .jump(let label, let condition):
                setCounter(process, condition(self, process) ? machine.target(label, process) : counter + 1)
            case .finish:
                setStatus(process, .finished)
                forget(process)
                return
            default: return
            }
        }
    }

    /// The process is killed: no further step.
    ///
    /// Its stores leave all the same, and only then the kernel frees its locks.
    mutating func kill(_ process: Int) {
        if self[process, .inside] != 0 { markHalf(Int(self[process, .file])) }
        setStatus(process, .dead)
        forget(process)
        self[map.deaths] += 1
        reap(process)
    }

    mutating func reap(_ process: Int) {
        if status(process) == .dead, storeCount(process) == 0 { freeLocks(of: process) }
    }
}
