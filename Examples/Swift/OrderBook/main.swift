// swift run OrderBookExample open; swift run OrderBookExample raise; swift run OrderBookExample quote
// Each of them may be another process; a directory beside /dev/shm may stand behind the word.
import Segments

let words = CommandLine.arguments.dropFirst()
let shm = try SegmentDirectory(path: words.dropFirst().first ?? "/dev/shm")
switch words.first {
case "open": try openMarket(in: shm)
case "raise": try raiseBid(to: 100, in: shm)
case "quote": print(try quote(in: shm))
case "close": try shm.load(SegmentName("book")).unlink()
default: print("usage: OrderBookExample open|raise|quote|close [directory]")
}
