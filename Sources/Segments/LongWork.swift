internal import CSegment

/// Work of milliseconds, which pauses now and then for what cannot wait.
///
/// The kernel looks only every few milliseconds who else wants a processor, and small requests take microseconds. Who
/// has long work done says what a pause is; who does it pauses where he can, about every 100 µs, and holds no lock then.
package enum LongWork {
    /// Runs `body`, on this thread, with `pause` between the pieces of what is long in it; once at a time.
    package static func run<Result>(pausing pause: @escaping () -> Void, _ body: () -> Result) -> Result {
        let box = Unmanaged.passRetained(Pause(pause))
        shmgate_set_pause(
            { context in context.map { Unmanaged<Pause>.fromOpaque($0).takeUnretainedValue().pause() } },
            box.toOpaque()
        )
        defer {
            shmgate_set_pause(nil, nil)
            box.release()
        }
        return body()
    }

    /// Pauses, if somebody said what that is.
    package static func pause() { shmgate_pause() }
}

/// What to do in a pause, where C can hold it.
private final class Pause {
    let pause: () -> Void

    init(_ pause: @escaping () -> Void) { self.pause = pause }
}

/// Counts the text of a long answer and pauses after each 128 KiB of it.
package struct TextPauses {
    private static let step = 128 << 10
    private var next: Int

    /// Counts from the bytes that are there already.
    package init(from textByteCount: Int) { next = textByteCount + Self.step }

    /// Pauses if so much text is there that it is time.
    @inline(__always)
    package mutating func passed(_ textByteCount: Int) {
        if textByteCount >= next { pause(textByteCount) }
    }

    @inline(never)
    private mutating func pause(_ textByteCount: Int) {
        next = textByteCount + Self.step
        LongWork.pause()
    }
}
