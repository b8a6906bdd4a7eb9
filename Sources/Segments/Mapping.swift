internal import CSegment
internal import Glibc

/// A segment's place in our address space; unmapped when its owner goes.
///
/// Another process can truncate the file below, so nothing here hands out a pointer for reading or writing: every
/// access goes through the guarded functions of CSegment, which report a fault instead of dying of it.
///
/// `@unchecked Sendable` because the address never changes and what lies there is shared by design: the protocol of
/// the format, not the type system, orders the accesses.
struct Mapping: ~Copyable, @unchecked Sendable {
    let base: UnsafeMutableRawPointer
    let count: Int
    let isWritable: Bool

    /// Maps the first `count` bytes of an open file, shared.
    ///
    /// The corresponding C function is `mmap`.
    init(_ file: borrowing FileDescriptor, count: Int, writable: Bool) throws(SystemError) {
        let protection = writable ? PROT_READ | PROT_WRITE : PROT_READ
        base = try Self.address(file, count, protection, MAP_SHARED)
        self.count = count
        isWritable = writable
    }

    /// Maps the first `count` bytes of an open file as a copy of this process's own.
    ///
    /// What is stored in it costs memory by the page and is seen by nobody else; the rest still is the file.
    ///
    /// The corresponding C function is `mmap` with `MAP_PRIVATE`.
    init(copying file: borrowing FileDescriptor, count: Int) throws(SystemError) {
        base = try Self.address(file, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE)
        self.count = count
        isWritable = true
    }

    private static func address(
        _ file: borrowing FileDescriptor,
        _ count: Int,
        _ protection: Int32,
        _ flags: Int32
    ) throws(SystemError) -> UnsafeMutableRawPointer {
        shmgate_guard_install()
        let address = mmap(nil, count, protection, flags, file.number, 0)
        guard let address, address != MAP_FAILED else { throw SystemError("mmap") }
        return address
    }

    deinit { munmap(base, count) }

    /// Loads the sequence with acquire order; a page that was cut off and grown again is a fault as well.
    func sequence() throws(MappingFault) -> UInt64 {
        var value: UInt64 = 0
        guard shmgate_load_sequence(base, &value) == 0 else { throw MappingFault() }
        return value
    }

    /// Loads a word with acquire order.
    func load(_ offset: Int) throws(MappingFault) -> UInt64 {
        var value: UInt64 = 0
        guard shmgate_load_word(base, Int64(offset), &value) == 0 else { throw MappingFault() }
        return value
    }

    /// Stores a word with release order.
    func store(_ value: UInt64, at offset: Int) throws(MappingFault) {
        guard shmgate_store_word(base, Int64(offset), value) == 0 else { throw MappingFault() }
    }

    /// Copies bytes out.
    func copy(_ offset: Int, into bytes: UnsafeMutableRawBufferPointer) throws(MappingFault) {
        guard let address = bytes.baseAddress else { return }
        precondition(offset >= 0 && offset <= count - bytes.count, "a copy stays inside its mapping")
        guard shmgate_load_bytes(base, Int64(offset), address, Int64(bytes.count)) == 0 else { throw MappingFault() }
    }

    /// Copies as many bytes out as the array has.
    func copy(_ offset: Int, into bytes: inout [UInt8]) throws(MappingFault) {
        precondition(offset >= 0 && offset <= count - bytes.count, "a copy stays inside its mapping")
        let size = Int64(bytes.count)
        let code = bytes.withUnsafeMutableBytes { shmgate_load_bytes(base, Int64(offset), $0.baseAddress, size) }
        if code != 0 { throw MappingFault() }
    }

    /// Copies bytes in.
    func copy(_ bytes: UnsafeRawBufferPointer, to offset: Int) throws(MappingFault) {
        guard let address = bytes.baseAddress else { return }
        precondition(offset >= 0 && offset <= count - bytes.count, "a copy stays inside its mapping")
        guard shmgate_store_bytes(base, Int64(offset), address, Int64(bytes.count)) == 0 else { throw MappingFault() }
    }
}

/// A page of the mapping is gone: the file was truncated under it.
struct MappingFault: Error {
    /// The error that the user of a segment sees.
    func error(_ name: SegmentName) -> SegmentError {
        .corrupt("the file of the segment \(name) was truncated while it was in use")
    }
}
