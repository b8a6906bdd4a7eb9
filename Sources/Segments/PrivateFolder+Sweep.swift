internal import Glibc

extension PrivateFolder {
    /// Removes the files that processes began to store and died over; tells how many.
    ///
    /// One whose maker lives is locked and stays, and so does one that cannot be removed.
    @discardableResult
    package func sweep() throws(SegmentError) -> Int {
        guard let folder = try open() else { return 0 }
        var count = 0
        for (name, _) in try files(prefix: Self.temporaryPrefix) {
            guard case .success(let number) = FileDescriptor.open(name, in: folder.number, flags: O_RDWR) else {
                continue
            }
            let file = FileDescriptor(owning: number)
            guard file.tryLock(F_WRLCK), file.isNamed(name, in: folder.number),
                unlinkat(folder.number, name, 0) == 0
            else { continue }
            Failpoint.pass("unlink of the private folder's leftover")
            count += 1
        }
        return count
    }
}
