import Glibc
import Testing

@testable import Segments

@Suite struct HeapPagesTests {
    @Test("memory between what is in use is given back once, and not again and again")
    func holes() {
        var blocks = (0..<60_000).map { _ in malloc(1_000) }
        defer { for block in blocks { free(block) } }
        for block in blocks { if let block { memset(block, 1, 1_000) } }
        for index in stride(from: 0, to: blocks.count, by: 2) {
            free(blocks[index])
            blocks[index] = nil
        }
        // Other tests of this process may need memory beside.
        let times = (0..<40).count { _ in HeapPages.giveBack() }
        #expect((1...20).contains(times))
    }
}
