// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "shmgate",
    products: [
        .library(name: "Segments", targets: ["Segments"]),
        .library(name: "Layouts", targets: ["Layouts"]),
        .executable(name: "shmgate", targets: ["shmgate"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    ],
    targets: [
        .systemLibrary(
            name: "CMicroHTTPD",
            pkgConfig: "libmicrohttpd",
            providers: [.apt(["libmicrohttpd-dev"])]
        ),
        .systemLibrary(name: "CGnuTLS", pkgConfig: "gnutls", providers: [.apt(["libgnutls28-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
        // Nobody calls it by an import: libmicrohttpd finds its function when the program is linked.
        .target(name: "CEventWait"),
        .target(name: "CSegment"),
        .target(name: "CTimeZone", linkerSettings: [.linkedLibrary("cctz")]),
        .target(name: "Codings", dependencies: ["CLZ4", "CZlib", "CZstd"], swiftSettings: strict),
        .target(name: "Documents", swiftSettings: strict),
        .target(name: "Locks", swiftSettings: strict),
        .target(name: "Secrets", dependencies: ["CGnuTLS"], swiftSettings: strict),
        .target(name: "Segments", dependencies: ["CSegment", "CZlib", "Locks"], swiftSettings: strict),
        .target(name: "Layouts", dependencies: ["CTimeZone", "Documents", "Locks", "Segments"], swiftSettings: strict),
        .target(
            name: "Representations",
            dependencies: ["Codings", "Documents", "Layouts", "Locks"],
            swiftSettings: strict
        ),
        .target(
            name: "MicroHTTP",
            dependencies: ["CEventWait", "CGnuTLS", "CMicroHTTPD", "Locks"],
            swiftSettings: strict
        ),
        .target(
            name: "Gateway",
            dependencies: [
                "Codings", "Documents", "Layouts", "Locks", "MicroHTTP", "Representations", "Secrets", "Segments",
                .product(name: "Logging", package: "swift-log"),
            ],
            resources: [.embedInCode("openapi.yaml"), .embedInCode("Console/Assets")],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "shmgate",
            dependencies: [
                "Documents", "Gateway", "Layouts", "MicroHTTP", "Segments",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "OrderBookExample",
            dependencies: ["Layouts", "Segments"],
            path: "Examples/Swift/OrderBook",
            swiftSettings: strict
        ),
        .executableTarget(
            name: "ContractSide",
            dependencies: ["Documents", "Layouts", "Segments"],
            path: "Tests/ContractSide",
            swiftSettings: strict
        ),
        .executableTarget(
            name: "ChaosSide",
            dependencies: ["Layouts", "Segments"],
            path: "Tests/Chaos/Side",
            swiftSettings: strict
        ),
        .target(
            name: "FuzzTargets",
            dependencies: ["CZlib", "Documents", "Layouts", "Representations", "Segments"],
            path: "Tests/Chaos/Fuzz/Targets",
            swiftSettings: strict
        ),
        .target(
            name: "TestSupport",
            dependencies: ["Locks", "Segments"],
            path: "Tests/TestSupport",
            swiftSettings: strict
        ),
        .testTarget(name: "CodingsTests", dependencies: ["Codings", "TestSupport"], swiftSettings: strict),
        .testTarget(name: "DocumentsTests", dependencies: ["Documents", "TestSupport"], swiftSettings: strict),
        .testTarget(name: "FuzzTests", dependencies: ["FuzzTargets", "TestSupport"], swiftSettings: strict),
        .testTarget(name: "ProtocolModelTests", swiftSettings: strict),
        .testTarget(
            name: "SegmentsTests",
            dependencies: ["CSegment", "Locks", "Segments", "TestSupport"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "LayoutsTests",
            dependencies: ["Documents", "Layouts", "OrderBookExample", "Segments", "TestSupport"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "RepresentationsTests",
            dependencies: ["Documents", "Layouts", "Representations", "Segments", "TestSupport"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "MicroHTTPTests",
            dependencies: ["Locks", "MicroHTTP", "TestSupport"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "GatewayTests",
            dependencies: [
                "Documents", "Gateway", "Layouts", "Locks", "MicroHTTP", "Segments", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict
        ),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17
)

// The fuzzer needs a library of the compiler that only a build with the fuzzer's instruments has; Tests/Chaos/fuzz.py
// makes one.
if Context.environment["SHMGATE_FUZZ"] != nil {
    package.targets += [
        .systemLibrary(name: "CFuzzer", path: "Tests/Chaos/Fuzz/CFuzzer"),
        .executableTarget(
            name: "Fuzzer",
            dependencies: ["CFuzzer", "FuzzTargets"],
            path: "Tests/Chaos/Fuzz/Driver",
            swiftSettings: strict,
            linkerSettings: [.linkedLibrary("m"), .linkedLibrary("stdc++")]
        ),
    ]
}

// What `make bench` measures of the libraries; nobody else builds it.
if Context.environment["SHMGATE_BENCH"] != nil {
    package.targets.append(
        .executableTarget(
            name: "LocalBenchmark",
            dependencies: ["Documents", "Layouts", "Representations", "Segments"],
            path: "Benchmarks/Local",
            swiftSettings: strict
        )
    )
}
