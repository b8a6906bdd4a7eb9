internal import CSegment
internal import Glibc

extension Segment {
    /// Sleeps until the segment has changed; returns its new sequence, an even one, or nil once the deadline passed.
    ///
    /// `sequence` is the one that the caller has seen, from a snapshot, a write or an earlier wait. Any other answers at
    /// once. While a write is under way this waits for its end, and ends it as a reader would if its writer has died. A
    /// name that is given away or taken away is a change too: ``isCurrent()`` tells. Plain stores into the memory are no
    /// change. A truncated file is ``SegmentError/corrupt(_:)``, but wakes nobody: give a deadline where that matters.
    ///
    /// May be called from any thread, which sleeps in the kernel meanwhile.
    public func wait(after sequence: UInt64, until deadline: Deadline) throws(SegmentError) -> UInt64? {
        while true {
            let now = try self.sequence()
            if now & 1 == 0 {
                if now != sequence { return now }
            } else if let ended = try endOfWrite(until: deadline), ended != sequence {
                return ended
            }
            guard try sleep(while: now, until: deadline) else { return nil }
        }
    }

    /// The even sequence that follows the write under way; nil if that still is after the deadline.
    private func endOfWrite(until deadline: Deadline) throws(SegmentError) -> UInt64? {
        do throws(SegmentError) {
            return try snapshot([], until: deadline).sequence
        } catch .busy {
            return nil
        }
    }

    /// Sleeps while the page says this sequence; false if the deadline has passed.
    ///
    /// May wake for nothing.
    ///
    /// The kernel reads the word, so that a page which is gone is an error of the next load and no fault here.
    private func sleep(while sequence: UInt64, until deadline: Deadline) throws(SegmentError) -> Bool {
        var timeout = timespec()
        if deadline.monotonicNs >= 0 {
            let leftNs = deadline.monotonicNs - Clock.monotonicNs()
            if leftNs <= 0 { return false }
            timeout.tv_sec = Int(leftNs / 1_000_000_000)
            timeout.tv_nsec = Int(leftNs % 1_000_000_000)
        }
        let word = UnsafeRawPointer(mapping.base + ControlWord.sequence).assumingMemoryBound(to: UInt64.self)
        let code = withUnsafePointer(to: &timeout) {
            shmgate_futex(word, FUTEX_WAIT, UInt32(truncatingIfNeeded: sequence), deadline.monotonicNs < 0 ? nil : $0)
        }
        if code != 0, ![EAGAIN, EINTR, ETIMEDOUT, EFAULT].contains(errno) { throw .system(SystemError("futex")) }
        return true
    }
}
