internal import Documents

/// Writes Prometheus' text format, version 0.0.4: for each family HELP and TYPE, then its samples.
///
/// Label values are texts of ours, which need no escape.
struct MetricsText: ~Copyable {
    /// What a family counts.
    enum Kind {
        case counter
        case gauge
        case histogram

        var text: StaticString {
            switch self {
            case .counter: "counter"
            case .gauge: "gauge"
            case .histogram: "histogram"
            }
        }
    }

    private(set) var buffer = ByteBuffer(capacity: 16 << 10)
    private var name: StaticString = ""

    /// Begins a family; its samples follow.
    mutating func family(_ name: StaticString, _ kind: Kind, _ help: StaticString) {
        self.name = name
        buffer.append("# HELP ")
        buffer.append(name)
        buffer.append(" ")
        buffer.append(help)
        buffer.append("\n# TYPE ")
        buffer.append(name)
        buffer.append(" ")
        buffer.append(kind.text)
        buffer.append("\n")
    }

    /// A sample of the family, `suffix` behind its name.
    mutating func sample(_ value: Int, _ labels: [(StaticString, String)] = [], suffix: StaticString = "") {
        begin(labels, suffix)
        buffer.appendDecimal(Int64(value))
        buffer.append("\n")
    }

    /// A sample that is no whole number.
    mutating func sample(_ value: Double, _ labels: [(StaticString, String)] = [], suffix: StaticString = "") {
        begin(labels, suffix)
        buffer.appendDecimal(value)
        buffer.append("\n")
    }

    /// A family of one sample without labels.
    mutating func single(_ name: StaticString, _ kind: Kind, _ value: Int, _ help: StaticString) {
        family(name, kind, help)
        sample(value)
    }

    /// A family of one sample without labels.
    mutating func single(_ name: StaticString, _ kind: Kind, _ value: Double, _ help: StaticString) {
        family(name, kind, help)
        sample(value)
    }

    private mutating func begin(_ labels: [(StaticString, String)], _ suffix: StaticString) {
        buffer.append(name)
        buffer.append(suffix)
        if !labels.isEmpty {
            for (index, (name, value)) in labels.enumerated() {
                if index == 0 { buffer.append("{") } else { buffer.append(",") }
                buffer.append(name)
                buffer.append("=\"")
                buffer.append(value)
                buffer.append("\"")
            }
            buffer.append("}")
        }
        buffer.append(" ")
    }

    /// The text.
    consuming func finish() -> ByteBuffer { buffer }
}
