import Documents
import TestSupport
import Testing

@testable import Layouts

@Suite struct LabelsTests {
    private func read(_ json: String) throws -> LabelContents { try LabelContents(JSONValue.parse(json)) }

    private func int64s(_ bytes: [UInt8]) -> [Int64] {
        bytes.withUnsafeBytes { raw in
            (0..<raw.count / 8).map { raw.loadUnaligned(fromByteOffset: 8 * $0, as: Int64.self) }
        }
    }

    static let spellings: [(String, Labels)] = [
        ("5", .range(start: 0, stop: 5, step: 1)), ("0", .range(start: 0, stop: 0, step: 1)),
        ("[]", .range(start: 0, stop: 0, step: 1)), (#"{"range":[5]}"#, .range(start: 0, stop: 5, step: 1)),
        (#"{"range":[2,10]}"#, .range(start: 2, stop: 10, step: 1)),
        (#"{"range":[10,0,-3]}"#, .range(start: 10, stop: 0, step: -3)),
        ("[1,2,3]", .elements(DType(.int64), count: 3, zone: nil)),
        ("[1,2.5]", .elements(DType(.float64), count: 2, zone: nil)),
        ("[1,null]", .elements(DType(.float64), count: 2, zone: nil)),
        ("[true,false]", .elements(DType(.bool), count: 2, zone: nil)),
        ("[1,18446744073709551615]", .elements(DType(.uint64), count: 2, zone: nil)),
        (#"["a","","é"]"#, .texts(count: 3, byteCount: 3)),
        (#"{"dtype":"i2","data":[1,2]}"#, .elements(DType(.int16), count: 2, zone: nil)),
        (#"{"dtype":">i2","data":[1,2]}"#, .elements(DType(.int16), count: 2, zone: nil)),
        (#"{"dtype":"str","data":["a"]}"#, .texts(count: 1, byteCount: 1)),
        (#"{"dtype":"U4","data":["abc"]}"#, .texts(count: 1, byteCount: 3)),
        (#"{"dtype":"object","data":[]}"#, .texts(count: 0, byteCount: 0)),
        (
            #"{"dtype":"M8[s]","data":["2024-01-01",null]}"#,
            .elements(DType(.datetime(TimeUnit(.second))), count: 2, zone: nil)
        ),
        (
            #"{"dtype":"datetime64[ns, Europe/Berlin]","data":[]}"#,
            .elements(DType(.datetime(TimeUnit(.nanosecond))), count: 0, zone: "Europe/Berlin")
        ),
        (
            #"{"dtype":"M8[us]","tz":"UTC","data":[]}"#,
            .elements(DType(.datetime(TimeUnit(.microsecond))), count: 0, zone: "UTC")
        ),
        (
            #"{"dtype":"M8[s]","start":"2024-01-01","periods":3,"freq":"1D"}"#,
            .elements(DType(.datetime(TimeUnit(.second))), count: 3, zone: nil)
        ),
    ]

    @Test("labels are read from each of their spellings", arguments: spellings)
    func reads(json: String, labels: Labels) throws {
        let contents = try read(json)
        #expect(contents.labels == labels)
        let arrays = labels.arrays(at: "index")
        #expect(arrays.map { product($0.shape, times: $0.dtype.byteCount) } == contents.buffers.map(\.count))
    }

    @Test(
        "what are no labels is refused",
        arguments: [
            "-1", "1.5", #""abc""#, "null", "true", "[[1]]", "[{}]", #"[1,"a"]"#, "[true,1]", #"["a",null]"#, "[1e999]",
            #"{"range":[]}"#, #"{"range":[1,2,0]}"#, #"{"range":[1,2,3,4]}"#, #"{"range":[1.5]}"#, #"{"range":5}"#,
            #"{"range":[5],"x":1}"#,
            "{}", #"{"dtype":"i4"}"#, #"{"data":[1]}"#, #"{"dtype":"i4","data":1}"#, #"{"dtype":"i1","data":[128]}"#,
            #"{"dtype":"i4","data":["a"]}"#, #"{"dtype":"c8","data":[]}"#, #"{"dtype":"S4","data":[]}"#,
            #"{"dtype":"bfloat16","data":[]}"#,
            #"{"dtype":[["x","f4"]],"data":[]}"#, #"{"dtype":"M8[D]","data":[]}"#, #"{"dtype":"M8[10s]","data":[]}"#,
            #"{"dtype":"M8[ps]","data":[]}"#, #"{"dtype":"str","data":[1]}"#, #"{"dtype":"M8[s]","tz":1,"data":[]}"#,
            #"{"dtype":"M8[s]","start":"2024-01-01","periods":3}"#,
            #"{"dtype":"M8[s]","start":"2024-01-01","periods":-1,"freq":"1D"}"#,
            #"{"dtype":"M8[s]","start":"x","periods":3,"freq":"1D"}"#,
            #"{"dtype":"M8[s]","start":"NaT","periods":3,"freq":"1D"}"#,
            #"{"dtype":"M8[s]","start":"2024-01-01","periods":3,"freq":"1M"}"#,
            #"{"dtype":"M8[s]","start":"2024-01-01","periods":3,"freq":"0D"}"#,
            #"{"dtype":"M8[s]","start":"2024-01-01","periods":3,"freq":"-1D"}"#,
            #"{"dtype":"M8[s]","start":"2024-01-01","periods":3,"freq":"1ms"}"#,
            #"{"dtype":"M8[s]","start":"2024-01-01","periods":3,"freq":"D1"}"#,
            #"{"dtype":"M8[ns]","start":"2024-01-01","periods":1000000,"freq":"1D"}"#,
            #"{"dtype":"i8","start":"2024-01-01","periods":3,"freq":"1D"}"#,
        ]
    )
    func refuses(json: String) throws {
        let value = try JSONValue.parse(json)
        #expect(throws: LayoutError.self) { try LabelContents(value) }
    }

    @Test("texts are Arrow's large_utf8: offsets and bytes")
    func texts() throws {
        let contents = try read(#"["a","","é€"]"#)
        #expect(int64s(contents.buffers[0]) == [0, 1, 1, 6])
        #expect(contents.buffers[1] == Array("aé€".utf8))
    }

    @Test("a date range counts from its start")
    func dateRange() throws {
        let day = try read(#"{"dtype":"M8[s]","start":"2024-02-28","periods":3,"freq":"D"}"#)
        #expect(int64s(day.buffers[0]) == [1_709_078_400, 1_709_164_800, 1_709_251_200])
        let minutes = try read(#"{"dtype":"M8[ms]","start":"1970-01-01","periods":2,"freq":"15min"}"#)
        #expect(int64s(minutes.buffers[0]) == [0, 900_000])
        #expect(try read(#"{"dtype":"M8[ms]","start":"1970-01-01","periods":0,"freq":"1h"}"#).buffers == [[]])
    }

    @Test(
        "a range counts as Python's does",
        arguments: [
            (0, 0, 1, 0), (0, 5, 1, 5), (0, 5, 2, 3), (5, 0, 1, 0), (5, 0, -1, 5), (5, 0, -2, 3), (0, 5, -1, 0),
            (0, 5, .max, 1), (5, 0, .min, 1), (0, .max, 1, .max),
        ]
    )
    func rangeCount(start: Int, stop: Int, step: Int, count: Int) {
        #expect(Labels.range(start: start, stop: stop, step: step).count == count)
    }

    @Test("labels are written as the header has them")
    func writes() throws {
        let table = [
            ("3", #"{"range":[0,3,1]}"#), ("[1,2]", #"{"dtype":"<i8","size":2,"buffer":"coords/x"}"#),
            (#"["ab"]"#, #"{"dtype":"str","size":1,"nbytes":2,"buffer":"coords/x"}"#),
            (
                #"{"dtype":"M8[s]","tz":"UTC","data":[]}"#,
                #"{"dtype":"<M8[s]","tz":"UTC","size":0,"buffer":"coords/x"}"#
            ),
        ]
        for (json, expected) in table {
            var writer = JSONWriter()
            try read(json).write(to: &writer, at: "coords/x")
            #expect(writer.finish().text == expected)
        }
    }

    @Test("a range of periods that no memory holds is refused, and does not trap")
    func hugePeriods() async {
        await #expect(processExitsWith: .success) {
            for periods in ["9223372036854775807", "1152921504606846976"] {
                let json = #"{"dtype":"M8[ns]","start":"1970-01-01","periods":\#(periods),"freq":"1ns"}"#
                #expect(throws: LayoutError.self) { try LabelContents(JSONValue.parse(json)) }
            }
        }
    }
}
