internal import Documents
internal import MicroHTTP
internal import Segments

/// What happens to the segment of one name, for one client: the difference between what it was told and what is.
final class SegmentFeed: EventFeed {
    private let hub: EventHub
    private let channel: Channel
    private let listener: StreamListener
    private let values: EventValues?
    /// What the client knows; nil if it was told that the name leads nowhere.
    private var told: EntityTag?
    /// Why what the name leads to cannot be read, if that is what it was told last.
    private var toldFault: SegmentError?

    /// Begins behind what the client knows.
    init(
        _ name: SegmentName,
        behind told: EntityTag,
        _ values: EventValues?,
        _ listener: StreamListener,
        _ hub: EventHub
    ) throws {
        self.hub = hub
        self.told = told
        self.values = values
        self.listener = listener
        channel = try hub.watch(name, listener)
    }

    deinit { hub.leave(channel, listener) }

    func next() -> FedEvent {
        let (now, fault) = channel.view
        guard let now else { return fault.map(unreadable) ?? unlinked() }
        if toldFault == nil, let told, told.uuid == now.uuid, told.sequence >= now.sequence { return .nothing }
        guard let values else { return event(now, nil, nil) }
        switch values.next() {
        case .coming: return .nothing
        case .busy: return .later(milliseconds: Self.patienceMilliseconds)
        case .value(let value):
            guard value.tag.uuid == now.uuid else {
                // The name was given away and the channel does not know yet.
                channel.refresh()
                return .later(milliseconds: 0)
            }
            return event(value.tag, value, nil)
        case .failed(SegmentError.noSuchSegment):
            channel.refresh()
            return .later(milliseconds: 0)
        case .failed(let error): return event(now, nil, Problem(error))
        }
    }

    private static let patienceMilliseconds: Int64 = 50

    private func unlinked() -> FedEvent {
        toldFault = nil
        guard let gone = told else { return .nothing }
        told = nil
        return event("unlink") { json in
            json.key("uuid")
            json.string("\(gone.uuid)")
        }
    }

    private func unreadable(_ fault: SegmentError) -> FedEvent {
        if toldFault == fault { return .nothing }
        toldFault = fault
        return event("unreadable") { $0.problem(Problem(fault)) }
    }

    private func event(_ type: StaticString, _ members: (inout JSONWriter) -> Void) -> FedEvent {
        var text = EventText(type, id: nil)
        text.data { json in
            json.beginObject()
            members(&json)
            json.endObject()
        }
        return .event(text.finish(), nil)
    }

    /// A change, or a replacement where the client knows another segment, or none.
    private func event(_ now: EntityTag, _ value: EventValue?, _ problem: Problem?) -> FedEvent {
        let isReplacement = told?.uuid != now.uuid || toldFault != nil
        (told, toldFault) = (now, nil)
        var text = EventText(isReplacement ? "replace" : "change", id: now.id)
        text.data { json in
            json.beginObject()
            json.key("sequence")
            json.unsigned(now.sequence)
            if isReplacement {
                json.key("uuid")
                json.string("\(now.uuid)")
            }
            if value?.isDamaged == true {
                json.key("damaged")
                json.bool(true)
            }
            if let value {
                json.key("value")
                value.json.withUnsafeBytes { json.raw($0) }
            }
            if let problem { json.problem(problem) }
            json.endObject()
        }
        return .event(text.finish(), value?.reservation)
    }
}

extension JSONWriter {
    /// A member `problem` with what a refusal says.
    fileprivate mutating func problem(_ problem: Problem) {
        key("problem")
        beginObject()
        key("code")
        string(problem.code.rawValue)
        key("detail")
        string(problem.detail)
        endObject()
    }
}
