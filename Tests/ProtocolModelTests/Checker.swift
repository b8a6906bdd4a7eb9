/// Processes, a memory model and the number of kills: what is explored.
final class Machine: Sendable {
    let model: MemoryModel
    let map: MemoryMap
    nonisolated(unsafe) let programs: [Program]
    let deaths: Int
    let promises: Promises

    init(_ model: MemoryModel, files: Int = 1, deaths: Int = 0, promises: Promises = Promises(), _ programs: [Program])
    {
        self.model = model
        self.deaths = deaths
        self.programs = programs
        self.promises = promises
        map = MemoryMap(files: files, processes: programs.count)
    }

    func target(_ label: String, _ process: Int) -> Int {
        guard let target = programs[process].labels[label] else { preconditionFailure("no label \(label)") }
        return target
    }

    /// Every file at sequence 2, all zeros; each name leads to the file of its number.
    var start: World {
        var world = World(words: [UInt16](repeating: 0, count: map.count), machine: self)
        for file in 0..<map.files {
            world[map.word(.sequence, file)] = 2
            for index in 0..<MemoryMap.versions { world[map.version(index, file)] = Promises.unset }
            world[map.version(1, file)] = 0
        }
        world.giveName(0, to: 0)
        if promises.namesBothFiles { world.giveName(1, to: 1) }
        for process in programs.indices { world.settle(process) }
        return world
    }
}

/// One move of the whole: a step of a process, a store that becomes visible, a postponed load that is done, or a kill.
struct Move {
    enum Kind {
        case step
        case leave(Int)
        case load(Int)
        case kill
    }
    let process: Int
    let kind: Kind
}

struct Exploration {
    var states = 0
    /// What was broken, and the shortest way there.
    var violation: String?
    var trace: [String] = []
}

extension Machine {
    /// Goes through every interleaving, breadth first, until a promise is broken or nothing is new.
    func explore() -> Exploration {
        var seen: Set<World> = []
        var origins: [(parent: Int, move: Move)] = []
        var queue: [World] = []
        let start = start
        seen.insert(start)
        queue.append(start)
        origins.append((-1, Move(process: 0, kind: .step)))
        var next = 0
        while next < queue.count {
            let world = queue[next]
            var moved = false
            for process in programs.indices {
                for move in moves(of: process, in: world) {
                    guard let after = world.after(move) else { continue }
                    if case .kill = move.kind {} else { moved = true }
                    guard seen.insert(after).inserted else { continue }
                    queue.append(after)
                    origins.append((next, move))
                    if let broken = after.violation {
                        return Exploration(
                            states: queue.count,
                            violation: broken,
                            trace: trace(to: queue.count - 1, origins, queue)
                        )
                    }
                }
            }
            if !moved, let broken = world.brokenAtRest() {
                return Exploration(states: queue.count, violation: broken, trace: trace(to: next, origins, queue))
            }
            next += 1
        }
        return Exploration(states: queue.count)
    }

    private func moves(of process: Int, in world: World) -> [Move] {
        var moves: [Move] = []
        for index in 0..<world.storeCount(process) where world.mayLeave(process, index) {
            moves.append(Move(process: process, kind: .leave(index)))
        }
        guard world.status(process) == .running else { return moves }
        for index in 0..<world.loadCount(process) where world.mayLoad(process, index) {
            moves.append(Move(process: process, kind: .load(index)))
        }
        moves.append(Move(process: process, kind: .step))
        if programs[process].isMortal, world[map.deaths] < deaths, world.counter(process) > 0 {
            moves.append(Move(process: process, kind: .kill))
        }
        return moves
    }

    private func trace(to last: Int, _ origins: [(parent: Int, move: Move)], _ queue: [World]) -> [String] {
        var lines: [String] = []
        var index = last
        while index > 0 {
            let (parent, move) = origins[index]
            lines.append("\(programs[move.process].name): \(queue[parent].text(of: move))")
            index = parent
        }
        return lines.reversed()
    }
}

extension World {
    /// The state after a move; nil if the process has to wait.
    func after(_ move: Move) -> World? {
        var world = self
        switch move.kind {
        case .step: if !world.step(move.process) { return nil }
        case .leave(let index):
            world.leave(move.process, index)
            world.reap(move.process)
        case .load(let index):
            world.finishLoad(move.process, index)
            world.settle(move.process)
        case .kill: world.kill(move.process)
        }
        return world
    }

    func text(of move: Move) -> String {
        switch move.kind {
        case .kill: return "is killed"
        case .leave(let index):
            let held = store(move.process, index)
            return "its store of \(held.value) at \(name(of: held.place)) is seen"
        case .load(let index):
            let place = load(move.process, index).place
            return "its load of \(name(of: place)) is done: \(view(move.process, place))"
        case .step:
            switch machine.programs[move.process].steps[counter(move.process)] {
            case .load(_, let word, let order):
                let place = map.word(word, Int(self[move.process, .file]))
                if order == .plain, machine.model == .arm64 { return "load \(name(of: place)), when it likes" }
                return "load \(name(of: place)): \(view(move.process, place))"
            case .store(let word, let operand, let order):
                let place = map.word(word, Int(self[move.process, .file]))
                let value = operand.value(in: self, move.process)
                return "store \(value) at \(name(of: place))\(order == .release ? ", release" : "")"
            case .fence(let fence): return "\(fence) fence"
            case .call(let name, _): return name
            case .local, .jump, .finish: return ""
            }
        }
    }

    private func name(of place: Int) -> String {
        let word = Word(rawValue: place % map.fileStride).map { "\($0)" } ?? "?"
        return map.files == 1 ? word : "\(word) of file \(place / map.fileStride)"
    }
}
