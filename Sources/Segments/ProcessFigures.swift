internal import CSegment
internal import Glibc

/// What the kernel says about this process.
package struct ProcessFigures: Sendable {
    /// Memory that is in RAM, in bytes; pages of segments that were touched are among it.
    package var residentBytes: Int
    /// Addresses that are mapped, in bytes.
    package var virtualBytes: Int
    /// Processor time of all threads.
    package var cpuSeconds: Double
    /// Unix time of the start.
    package var startSeconds: Double

    /// The figures of now; nil without a `/proc`.
    package static var now: ProcessFigures? {
        let pages = text(of: "/proc/self/statm").split(separator: " ").compactMap { Int($0) }
        // The command, in brackets, may hold anything; what stands behind it are fields from the third on.
        let fields = text(of: "/proc/self/stat").split(separator: ")").last?.split(separator: " ") ?? []
        guard pages.count > 1, fields.count > 19, let user = Double(fields[11]), let system = Double(fields[12]),
            let startTicks = Double(fields[19])
        else { return nil }
        let pageBytes = Int(sysconf(Int32(_SC_PAGESIZE)))
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        return ProcessFigures(
            residentBytes: pages[1] * pageBytes,
            virtualBytes: pages[0] * pageBytes,
            cpuSeconds: (user + system) / ticks,
            startSeconds: seconds(CLOCK_REALTIME) - seconds(CLOCK_BOOTTIME) + startTicks / ticks
        )
    }

    private static func seconds(_ clock: clockid_t) -> Double {
        var now = timespec()
        clock_gettime(clock, &now)
        return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
    }
}
