internal import Glibc

/// The walk that makes a ``ProcessSurvey``.
///
/// A process that vanishes meanwhile may have left its mapping to a child that was not there when the names were read;
/// so they are read again until a round loses nobody.
struct ProcessWalk {
    /// Where `/proc` is.
    let root: String

    private static let rounds = 16
    /// The inode of the first pid namespace, which the kernel fixes.
    private static let initialNamespace = "pid:[4026531836]"

    /// Looks for files of the witness's device.
    func survey(witness: FileStatus) -> ProcessSurvey {
        var attached: [UInt64: [AttachedProcess]] = [:]
        var gaps = self.gaps
        guard let mine = link("self"), let first = names(of: root), first.contains(mine) else {
            return ProcessSurvey(device: witness.device, attached: [:], gaps: gaps + [.noProcesses])
        }
        var pids = first
        var seen: Set<String> = []
        var refused = 0
        var isSettled = false
        var roundsLeft = Self.rounds
        while !isSettled, roundsLeft > 0 {
            isSettled = true
            roundsLeft -= 1
            for pid in pids where !seen.contains(pid) {
                switch inodes(of: pid, device: witness.device) {
                case .success(let inodes):
                    seen.insert(pid)
                    if pid == mine {
                        if !inodes.contains(witness.inode) { gaps.append(.otherNumbers) }
                    } else if !inodes.isEmpty, !isGateway(pid), let process = process(pid) {
                        for inode in inodes { attached[inode, default: []].append(process) }
                    }
                case .failure(let error) where error.code == ENOENT || error.code == ESRCH: isSettled = false
                case .failure:
                    seen.insert(pid)
                    refused += 1
                }
            }
            if !isSettled { pids = names(of: root) ?? [] }
        }
        if refused > 0 { gaps.append(.refused(refused)) }
        if !isSettled { gaps.append(.restless) }
        for inode in attached.keys { attached[inode]?.sort { $0.pid < $1.pid } }
        return ProcessSurvey(device: witness.device, attached: attached, gaps: gaps)
    }

    /// What hides processes from this one altogether.
    private var gaps: [ProcessSurvey.Gap] {
        var gaps: [ProcessSurvey.Gap] = []
        if link("self/ns/pid") != Self.initialNamespace { gaps.append(.privateNamespace) }
        let mount = MountTable(path: "\(root)/self/mountinfo")?.mount(at: root)
        let hides = mount?.superOptions.contains {
            $0.hasPrefix("hidepid=") && !["0", "off"].contains($0.dropFirst(8))
        }
        if hides == true { gaps.append(.hidden) }
        return gaps
    }

    /// The files that a process maps.
    ///
    /// The maps of one whose first thread has ended are empty while others run; those have them.
    private func inodes(of pid: String, device: UInt64) -> Result<Set<UInt64>, SystemError> {
        var maps = MapsFile(device: device)
        if let error = maps.read("\(root)/\(pid)/maps") { return .failure(error) }
        if maps.hasLines { return .success(maps.inodes) }
        for thread in names(of: "\(root)/\(pid)/task") ?? [] where thread != pid {
            if let error = maps.read("\(root)/\(pid)/task/\(thread)/maps") {
                if error.code == ENOENT || error.code == ESRCH { continue }
                return .failure(error)
            }
            if maps.hasLines { break }
        }
        return .success(maps.inodes)
    }

    /// Whether a process is this program, which maps what it is asked for and keeps no segment for itself.
    private func isGateway(_ pid: String) -> Bool {
        guard let program = link("\(pid)/exe") else { return false }
        return ["shmgate", "shmgate (deleted)"].contains(program.split(separator: "/").last)
    }

    private func process(_ pid: String) -> AttachedProcess? {
        guard let number = Int32(pid) else { return nil }
        let name = SmallFile.bytes(of: "\(root)/\(pid)/comm") ?? []
        return AttachedProcess(pid: number, command: name.prefix { $0 != UInt8(ascii: "\n") })
    }

    /// The names in a folder that are numbers; nil if it cannot be read.
    private func names(of folder: String) -> [String]? {
        guard let stream = opendir(folder) else { return nil }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { $0.prefix { $0 != 0 }.map { $0 } }
            guard !name.isEmpty, name.allSatisfy({ (48...57).contains($0) }) else { continue }
            names.append(String(decoding: name, as: UTF8.self))
        }
        return names
    }

    /// Where a symbolic link leads; nil if it is none, or not ours to read.
    private func link(_ name: String) -> String? { SmallFile.link("\(root)/\(name)") }
}
