import Glibc
import TestSupport
import Testing

@testable import Segments

/// Which processes map files: the machine's own, and such as no machine can be made to have on command.
@Suite struct ProcessSurveyTests {
    /// File 7 of device 0:27.
    private static let witness = status(inode: 7)

    private static func status(device: UInt64 = 27, inode: UInt64) -> FileStatus {
        var raw = stat()
        raw.st_dev = UInt(device)
        raw.st_ino = UInt(inode)
        return FileStatus(raw)
    }

    /// What is found in a `/proc` in which this process is 10, and maps the witness unless the files say otherwise.
    private func survey(
        _ others: [String: String],
        options: String = "rw",
        namespace: String = "pid:[4026531836]"
    ) throws -> ProcessSurvey {
        let files = ["10/maps": "7f00-7f01 rw-s 00000000 00:1b 7      /dev/shm/a\n"].merging(others) { $1 }
        let tree = try FileTree(files)
        try tree.write("22 27 0:21 / \(tree.path) rw shared:5 - proc proc \(options)\n", to: "10/mountinfo")
        try tree.link("self", to: "10")
        try tree.link("10/ns/pid", to: namespace)
        try tree.link("14/exe", to: "/usr/local/bin/shmgate")
        try tree.link("15/exe", to: "/usr/bin/shmgate (deleted)")
        try tree.link("16/exe", to: "/opt/shmgate/reader")
        for pid in [14, 15, 16] where files["\(pid)/maps"] == nil { try tree.write("", to: "\(pid)/maps") }
        return ProcessWalk(root: tree.path).survey(witness: Self.witness)
    }

    @Test("a process that maps the file is attached, whatever name the file has now; each is named once")
    func attached() throws {
        let survey = try survey([
            "300/maps": """
            5500-5600 r-xp 00000000 08:01 7                /usr/bin/other
            7f00-7f01 rw-s 00000000 00:1b 8                /dev/shm/b (deleted)
            7f01-7f02 r--s 00001000 00:1b 8                /dev/shm/b (deleted)
            7fff-8000 rw-p 00000000 00:00 0                [stack]

            """,
            "300/comm": "py\u{1B}[31m\n",
            "20/maps": "7f00-7f01 rw-p 00000000 00:1b 8        /dev/shm/.shmgate-0/pin\n",
            "20/comm": "reader\n",
        ])
        #expect(survey.gaps.isEmpty)
        #expect(
            survey.processes(mapping: Self.status(inode: 8)).map { "\($0.pid) \($0.command)" }
                == ["20 reader", "300 py?[31m"]
        )
        #expect(survey.orphanhood(of: Self.status(inode: 8)) == .no)
        #expect(survey.orphanhood(of: Self.witness) == .yes)
        #expect(survey.orphanhood(of: Self.status(device: 28, inode: 8)) == .unknown)
    }

    @Test("gateways do not count, and their folder's name makes nobody one")
    func gateways() throws {
        let line = "7f00-7f01 rw-s 00000000 00:1b 8        /dev/shm/b\n"
        let survey = try survey(["14/maps": line, "15/maps": line, "16/maps": line, "16/comm": "reader\n"])
        #expect(survey.processes(mapping: Self.status(inode: 8)).map(\.pid) == [16])
    }

    @Test("a process whose first thread has ended is found by its others")
    func leaderGone() throws {
        let survey = try survey([
            "30/maps": "", "30/comm": "left\n", "30/task/30/maps": "",
            "30/task/31/maps": "7f00-7f01 rw-s 00000000 00:1b 8        /dev/shm/b\n",
        ])
        #expect(survey.processes(mapping: Self.status(inode: 8)).map(\.pid) == [30])
    }

    @Test("what hides processes makes the rest unknown, and keeps nobody who was found from being found")
    func gaps() throws {
        let other = ["20/maps": "7f00-7f01 rw-s 00000000 00:1b 8        /dev/shm/b\n", "20/comm": "reader\n"]
        for (options, isHidden) in [
            ("rw", false), ("rw,hidepid=0", false), ("rw,hidepid=off", false), ("rw,hidepid=2", true),
            ("rw,hidepid=invisible", true), ("rw,gid=4,hidepid=noaccess", true), ("rw,hidepid=ptraceable", true),
        ] {
            let survey = try survey(other, options: options)
            #expect(survey.gaps == (isHidden ? [.hidden] : []), "\(options)")
            #expect(survey.orphanhood(of: Self.status(inode: 8)) == .no)
            #expect(survey.orphanhood(of: Self.witness) == (isHidden ? .unknown : .yes))
        }
        let inside = try survey(other, namespace: "pid:[4026532201]")
        #expect(inside.gaps == [.privateNamespace])
        #expect(inside.orphanhood(of: Self.witness) == .unknown)
        let differs = try survey(["10/maps": "7f00-7f01 rw-s 00000000 00:1c 7      /dev/shm/a\n"])
        #expect(differs.gaps == [.otherNumbers])
        #expect(differs.orphanhood(of: Self.witness) == .unknown)
        let nothing = try FileTree()
        #expect(ProcessWalk(root: nothing.path).survey(witness: Self.witness).gaps.contains(.noProcesses))
    }

    @Test("lines that come in pieces are read as one, and device numbers of any size are compared")
    func maps() {
        var maps = MapsFile(device: 0x12345 & 0xFF | (0x12345 & ~0xFF) << 12 | 0x108 << 8)
        let text = Array("1-2 r--s 0 108:12345 9 /a\n1-2 r--s 0 08:45 10 /b\n1-2 r--s 0 108:12345 11".utf8)
        let left = text.withUnsafeBytes { maps.take($0) }
        #expect(left == "1-2 r--s 0 108:12345 11".utf8.count)
        #expect(maps.inodes == [9])
    }

    @Test("another process of this machine is found, under a name that is gone too, and not once it is gone")
    func living() throws {
        let workshop = try Workshop()
        let segment = try workshop.segment("a")
        let lonely = try workshop.segment("b")
        let child = try Child.mapping(workshop.scratch.path("a"))
        #expect(ProcessSurvey(witness: segment).processes(mapping: segment.status) == [child.asAttached])
        try workshop.directory.unlink(segment.name, until: .never)
        let survey = ProcessSurvey(witness: lonely)
        #expect(survey.processes(mapping: segment.status).map(\.pid) == [child.pid])
        #expect(survey.processes(mapping: lonely.status).isEmpty)
        #expect(survey.orphanhood(of: lonely.status) == (survey.gaps.isEmpty ? .yes : .unknown))
        child.kill()
        #expect(ProcessSurvey(witness: lonely).processes(mapping: segment.status).isEmpty)
    }
}

extension Child {
    /// What a survey says of it.
    fileprivate var asAttached: AttachedProcess { AttachedProcess(pid: pid, command: Array("python3".utf8)) }
}
