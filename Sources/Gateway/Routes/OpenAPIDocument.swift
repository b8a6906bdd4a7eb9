internal import MicroHTTP

/// `openapi.yaml`, compiled in.
enum OpenAPIDocument {
    /// The bytes, which stay, unchanged, for as long as the process.
    nonisolated(unsafe) private static let bytes: UnsafeRawBufferPointer = {
        let source = PackageResources.openapi_yaml
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: source.count, alignment: 1)
        copy.copyBytes(from: source)
        return UnsafeRawBufferPointer(copy)
    }()

    /// The answer to `GET /openapi.yaml`.
    static var response: Response {
        Response(status: 200, headers: [("Content-Type", "application/yaml")], body: .fixed(bytes))
    }
}
