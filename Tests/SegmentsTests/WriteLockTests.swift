import Glibc
import Locks
import Synchronization
import TestSupport
import Testing

@testable import Segments

@Suite struct WriteLockTests {
    let workshop: Workshop

    init() throws { workshop = try Workshop() }

    private func expectBusy(_ body: @escaping @Sendable () throws -> Void) {
        let error = #expect(throws: SegmentError.self) { try Threads.run(1) { _ in try body() } }
        guard case .busy = error else {
            Issue.record("expected busy, got \(String(describing: error))")
            return
        }
    }

    @Test("a lock of another description, exclusive or shared, keeps writers out and is busy at the deadline")
    func excludes() throws {
        let segment = try workshop.segment()
        for shared in [false, true] {
            let lock = try ForeignLock(workshop.scratch.path("a"), shared: shared)
            expectBusy { try segment.write([1], to: segment.run(count: 1), until: .immediate) }
            expectBusy { try segment.write([1], to: segment.run(count: 1), until: .after(milliseconds: 30)) }
            expectBusy { [workshop] in try workshop.directory.unlink(segment.name, until: .immediate) }
            withExtendedLifetime(lock) {}
        }
        #expect(try segment.write([1], to: segment.run(count: 1), until: .immediate) == 4)
        #expect(try ForeignLock.isFree(workshop.scratch.path("a")))
    }

    @Test("a wait is not shorter than its deadline")
    func deadline() throws {
        let segment = try workshop.segment()
        let lock = try ForeignLock(workshop.scratch.path("a"))
        let start = Clock.monotonicNs()
        expectBusy { try segment.withWriteLock(until: .after(milliseconds: 60)) { _ in } }
        #expect(Clock.monotonicNs() - start >= 60_000_000)
        withExtendedLifetime(lock) {}
    }

