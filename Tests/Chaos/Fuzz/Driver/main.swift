internal import CFuzzer
internal import FuzzTargets
internal import Glibc

/// The target of this process: `Fuzzer <target> <folder> [option or corpus of libFuzzer …]`.
///
/// The folder is one below /dev/shm, for the files of the target; who starts the fuzzer removes it.
nonisolated(unsafe) let target: any FuzzTarget = {
    let words = CommandLine.arguments
    guard words.count > 2 else { fatalError("usage: Fuzzer <\(fuzzTargets.joined(separator: "|"))> <folder> …") }
    do {
        guard let target = try fuzzTarget(words[1], folder: words[2]) else {
            fatalError("there is no target \(words[1])")
        }
        return target
    } catch {
        fatalError("the target \(words[1]) cannot start: \(error)")
    }
}()
_ = target

// libFuzzer takes the words from the folder on, as if that were its name.
var count = CommandLine.argc - 2
var words: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv + 2
exit(
    LLVMFuzzerRunDriver(&count, &words) { bytes, size in
        do {
            try target.run(Array(UnsafeBufferPointer(start: bytes, count: size)))
        } catch {
            fatalError("\(error)")
        }
        return 0
    }
)
