/// One walk through the processes: which of them map files of a device, and whether all could be looked at.
///
/// It serves every segment of a directory at once. What processes do after it is not in it.
package struct ProcessSurvey: Sendable {
    /// Why not every process could be looked at.
    package enum Gap: Sendable, Equatable, CustomStringConvertible {
        /// So many processes belong to others, or are protected.
        case refused(Int)
        /// Only the processes of a container are seen.
        case privateNamespace
        /// `/proc` hides the processes of others.
        case hidden
        /// `/proc` is not there, or not as it has to be.
        case noProcesses
        /// Processes come and go faster than they can be looked at.
        case restless
        /// The file system numbers its files otherwise than the maps of processes do.
        case otherNumbers

        /// A clause for people.
        package var description: String {
            switch self {
            case .refused(let count): "the maps of \(count) processes are not ours to read"
            case .privateNamespace: "this is a private pid namespace, whose processes are not all"
            case .hidden: "/proc is mounted with hidepid"
            case .noProcesses: "/proc cannot be read"
            case .restless: "processes come and go faster than they can be looked at"
            case .otherNumbers: "the directory's file system is none whose files can be found in /proc/PID/maps"
            }
        }
    }

    /// The device whose files were looked for.
    private let device: UInt64
    private let attached: [UInt64: [AttachedProcess]]
    /// What could not be looked at; empty if nothing.
    package internal(set) var gaps: [Gap]

    init(device: UInt64, attached: [UInt64: [AttachedProcess]], gaps: [Gap]) {
        self.device = device
        self.attached = attached
        self.gaps = gaps
    }

    /// Looks at all processes; `witness` is a segment of the directory that this process keeps mapped meanwhile.
    ///
    /// Finding it in this process's own maps shows that the numbers of files there are those of the file system. Takes
    /// some milliseconds on a machine with a few hundred processes; not for an event thread.
    package init(witness: Segment) {
        self = ProcessWalk(root: "/proc").survey(witness: witness.status)
        withExtendedLifetime(witness) {}
    }

    /// Who maps a file, in the order of the pids; gateways do not count.
    package func processes(mapping file: FileStatus) -> [AttachedProcess] {
        file.device == device ? attached[file.inode] ?? [] : []
    }

    /// Whether nobody maps a file.
    package func orphanhood(of file: FileStatus) -> Orphanhood {
        if !processes(mapping: file).isEmpty { return .no }
        return gaps.isEmpty && file.device == device ? .yes : .unknown
    }
}