    @Test("a deadline is kept on a thread that blocks every signal, as those of Swift's own pool do")
    func deadlineWithoutSignals() async throws {
        let segment = try workshop.segment()
        let lock = try ForeignLock(workshop.scratch.path("a"))
        await #expect(processExitsWith: .success) { [path = workshop.scratch.path as String] in
            Watchdog.start(seconds: 20)
            var all = sigset_t()
            sigfillset(&all)
            pthread_sigmask(SIG_BLOCK, &all, nil)
            let segment = try SegmentDirectory(path: path).load(SegmentName("a"))
            #expect(throws: SegmentError.self) { try segment.withWriteLock(until: .after(milliseconds: 20)) { _ in } }
        }
        withExtendedLifetime((segment, lock)) {}
    }

    @Test("a wait with a deadline leaves the thread's blocked signals as they were, and none of its own pending")
    func maskIsRestored() throws {
        let segment = try workshop.segment()
        let lock = try ForeignLock(workshop.scratch.path("a"))
        try Threads.run(1) { _ in
            var wanted = sigset_t()
            sigfillset(&wanted)
            pthread_sigmask(SIG_BLOCK, &wanted, nil)
            pthread_sigmask(SIG_BLOCK, nil, &wanted)
            do {
                try segment.withWriteLock(until: .after(milliseconds: 30)) { _ in }
                throw Mismatch("the lock was free")
            } catch SegmentError.busy {}
            var got = sigset_t()
            pthread_sigmask(SIG_BLOCK, nil, &got)
            var pending = sigset_t()
            sigpending(&pending)
            for number in 1...64 as ClosedRange<Int32> {
                guard sigismember(&wanted, number) == sigismember(&got, number) else { throw Mismatch("\(number)") }
                guard sigismember(&pending, number) != 1 else { throw Mismatch("\(number) is pending") }
            }
        }
        withExtendedLifetime(lock) {}
    }

    @Test("a held turnstile keeps writers out, and a failed wait for the lock gives the turnstile back")
    func turnstile() throws {
        let segment = try workshop.segment()
        let path = workshop.scratch.path("a")
        do {
            let turnstile = try ForeignLock(path, .turnstile)
            expectBusy { try segment.withWriteLock(until: .immediate) { _ in } }
            #expect(try ForeignLock.isFree(path, .lock))
            withExtendedLifetime(turnstile) {}
        }
        do {
            let lock = try ForeignLock(path, .lock)
            expectBusy { try segment.withWriteLock(until: .after(milliseconds: 20)) { _ in } }
            #expect(try ForeignLock.isFree(path, .turnstile))
            withExtendedLifetime(lock) {}
        }
        try segment.withWriteLock(until: .immediate) { _ in
            #expect((try? ForeignLock.isFree(path, .turnstile)) == true)
            #expect((try? ForeignLock.isFree(path, .lock)) == false)
            #expect((try? ForeignLock.isFree(path, .lock, shared: true)) == false)
        }
        #expect(try ForeignLock.isFree(path, .lock))
    }

    @Test("whoever waits holds the turnstile, so that nobody who comes later overtakes him")
    func waitsInTurn() throws {
        let segment = try workshop.segment()
        let path = workshop.scratch.path("a")
        let lock = Locked<ForeignLock?>(try ForeignLock(path))
        let wroteAt = Locked<UInt64>(0)
        try Threads.run(2) { index in
            if index == 0 {
                let sequence = try segment.write([1], to: segment.run(count: 1), until: .never)
                wroteAt.withLock { $0 = sequence }
            } else {
                // The writer is in the queue when the turnstile is taken.
                while try ForeignLock.isFree(path, .turnstile) { sched_yield() }
                lock.withLock { $0 = nil }
            }
        }
        #expect(wroteAt.withLock { $0 } == 4)
    }

    @Test("a lock that throws, or is left, is free again")
    func released() throws {
        let segment = try workshop.segment()
        let refusal = SegmentError.preconditionFailed("no")
        #expect(throws: refusal) {
            try segment.withWriteLock(until: .immediate) { _ throws(SegmentError) in throw refusal }
        }
        #expect(try ForeignLock.isFree(workshop.scratch.path("a")))
        try segment.withWriteLock(until: .immediate) { _ in }
        #expect(try segment.sequence() == 2)
    }

    @Test("the threads of one process exclude each other, with one object and with several")
    func threads() throws {
        let shared = try workshop.segment()
        let workshop = workshop
        let inside = Atomic(0)
        try Threads.run(8) { index in
            let segment = try index % 2 == 0 ? shared : workshop.load("a")
            for _ in 0..<50 {
                let write = try segment.prepare([UInt8(index)], to: [segment.run(count: 1)])
                try segment.withWriteLock(until: .never) { lock throws(SegmentError) in
                    let others = inside.add(1, ordering: .sequentiallyConsistent).oldValue
                    _ = try lock.commit(write)
                    inside.subtract(1, ordering: .sequentiallyConsistent)
                    if others != 0 { throw .corrupt("two held the lock at once") }
                }
            }
        }
        #expect(try shared.sequence() == 2 + 2 * 8 * 50)
    }

    @Test("no increment of a counter is lost between threads")
    func counter() throws {
        let workshop = workshop
        _ = try workshop.segment()
        try Threads.run(4) { _ in
            let segment = try workshop.load("a")
            for _ in 0..<100 {
                try segment.withWriteLock(until: .never) { lock throws(SegmentError) in
                    let write = try segment.preparedIncrement(of: segment.dataOffset)
                    _ = try lock.commit(write)
                }
            }
        }
        #expect(try workshop.file().number(at: 8192, as: UInt64.self) == 400)
    }

    @Test("what is gathered under the lock is stable, and a write prepared from it is the next one")
    func preparedUnderTheLock() throws {
        let workshop = workshop
        let count = 4096  // Beyond what the page's journal holds.
        _ = try workshop.segment(dataBytes: count)
        try Threads.run(4) { _ in
            let segment = try workshop.load("a")
            for _ in 0..<25 {
                try segment.withWriteLock(until: .never) { lock throws(SegmentError) in
                    let before = lock.sequence
                    let bytes = try lock.segment.gathered(lock.segment.run(count: count))
                    guard bytes.allSatisfy({ $0 == bytes[0] }) else { throw .corrupt("a write under way was seen") }
                    let next = [UInt8](repeating: bytes[0] + 1, count: count)
                    let write = try lock.segment.prepared(next, to: lock.segment.run(count: count))
                    guard try lock.segment.sequence() == before else { throw .corrupt("a preparation is no write") }
                    guard try lock.commit(write) == before + 2 else { throw .corrupt("it is not the next write") }
                }
            }
        }
        let segment = try workshop.load("a")
        #expect(try segment.read(segment.run(count: count)).bytes == [UInt8](repeating: 100, count: count))
        #expect(try segment.sequence() == 2 + 2 * 100)
    }

    @Test("another process that holds the lock excludes this one until it dies")
    func secondProcess() throws {
        let segment = try workshop.segment()
        let path = workshop.scratch.path("a")
        let child = try Child.holdingLock(path)
        expectBusy { try segment.withWriteLock(until: .immediate) { _ in } }
        child.kill()
        #expect(try segment.write([1], to: segment.run(count: 1)) == 4)
    }

    @Test("a process that dies with the lock and an odd sequence leaves damage that this one records")
    func diesInside() async throws {
        let segment = try workshop.segment()
        try segment.write([1, 2, 3, 4], to: segment.run(count: 4))
        let scratch = workshop.scratch
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = scratch.path as String] in
            let segment = try SegmentDirectory(path: path).load(SegmentName("a"))
            try segment.withWriteLock(until: .never) { lock throws(SegmentError) in
                try segment.guarded { mapping throws(MappingFault) in
                    try mapping.store(lock.sequence + 1, at: ControlWord.sequence)
                    try mapping.store(0x6363, at: segment.dataOffset)
                }
                kill(getpid(), SIGKILL)
            }
        }
        #expect(try segment.sequence() == 5)
        try segment.withWriteLock(until: .immediate) { lock throws(SegmentError) in #expect(lock.sequence == 6) }
        let vitals = try segment.vitals()
        #expect(vitals.interruptedWrites == 1 && vitals.isDamaged)
        #expect(try segment.read(segment.run(count: 2)).bytes == [0x63, 0x63])
    }

    @Test("a process that is killed in the middle of a journaled write is finished by the next one")
    func diesInJournaledWrite() async throws {
        let segment = try workshop.segment(dataBytes: 100_000)
        let scratch = workshop.scratch
        for count in [16, 90_000] {
            await #expect(processExitsWith: .signal(SIGKILL)) { [path = scratch.path as String, count = count as Int] in
                let segment = try SegmentDirectory(path: path).load(SegmentName("a"))
                let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: count), count: count)
                let write = try segment.prepare(bytes, to: [segment.run(count: count)])
                try segment.withWriteLock(until: .never) { lock throws(SegmentError) in
                    try write.storeJournal(sequence: lock.sequence + 1)
                    try segment.guarded { mapping throws(MappingFault) in
                        try mapping.store(lock.sequence + 1, at: ControlWord.sequence)
                        try mapping.store(.max, at: segment.dataOffset)
                    }
                    kill(getpid(), SIGKILL)
                }
            }
            #expect(try segment.sequence() & 1 == 1)
            let (bytes, snapshot) = try segment.read(segment.run(count: count), until: .never)
            #expect(bytes == [UInt8](repeating: UInt8(truncatingIfNeeded: count), count: count))
            #expect(!snapshot.isDamaged)
            #expect(try segment.vitals().interruptedWrites == 0)
        }
        #expect(try scratch.names() == ["a"])
    }

    @Test("more segments are written to than descriptors may stay open")
    func manySegments() async {
        await #expect(processExitsWith: .success) {
            let kind = __rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue))
            var limit = rlimit()
            try #require(getrlimit(kind, &limit) == 0)
            limit.rlim_cur = 80
            try #require(setrlimit(kind, &limit) == 0)
            let workshop = try Workshop()
            var segments: [Segment] = []
            for number in 0..<100 {
                do { try workshop.draft(dataBytes: 64).publish(as: SegmentName("s\(number)")) }
                segments.append(try workshop.load("s\(number)"))
            }
            for round in 1...3 as ClosedRange<UInt8> {
                for segment in segments { try segment.write([round], to: segment.run(count: 1)) }
            }
            for segment in segments { #expect(try segment.read(segment.run(count: 1)).bytes == [3]) }
            for number in [0, 99] { #expect(try ForeignLock.isFree(workshop.scratch.path("s\(number)"))) }
        }
    }
}

