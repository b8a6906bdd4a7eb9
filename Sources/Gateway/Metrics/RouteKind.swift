/// A route without the names in it, as metrics and log lines have it: no metric tells what segments there are.
enum RouteKind: Int, CaseIterable {
    case none
    case segments
    case segment
    case repair
    case data
    case stats
    case segmentEvents
    case events
    case reads
    case writes
    case zarr
    case layouts
    case layout
    case liveness
    case readiness
    case metrics
    case description
    case root
    case console

    /// As in `openapi.yaml`; nothing for a target that is no route.
    var text: StaticString {
        switch self {
        case .none: ""
        case .segments: "/segments"
        case .segment: "/segments/{name}"
        case .repair: "/segments/{name}/repair"
        case .data: "/segments/{name}/data"
        case .stats: "/segments/{name}/stats"
        case .segmentEvents: "/segments/{name}/events"
        case .events: "/events"
        case .reads: "/query"
        case .writes: "/patch"
        case .zarr: "/zarr/{name}"
        case .layouts: "/layouts"
        case .layout: "/layouts/{kind}"
        case .liveness: "/healthz"
        case .readiness: "/readyz"
        case .metrics: "/metrics"
        case .description: "/openapi.yaml"
        case .root: "/"
        case .console: "/console/{file}"
        }
    }
}

extension Route {
    /// Which one it is.
    var kind: RouteKind {
        switch self {
        case .segments: .segments
        case .segment: .segment
        case .repair: .repair
        case .data: .data
        case .stats: .stats
        case .segmentEvents: .segmentEvents
        case .events: .events
        case .reads: .reads
        case .writes: .writes
        case .zarr: .zarr
        case .layouts: .layouts
        case .layout: .layout
        case .liveness: .liveness
        case .readiness: .readiness
        case .metrics: .metrics
        case .description: .description
        case .root: .root
        case .console: .console
        }
    }
}
