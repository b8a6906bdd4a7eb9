internal import CFuzzer
internal import FuzzTargets
internal import Glibc

/// The target of this process, named by `SHMGATE_FUZZ_TARGET`; its files are in `SHMGATE_FUZZ_FOLDER`.
///
/// Who starts the fuzzer makes and removes that folder. The words of the command line are all libFuzzer's, which starts
/// this program again, with words of its own, to merge corpora.
nonisolated(unsafe) let target: any FuzzTarget = {
    guard let name = getenv("SHMGATE_FUZZ_TARGET"), let folder = getenv("SHMGATE_FUZZ_FOLDER") else {
        fatalError("expected a target in SHMGATE_FUZZ_TARGET and a folder in SHMGATE_FUZZ_FOLDER")
    }
    do {
        let target = try fuzzTarget(String(cString: name), folder: String(cString: folder))
        guard let target else { fatalError("expected one of the targets \(fuzzTargets.joined(separator: ", "))") }
        return target
    } catch {
        fatalError("the target cannot start: \(error)")
    }
}()
_ = target

var count = CommandLine.argc
var words: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
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