extension Segment {
    /// The bytes of a region; the lock is held.
    fileprivate func gathered(_ region: Region) throws(SegmentError) -> [UInt8] {
        let packed = UnsafeMutableRawBufferPointer.allocate(byteCount: region.byteCount, alignment: 1)
        defer { packed.deallocate() }
        try gather([SnapshotPart(region, into: packed.baseAddress ?? .empty)])
        return Array(packed)
    }

    /// A write of bytes to a region.
    fileprivate func prepared(_ bytes: [UInt8], to region: Region) throws(SegmentError) -> PreparedWrite {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        copy.copyBytes(from: bytes)
        let address = UInt(bitPattern: copy.baseAddress)
        let source = ByteSource(UnsafeRawBufferPointer(copy)) {
            UnsafeMutableRawPointer(bitPattern: address)?.deallocate()
        }
        return try PreparedWrite(to: self, regions: [region], bytes: source, coversWhole: false)
    }

    /// A write of one more than the word at an offset; the lock is held.
    fileprivate func preparedIncrement(of offset: Int) throws(SegmentError) -> PreparedWrite {
        let value = try guarded { mapping throws(MappingFault) in try mapping.load(offset) } + 1
        let copy = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
        copy.initialize(to: value)
        let address = UInt(bitPattern: copy)
        let source = ByteSource(UnsafeRawBufferPointer(start: copy, count: 8)) {
            UnsafeMutablePointer<UInt64>(bitPattern: address)?.deallocate()
        }
        let region = Region(byteOffset: offset, itemByteCount: 8, axes: [])
        return try PreparedWrite(to: self, regions: [region], bytes: source, coversWhole: false)
    }
}
