import Glibc
import TestSupport
import Testing

@testable import Segments

@Suite struct PrivateFolderTests {
    let scratch: ScratchDirectory
    let folder: PrivateFolder

    init() throws {
        scratch = try ScratchDirectory()
        folder = try PrivateFolder(below: scratch.path)
    }

    private static let hex = String(repeating: "0a", count: 16)
    private var below: String { ".shmgate-\(geteuid())" }

    @Test("a sweep removes what the dead began, keeps what the living do and what is stored")
    func sweep() throws {
        #expect(try folder.sweep() == 0)
        try folder.store([1, 2], as: "x")
        let dead = RawFile(scratch.path("\(below)/.new-\(Self.hex)"))
        try dead.write([1])
        let living = RawFile(scratch.path("\(below)/.new-\(Self.hex)0"))
        try living.write([2])
        do {
            let lock = try ForeignLock(living.path)
            #expect(try folder.sweep() == 1)
            #expect(try folder.files(prefix: "").map(\.name) == [".new-\(Self.hex)0", "x"])
            withExtendedLifetime(lock) {}
        }
        #expect(try folder.sweep() == 1)
        #expect(try folder.files(prefix: "").map(\.name) == ["x"])
    }
}
