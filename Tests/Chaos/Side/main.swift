// The Swift library in processes of their own. For Tests/Chaos/kills.py one operation, which it ends in the middle: debug
// builds die at the failpoint that SHMGATE_DIE_AT counts to. For torture.py and races.py one thing over and over.
import Glibc
import Segments

private let usage = """
    usage: ChaosSide DIRECTORY write NAME REGIONS [whole]     bytes of the input into regions, journaled
           ChaosSide DIRECTORY stage NAME REGIONS [whole]     the same, from a staged body as the gateway has it
           ChaosSide DIRECTORY again NAME REGIONS OTHER       the same, from a file that a write of another segment was staged in
           ChaosSide DIRECTORY modify NAME REGIONS [whole]    the same in place, without a journal
           ChaosSide DIRECTORY together REGIONS NAME NAME…    one write of several segments: a share of the input to each
           ChaosSide DIRECTORY create NAME                    a segment of the bytes of the input
           ChaosSide DIRECTORY replace NAME                   the same in the place of another
           ChaosSide DIRECTORY unlink NAME
           ChaosSide DIRECTORY read NAME                      sequence and damage on the error line, bytes on the output
           ChaosSide DIRECTORY lock NAME                      takes the write lock, and recovers where that is due
           ChaosSide DIRECTORY sweep
           ChaosSide DIRECTORY torture NAME BYTES QUOTA read|journaled|inplace [NUMBER]
           ChaosSide DIRECTORY naming NAME BYTES QUOTA follow|create|replace [NUMBER]
    REGIONS are offset:count from the first byte of the buffers, with commas between.

    """

do {
    let words = Array(CommandLine.arguments.dropFirst())
    guard words.count >= 2 else { throw Failure(usage) }
    let directory = try SegmentDirectory(path: words[0])
    let isWhole = words.last == "whole"
    switch (words[1], words.count - (isWhole ? 1 : 0)) {
    case ("write", 4): try directory.load(SegmentName(words[2])).write(words[3], isWhole, staged: false)
    case ("stage", 4): try directory.load(SegmentName(words[2])).write(words[3], isWhole, staged: true)
    case ("again", 5):
        try directory.keepStagingSpares(mostBytes: 1 << 20)
        try directory.load(SegmentName(words[4])).overwrite()
        try directory.load(SegmentName(words[2])).write(words[3], isWhole, staged: true)
    case ("modify", 4): try directory.load(SegmentName(words[2])).modify(words[3], isWhole)
    case ("together", 5...): try directory.writeTogether(words[2], words[3...].map(SegmentName.init))
    case ("create", 3): try directory.publish(words[2], replacing: false)
    case ("replace", 3): try directory.publish(words[2], replacing: true)
    case ("unlink", 3): try directory.unlink(SegmentName(words[2]), until: .after(milliseconds: 10_000))
    case ("read", 3): try directory.load(SegmentName(words[2])).read()
    case ("lock", 3):
        try directory.load(SegmentName(words[2])).withWriteLock(until: .after(milliseconds: 10_000)) { _ in }
    case ("sweep", 2): _ = try directory.sweep()
    case ("torture", 6...7): try torture(directory, SegmentName(words[2]), words)
    case ("naming", 6...7): try naming(directory, SegmentName(words[2]), words)
    default: throw Failure(usage)
    }
} catch {
    let text = Array("\(error)\n".utf8)
    _ = text.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    exit(1)
}

/// Words 3 to 6 are BYTES QUOTA way [NUMBER].
private func torture(_ directory: SegmentDirectory, _ name: SegmentName, _ words: [String]) throws {
    guard let count = Int(words[3]), let quota = Int(words[4]) else { throw Failure(usage) }
    let number = words.last.flatMap(UInt64.init)
    var torture = try Torture(directory.load(name), count: count, quota: quota)
    switch (words[5], number) {
    case ("read", nil): try torture.read()
    case ("journaled", let number?): try torture.write(as: number, inPlace: false)
    case ("inplace", let number?): try torture.write(as: number, inPlace: true)
    default: throw Failure(usage)
    }
}

/// Words 3 to 6 are BYTES QUOTA way [NUMBER].
private func naming(_ directory: SegmentDirectory, _ name: SegmentName, _ words: [String]) throws {
    guard let count = Int(words[3]), let quota = Int(words[4]) else { throw Failure(usage) }
    let number = words.last.flatMap(UInt64.init)
    var naming = Naming(directory: directory, name: name, count: count, loop: Loop(quota: quota))
    switch (words[5], number) {
    case ("follow", nil): try naming.follow()
    case ("create", let number?): try naming.publish(as: number, replacing: false)
    case ("replace", let number?): try naming.publish(as: number, replacing: true)
    default: throw Failure(usage)
    }
}
