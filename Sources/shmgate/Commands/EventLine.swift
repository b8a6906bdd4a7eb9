import Documents
import Layouts
import Segments

/// An event as it is printed.
struct EventLine {
    private let time: String
    private let event: ServerEvent
    /// Its name, in the event or known from elsewhere; none where all names are meant.
    private let name: String?

    init(_ event: ServerEvent, of segment: String?) {
        var text = ByteBuffer()
        DateTime.append(Clock.unixNs() / 1_000_000, unit: TimeUnit(.millisecond), isPadded: true, to: &text)
        time = text.text + "Z"
        self.event = event
        name = event.data.text("name") ?? segment
    }

    /// What happened when to whom, then what the event says itself.
    var json: JSONValue {
        var object: JSONObject = ["time": .string(time), "event": .string(event.type)]
        if let name { object.members.append(.init(name: "name", value: .string(name))) }
        object.members += event.data.members.filter { $0.name != "name" }
        return .object(object)
    }

    /// The same for people, in columns; of a selection the values alone.
    var text: String {
        var words = [Output.coloured(time, 2), TerminalText.left(event.type, 7)]
        if let name { words.append(name) }
        if let sequence = event.data.integer("sequence") { words.append("\(sequence)") }
        if case .bool(true)? = event.data["damaged"] { words.append(Output.coloured("damaged", 33)) }
        if let value = event.data["value"] { words.append(TerminalText.visible(Output.text(Self.values(value)))) }
        if case .object(let problem)? = event.data["problem"] {
            let text = [problem.text("code"), problem.text("detail")].compactMap(\.self).joined(separator: ": ")
            words.append(Output.coloured(TerminalText.visible(text), 33))
        }
        return words.joined(separator: "  ")
    }

    private static func values(_ value: JSONValue) -> JSONValue {
        if case .object(let object) = value { object["data"] ?? value } else { value }
    }
}
