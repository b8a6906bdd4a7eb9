internal import MicroHTTP

/// A file of the console, compiled in.
///
/// They lie beside this file in `Assets`, plain HTML, CSS and modules, and go out as they are.
struct ConsoleAsset: Sendable {
    /// Its last part of the path.
    let name: String
    let mediaType: String
    /// The bytes, which stay, unchanged, for as long as the process.
    nonisolated(unsafe) let bytes: UnsafeRawBufferPointer
    /// Changes with the bytes.
    let tag: String

    private init(_ name: String, _ source: [UInt8]) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: source.count, alignment: 1)
        copy.copyBytes(from: source)
        self.name = name
        mediaType = Self.mediaType(of: name)
        bytes = UnsafeRawBufferPointer(copy)
        tag = "\"\(Self.digest(source))\""
    }

    private static func mediaType(of name: String) -> String {
        switch name.split(separator: ".").last {
        case "html": "text/html; charset=utf-8"
        case "css": "text/css; charset=utf-8"
        case "svg": "image/svg+xml"
        default: "text/javascript; charset=utf-8"
        }
    }

    /// FNV-1a of 64 bits: enough to tell one build's file from another's.
    private static func digest(_ bytes: [UInt8]) -> String {
        let value = bytes.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        return String(value, radix: 16)
    }

    /// The file of a name; nil if there is none.
    static func named(_ name: String) -> ConsoleAsset? { byName[name] }

    /// The page itself.
    static let page = ConsoleAsset("index.html", PackageResources.index_html)

    private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })

    private static let all = [
        ConsoleAsset("api.js", PackageResources.api_js),
        ConsoleAsset("app.js", PackageResources.app_js),
        ConsoleAsset("axis.js", PackageResources.axis_js),
        ConsoleAsset("base.css", PackageResources.base_css),
        ConsoleAsset("blocks.js", PackageResources.blocks_js),
        ConsoleAsset("chart.js", PackageResources.chart_js),
        ConsoleAsset("colours.js", PackageResources.colours_js),
        ConsoleAsset("create.js", PackageResources.create_js),
        ConsoleAsset("details.js", PackageResources.details_js),
        ConsoleAsset("dialogs.js", PackageResources.dialogs_js),
        ConsoleAsset("dom.js", PackageResources.dom_js),
        ConsoleAsset("drawpanel.js", PackageResources.drawpanel_js),
        ConsoleAsset("dtypes.js", PackageResources.dtypes_js),
        ConsoleAsset("editing.js", PackageResources.editing_js),
        ConsoleAsset("events.js", PackageResources.events_js),
        ConsoleAsset("exact.js", PackageResources.exact_js),
        ConsoleAsset("format.js", PackageResources.format_js),
        ConsoleAsset("grid.css", PackageResources.grid_css),
        ConsoleAsset("grid.js", PackageResources.grid_js),
        ConsoleAsset("gridpanel.js", PackageResources.gridpanel_js),
        ConsoleAsset("heatpanel.js", PackageResources.heatpanel_js),
        ConsoleAsset("icon.svg", PackageResources.icon_svg),
        ConsoleAsset("keys.js", PackageResources.keys_js),
        ConsoleAsset("list.css", PackageResources.list_css),
        ConsoleAsset("list.js", PackageResources.list_js),
        ConsoleAsset("model.js", PackageResources.model_js),
        ConsoleAsset("otherpanel.js", PackageResources.otherpanel_js),
        ConsoleAsset("plotpanel.js", PackageResources.plotpanel_js),
        ConsoleAsset("reader.js", PackageResources.reader_js),
        ConsoleAsset("refresher.js", PackageResources.refresher_js),
        ConsoleAsset("sample.js", PackageResources.sample_js),
        ConsoleAsset("segment.css", PackageResources.segment_css),
        ConsoleAsset("segmentpage.js", PackageResources.segmentpage_js),
        ConsoleAsset("sliders.js", PackageResources.sliders_js),
        ConsoleAsset("snippets.js", PackageResources.snippets_js),
        ConsoleAsset("theme.js", PackageResources.theme_js),
        ConsoleAsset("token.js", PackageResources.token_js),
    ]
}
