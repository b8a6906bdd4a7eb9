import Documents
import Glibc
import Testing

@Suite struct ByteBufferTests {
    @Test("bytes of every source stand in their order, across many growths")
    func appends() {
        var buffer = ByteBuffer()
        #expect(buffer.count == 0)
        var expected: [UInt8] = []
        for round in 0..<1_000 {
            buffer.append(UInt8(truncatingIfNeeded: round))
            buffer.append("static ä")
            buffer.append("text \(round) €")
            ([1, 2, 3] as [UInt8]).withUnsafeBytes { buffer.append(contentsOf: $0) }
            buffer.append(contentsOf: UnsafeRawBufferPointer(start: nil, count: 0))
            buffer.append(count: 5) { place in
                #expect(place.count == 5)
                for index in place.indices { place[index] = UInt8(index) }
            }
            buffer.append(count: 0) { #expect($0.isEmpty) }
            expected.append(UInt8(truncatingIfNeeded: round))
            expected += Array("static ätext \(round) €".utf8)
            expected += [1, 2, 3, 0, 1, 2, 3, 4]
        }
        #expect(buffer.count == expected.count)
        #expect(buffer.withUnsafeBytes { $0.elementsEqual(expected) })
    }

    @Test("bytes that are reserved are there and do not count")
    func reserve() {
        var buffer = ByteBuffer(capacity: 1)
        buffer.append("ab")
        buffer.reserve(1 << 20)
        #expect(buffer.count == 2)
        let address = buffer.withUnsafeBytes { $0.baseAddress }
        buffer.append(count: 1 << 20) { $0.initializeMemory(as: UInt8.self, repeating: 7) }
        #expect(buffer.withUnsafeBytes { $0.baseAddress } == address, "room that was reserved needs no new place")
        #expect(buffer.withUnsafeBytes { $0[0] == 97 && $0[2] == 7 && $0[(1 << 20) + 1] == 7 })
    }

    @Test("bytes can be changed in place, and an error of the body comes through")
    func changes() {
        var buffer = ByteBuffer()
        buffer.append("abc")
        buffer.withUnsafeMutableBytes { $0[1] = UInt8(ascii: "x") }
        #expect(buffer.withUnsafeBytes { String(decoding: $0, as: UTF8.self) } == "axc")
        do throws(Refusal) {
            try buffer.withUnsafeMutableBytes { (_) throws(Refusal) in throw Refusal() }
            Issue.record("expected an error")
        } catch { #expect(buffer.count == 3) }
        do throws(Refusal) {
            try buffer.withUnsafeBytes { (_) throws(Refusal) in throw Refusal() }
            Issue.record("expected an error")
        } catch { #expect(buffer.count == 3) }
    }

    private struct Refusal: Error {}

    @Test("memory that is taken belongs to the taker, who frees it; there is an address even without bytes")
    func ownership() {
        for count in [0, 1, 64, 65, 100_000] {
            var buffer = ByteBuffer()
            for index in 0..<count { buffer.append(UInt8(truncatingIfNeeded: index)) }
            let address = buffer.withUnsafeBytes { $0.baseAddress }
            let taken = buffer.take()
            #expect(taken.count == count && taken.baseAddress != nil)
            #expect(UnsafeRawPointer(taken.baseAddress) == address, "without a copy")
            #expect(taken.enumerated().allSatisfy { $1 == UInt8(truncatingIfNeeded: $0) })
            free(taken.baseAddress)
        }
    }

    @Test("borrowed memory is used as far as it goes, and never freed")
    func borrowing() {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 100, alignment: 1)
        defer { memory.deallocate() }
        memory.initializeMemory(as: UInt8.self, repeating: 0xEE)
        for count in [0, 1, 100, 101, 100_000] {
            var buffer = ByteBuffer(borrowing: memory)
            for index in 0..<count { buffer.append(UInt8(truncatingIfNeeded: index)) }
            #expect(buffer.isBorrowed == (count <= 100))
            let isBorrowed = buffer.isBorrowed
            let taken = buffer.take()
            #expect((taken.baseAddress == memory.baseAddress) == isBorrowed)
            #expect(taken.count == count)
            #expect(taken.enumerated().allSatisfy { $1 == UInt8(truncatingIfNeeded: $0) })
            if !isBorrowed { free(taken.baseAddress) }
            _ = ByteBuffer(borrowing: memory)
        }
        #expect(memory[99] == 99, "it is still there")
    }
}
