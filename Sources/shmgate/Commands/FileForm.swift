/// What a file is, by its name.
enum FileForm: String {
    case npy
    case arrow
    case csv
    case json

    /// Of a path; nil if its ending is none of these.
    init?(path: String) {
        let name = path.split(separator: "/").last ?? ""
        guard let dot = name.lastIndex(of: "."), dot > name.startIndex else { return nil }
        switch name[name.index(after: dot)...] {
        case "npy": self = .npy
        case "arrow", "feather", "ipc": self = .arrow
        case "csv": self = .csv
        case "json": self = .json
        default: return nil
        }
    }

    /// How a gateway calls it.
    var format: String { self == .arrow ? "arrow-file" : rawValue }

    /// Its type in a body.
    var mediaType: String {
        switch self {
        case .npy: "application/x-npy"
        case .arrow: "application/vnd.apache.arrow.file"
        case .csv: "text/csv"
        case .json: "application/json"
        }
    }
}
