import Layouts
import Testing

/// A layout, and all that the format says of it.
struct ContractCase: Sendable, CustomTestStringConvertible {
    /// What it is; also the name of its segment.
    let name: String
    /// Layout JSON of a request.
    let request: String
    /// The canonical node of the header.
    let node: String
    /// Path, dtype and shape of every buffer in the order of the file.
    let buffers: [String]
    /// The labels by their paths.
    let labels: [String: LabelValues]

    init(_ name: String, _ request: String, _ node: String, _ buffers: [String], _ labels: [String: LabelValues] = [:])
    {
        self.name = name
        self.request = request
        self.node = node
        self.buffers = buffers
        self.labels = labels
    }

    var testDescription: String { name }

    static let all = plain + series + frames + arrays + nested

    /// Those without labels; a request of theirs is canonical.
    private static let plain: [ContractCase] =
        [
            ContractCase("bytes", #"{"kind":"bytes","size":7}"#, #"{"kind":"bytes","size":7}"#, ["values |u1 [7]"]),
            ContractCase("no-bytes", #"{"kind":"bytes","size":0}"#, #"{"kind":"bytes","size":0}"#, ["values |u1 [0]"]),
            ContractCase(
                "json",
                #"{"kind":"json","value":{"a":[1,null]},"capacity":70}"#,
                #"{"kind":"json","capacity":70}"#,
                ["values |u1 [70]"]
            ),
        ]
        + [
            ("float32", #""<f4""#, "<f4"), ("float64-big", #"">f8""#, ">f8"), ("bool", #""|b1""#, "|b1"),
            ("bfloat16", #""bfloat16""#, "<u2"), ("complex128", #""<c16""#, "<c16"), ("bytes5", #""|S5""#, "|S5"),
            ("text3", #""<U3""#, "<U3"), ("time", #""<M8[25s]""#, "<M8[25s]"),
            (
                "structured", #"[["x","<f4"],["y","|S3",[2]]]"#, #"[["x","<f4"],["y","|S3",[2]]]"#
            ),
        ].map { name, dtype, buffer in
            let node = #"{"kind":"ndarray","dtype":\#(dtype),"shape":[3,5]}"#
            return ContractCase("ndarray-\(name)", node, node, ["values \(buffer) [3, 5]"])
        }
        + [[], [0], [2, 0, 3], [1, 1, 1, 1]].map { shape in
            let node = #"{"kind":"ndarray","dtype":"<i8","shape":[\#(shape.map { "\($0)" }.joined(separator: ","))]}"#
            return ContractCase("ndarray-\(shape.count)d", node, node, ["values <i8 \(shape)"])
        }

    /// A series with each kind of labels.
    private static let series: [ContractCase] = [
        series("range", "3", #"{"range":[0,3,1]}"#, [], .integers([0, 1, 2])),
        series("range-step", #"{"range":[7,1,-2]}"#, #"{"range":[7,1,-2]}"#, [], .integers([7, 5, 3])),
        series(
            "integers",
            "[3,-1,2]",
            #"{"dtype":"<i8","size":3,"buffer":"index"}"#,
            ["index <i8 [3]"],
            .integers([3, -1, 2])
        ),
        series(
            "uint8",
            #"{"dtype":"uint8","data":[3,255]}"#,
            #"{"dtype":"|u1","size":2,"buffer":"index"}"#,
            ["index |u1 [2]"],
            .integers([3, 255])
        ),
        series(
            "uint64",
            "[1,18446744073709551615]",
            #"{"dtype":"<u8","size":2,"buffer":"index"}"#,
            ["index <u8 [2]"],
            .unsigned([1, .max])
        ),
        series(
            "floats",
            "[0.5,2]",
            #"{"dtype":"<f8","size":2,"buffer":"index"}"#,
            ["index <f8 [2]"],
            .numbers([0.5, 2])
        ),
        series(
            "float16",
            #"{"dtype":"float16","data":[0.5,"Infinity"]}"#,
            #"{"dtype":"<f2","size":2,"buffer":"index"}"#,
            ["index <f2 [2]"],
            .numbers([0.5, .infinity])
        ),
        series(
            "bools",
            "[true,false]",
            #"{"dtype":"|b1","size":2,"buffer":"index"}"#,
            ["index |b1 [2]"],
            .flags([true, false])
        ),
        series(
            "texts",
            #"["a","","ö"]"#,
            #"{"dtype":"str","size":3,"nbytes":3,"buffer":"index"}"#,
            ["index/offsets <i8 [4]", "index/bytes |u1 [3]"],
            .texts(["a", "", "ö"])
        ),
        series(
            "named",
            #"{"dtype":"str","data":["x"],"name":"ticker"}"#,
            #"{"dtype":"str","size":1,"nbytes":1,"buffer":"index","name":"ticker"}"#,
            ["index/offsets <i8 [2]", "index/bytes |u1 [1]"],
            .texts(["x"])
        ),
        series(
            "instants",
            #"{"dtype":"datetime64[s]","data":["1970-01-02","NaT"]}"#,
            #"{"dtype":"<M8[s]","size":2,"buffer":"index"}"#,
            ["index <M8[s] [2]"],
            .instants([86_400, .min], unit: TimeUnit(.second), zone: nil)
        ),
        series(
            "instants-of-a-zone",
            #"{"dtype":"datetime64[ms]","tz":"Europe/Berlin","data":["1970-01-02T01:00"]}"#,
            #"{"dtype":"<M8[ms]","tz":"Europe/Berlin","size":1,"buffer":"index"}"#,
            ["index <M8[ms] [1]"],
            .instants([86_400_000], unit: TimeUnit(.millisecond), zone: "Europe/Berlin")
        ),
        series(
            "days",
            #"{"dtype":"datetime64[ns]","start":"1970-01-01","periods":2,"freq":"1D"}"#,
            #"{"dtype":"<M8[ns]","size":2,"buffer":"index"}"#,
            ["index <M8[ns] [2]"],
            .instants([0, 86_400_000_000_000], unit: TimeUnit(.nanosecond), zone: nil)
        ),
        series(
            "durations",
            #"{"dtype":"timedelta64[us]","data":["PT1S",-5]}"#,
            #"{"dtype":"<m8[us]","size":2,"buffer":"index"}"#,
            ["index <m8[us] [2]"],
            .durations([1_000_000, -5], unit: TimeUnit(.microsecond))
        ),
        series("none", "[]", #"{"range":[0,0,1]}"#, [], .integers([])),
        series(
            "no-texts",
            #"{"dtype":"str","data":[]}"#,
            #"{"dtype":"str","size":0,"nbytes":0,"buffer":"index"}"#,
            ["index/offsets <i8 [1]", "index/bytes |u1 [0]"],
            .texts([])
        ),
        ContractCase(
            "series-of-instants",
            #"{"kind":"series","dtype":"datetime64[ns, UTC]","index":2,"name":"at"}"#,
            #"{"kind":"series","name":"at","dtype":"<M8[ns]","tz":"UTC","index":{"range":[0,2,1]}}"#,
            ["values <M8[ns] [2]"],
            ["index": .integers([0, 1])]
        ),
    ]

    private static func series(
        _ name: String,
        _ index: String,
        _ canonical: String,
        _ buffers: [String],
        _ values: LabelValues
    ) -> ContractCase {
        ContractCase(
            "series-\(name)",
            #"{"kind":"series","dtype":"float32","index":\#(index)}"#,
            #"{"kind":"series","name":null,"dtype":"<f4","index":\#(canonical)}"#,
            ["values <f4 [\(values.count)]"] + buffers,
            ["index": values]
        )
    }

    private static let frames: [ContractCase] = [
        ContractCase(
            "dataframe",
            #"{"kind":"dataframe","dtypes":[["a","f4"],["b","i4"],["c/d%","f4"],["é","datetime64[ns, UTC]"]],"#
                + #""index":["x","y"]}"#,
            #"{"kind":"dataframe","columns":[{"name":"a","dtype":"<f4"},{"name":"b","dtype":"<i4"},"#
                + #"{"name":"c/d%","dtype":"<f4"},{"name":"é","dtype":"<M8[ns]","tz":"UTC"}],"#
                + #""index":{"dtype":"str","size":2,"nbytes":2,"buffer":"index"}}"#,
            [
                "columns/a <f4 [2]", "columns/c%2Fd%25 <f4 [2]", "columns/b <i4 [2]", "columns/é <M8[ns] [2]",
                "index/offsets <i8 [3]", "index/bytes |u1 [2]",
            ],
            ["index": .texts(["x", "y"])]
        ),
        ContractCase(
            "dataframe-without-columns",
            #"{"kind":"dataframe","columns":[],"index":2}"#,
            #"{"kind":"dataframe","columns":[],"index":{"range":[0,2,1]}}"#,
            [],
            ["index": .integers([0, 1])]
        ),
    ]

    private static let arrays: [ContractCase] = [
        ContractCase(
            "dataarray-0d",
            #"{"kind":"dataarray","dtype":"f8","dims":[],"coords":{"at":{"dims":[],"data":5}}}"#,
            #"{"kind":"dataarray","name":null,"dtype":"<f8","dims":[],"shape":[],"#
                + #""coords":{"at":{"dims":[],"dtype":"<i8","size":1,"buffer":"coords/at"}}}"#,
            ["values <f8 []", "coords/at <i8 []"],
            ["coords/at": .integers([5])]
        ),
        ContractCase(
            "dataarray-1d",
            #"{"kind":"dataarray","dtype":"bfloat16","dims":["t"],"shape":[3],"name":"rain"}"#,
            #"{"kind":"dataarray","name":"rain","dtype":"bfloat16","dims":["t"],"shape":[3],"coords":{}}"#,
            ["values <u2 [3]"]
        ),
        ContractCase(
            "dataarray-2d",
            #"{"kind":"dataarray","dtype":"f4","dims":["x","y"],"coords":{"y":["a","b","c"],"x":[1.5,2.5]}}"#,
            #"{"kind":"dataarray","name":null,"dtype":"<f4","dims":["x","y"],"shape":[2,3],"coords":{"#
                + #""y":{"dtype":"str","size":3,"nbytes":3,"buffer":"coords/y"},"#
                + #""x":{"dtype":"<f8","size":2,"buffer":"coords/x"}}}"#,
            ["values <f4 [2, 3]", "coords/y/offsets <i8 [4]", "coords/y/bytes |u1 [3]", "coords/x <f8 [2]"],
            ["coords/x": .numbers([1.5, 2.5]), "coords/y": .texts(["a", "b", "c"])]
        ),
        ContractCase(
            "dataarray-3d",
            #"{"kind":"dataarray","dtype":"i2","dims":["x","y","z"],"shape":[2,2,1],"coords":{"#
                + #""a/b":{"dims":["x","y"],"data":[[1,2],[3,4]],"attrs":{"unit":"m"}},"#
                + #""tag":{"dims":["z","x"],"dtype":"str","data":[["p","qq"]]},"x":{"range":[2]}}}"#,
            #"{"kind":"dataarray","name":null,"dtype":"<i2","dims":["x","y","z"],"shape":[2,2,1],"coords":{"#
                + #""a/b":{"dims":["x","y"],"dtype":"<i8","size":4,"buffer":"coords/a%2Fb","attrs":{"unit":"m"}},"#
                + #""tag":{"dims":["z","x"],"dtype":"str","size":2,"nbytes":3,"buffer":"coords/tag"},"#
                + #""x":{"range":[0,2,1]}}}"#,
            [
                "values <i2 [2, 2, 1]", "coords/a%2Fb <i8 [2, 2]", "coords/tag/offsets <i8 [3]",
                "coords/tag/bytes |u1 [3]",
            ],
            [
                "coords/a%2Fb": .integers([1, 2, 3, 4]), "coords/tag": .texts(["p", "qq"]),
                "coords/x": .integers([0, 1]),
            ]
        ),
    ]

    private static let nested: [ContractCase] = [
        ContractCase(
            "struct",
            #"{"kind":"struct","members":{"b/s":{"kind":"bytes","size":3},"#
                + #""s":{"kind":"series","dtype":"f8","index":[4,5]}}}"#,
            #"{"kind":"struct","members":{"b/s":{"kind":"bytes","size":3},"#
                + #""s":{"kind":"series","name":null,"dtype":"<f8","#
                + #""index":{"dtype":"<i8","size":2,"buffer":"index"}}}}"#,
            ["members/b%2Fs/values |u1 [3]", "members/s/values <f8 [2]", "members/s/index <i8 [2]"],
            ["members/s/index": .integers([4, 5])]
        ),
        ContractCase(
            "empty-struct",
            #"{"kind":"struct","members":{}}"#,
            #"{"kind":"struct","members":{}}"#,
            []
        ),
        ContractCase(
            "list",
            #"{"kind":"list","item":{"kind":"series","dtype":"f4","index":["k"]},"count":2}"#,
            #"{"kind":"list","item":{"kind":"series","name":null,"dtype":"<f4","#
                + #""index":{"dtype":"str","size":1,"nbytes":1,"buffer":"index"}},"count":2}"#,
            [
                "items/0/values <f4 [1]", "items/0/index/offsets <i8 [2]", "items/0/index/bytes |u1 [1]",
                "items/1/values <f4 [1]", "items/1/index/offsets <i8 [2]", "items/1/index/bytes |u1 [1]",
            ],
            ["items/0/index": .texts(["k"]), "items/1/index": .texts(["k"])]
        ),
        ContractCase(
            "nested",
            #"{"kind":"list","item":{"kind":"struct","members":{"m":{"kind":"list","#
                + #""item":{"kind":"ndarray","dtype":"i1","shape":[2]},"count":2},"#
                + #""f":{"kind":"dataframe","columns":[{"name":"c","dtype":"f8"}],"index":1}}},"count":2}"#,
            #"{"kind":"list","item":{"kind":"struct","members":{"m":{"kind":"list","#
                + #""item":{"kind":"ndarray","dtype":"|i1","shape":[2]},"count":2},"#
                + #""f":{"kind":"dataframe","columns":[{"name":"c","dtype":"<f8"}],"index":{"range":[0,1,1]}}}},"count":2}"#,
            (0..<2).flatMap {
                [
                    "items/\($0)/members/m/items/0/values |i1 [2]", "items/\($0)/members/m/items/1/values |i1 [2]",
                    "items/\($0)/members/f/columns/c <f8 [1]",
                ]
            },
            ["items/1/members/f/index": .integers([0])]
        ),
    ]
}

extension LabelValues {
    fileprivate var count: Int {
        switch self {
        case .integers(let values): values.count
        case .unsigned(let values): values.count
        case .numbers(let values): values.count
        case .flags(let values): values.count
        case .texts(let values): values.count
        case .instants(let values, _, _): values.count
        case .durations(let values, _): values.count
        }
    }
}
