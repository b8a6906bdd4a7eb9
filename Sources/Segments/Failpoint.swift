#if DEBUG
internal import Glibc
internal import Synchronization
#endif

/// Where a test may end this process, as any death would: behind each store and each system call by which a write, a
/// recovery or a change of a name proceeds.
///
/// A call of ``pass(_:)`` stands right behind what it names. With `SHMGATE_DIE_AT=n` in its environment the process dies
/// by SIGKILL at its n-th pass; so a driver that tries 1, 2, 3 and so on until the process lives has killed it
/// everywhere. A release build has nothing of this: there `pass` is an empty function that the compiler leaves out.
package enum Failpoint {
    #if DEBUG
    /// Passes that are left until death; 0 while nothing is armed.
    private static let left = Atomic<Int>(getenv("SHMGATE_DIE_AT").flatMap { Int(String(cString: $0)) } ?? 0)
    private static let passed = Atomic<Int>(0)

    /// Dies here, its name on standard error, if this is the pass that was armed.
    package static func pass(_ name: StaticString) {
        guard left.load(ordering: .relaxed) > 0 else { return }
        let number = passed.add(1, ordering: .relaxed).newValue
        guard left.subtract(1, ordering: .relaxed).newValue == 0 else { return }
        let text = Array("failpoint \(number): \(name)\n".utf8)
        _ = text.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
        kill(getpid(), SIGKILL)
        // The signal may be taken by another thread a moment later; nothing more is stored meanwhile.
        while true { pause() }
    }

    /// A region as it is, or, while armed, as its halves, so that there is a pass in the middle of a copy.
    static func pieces(of region: Region) -> [Region] {
        left.load(ordering: .relaxed) > 0 ? region.halves : [region]
    }
    #else
    @inline(__always)
    package static func pass(_: StaticString) {}

    @inline(__always)
    static func pieces(of region: Region) -> CollectionOfOne<Region> { CollectionOfOne(region) }
    #endif
}

#if DEBUG
extension Region {
    /// Two regions whose packed bytes, one after the other, are those of this one; itself if it is but a byte.
    fileprivate var halves: [Region] {
        var (first, second) = (self, self)
        guard let axis = axes.first else {
            guard itemByteCount > 1 else { return [self] }
            first.itemByteCount /= 2
            second.itemByteCount -= first.itemByteCount
            second.byteOffset += first.itemByteCount
            return [first, second]
        }
        guard axis.count > 1 else { return [self] }
        let middle = axis.count / 2
        first.axes[0].count = middle
        second.axes[0].count -= middle
        if let table = axis.byteOffsets {
            first.axes[0].byteOffsets = Array(table[..<middle])
            second.axes[0].byteOffsets = Array(table[middle...])
        } else {
            second.byteOffset += middle * axis.byteStride
        }
        return [first, second]
    }
}
#endif
