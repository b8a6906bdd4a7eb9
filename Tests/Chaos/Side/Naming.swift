import Layouts
import Segments

/// One who makes segments of one name again and again, or who follows that name, for Tests/Chaos/races.py.
struct Naming {
    let directory: SegmentDirectory
    let name: SegmentName
    /// Bytes of the array.
    let count: Int
    var loop: Loop

    /// Publishes one segment after another, each filled with a stamp; `replacing`, or in turn with taking the name away.
    mutating func publish(as number: UInt64, replacing: Bool) throws {
        let layout = try LayoutNode(json: #"{"kind":"ndarray","dtype":"<u8","shape":[\#(count / 8)]}"#)
        var refused = 0
        while loop.goesOn {
            let stamp = Stamp.word(number << 26 | UInt64(loop.done & 0x3FF_FFFF))
            let values = [UInt64](repeating: stamp, count: count / 8)
            let options = CreationOptions(attributes: #"{"stamp":\#(stamp)}"#, replaces: replacing)
            do {
                _ = try SharedObject.create("\(name)", layout, in: directory, options: options) { try $0.set(values) }
                if !replacing { try directory.unlink(name, until: .never) }
            } catch SegmentError.alreadyExists, SegmentError.noSuchSegment, SegmentError.replaced {
                // Another was first, or was there before this one could be looked at.
                refused += 1
            }
            loop.didOne()
        }
        loop.report(["refused": refused])
    }

    /// Loads by name, over and over, and looks whether what the name leads to is whole.
    mutating func follow() throws {
        var (torn, refused) = (0, 0)
        while loop.goesOn {
            do {
                let object = try SharedObject.load("\(name)", in: directory)
                let bytes = try read(object.segment)
                let stamp = bytes.withUnsafeBytes { Stamp.of($0) }
                if stamp.map({ object.attributes == #"{"stamp":\#(Stamp.word($0))}"# }) != true { torn += 1 }
            } catch SegmentError.noSuchSegment {
                refused += 1
            } catch SegmentError.replaced {
                continue
            }
            loop.didOne()
        }
        loop.report(["torn": torn, "refused": refused])
    }

    private func read(_ segment: Segment) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let region = Region(byteOffset: segment.dataOffset, itemByteCount: count, axes: [])
        try bytes.withUnsafeMutableBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            _ = try segment.snapshot(region, into: base, until: .never)
        }
        return bytes
    }
}
