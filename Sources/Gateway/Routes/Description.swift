internal import Documents
internal import Layouts
internal import Segments

/// What a GET of a segment answers.
struct Description {
    let open: OpenSegment
    let vitals: Vitals
    let status: FileStatus
    let isPinned: Bool
    let restoration: Restoration?
    /// Who maps the segment; only for those who ask, for it takes a walk through the processes.
    var attachment: Attachment?

    /// Reads the state of now; never waits for a writer.
    init(_ open: OpenSegment, restoration: Restoration?) throws {
        self.open = open
        self.restoration = restoration
        vitals = try open.segment.vitals()
        status = try open.segment.currentStatus() ?? open.segment.status
        // A pin is a second name.
        isPinned = status.linkCount > 1 && open.segment.isPinned
    }

    /// All of it that changes, but for who maps the segment.
    struct Facts: Equatable {
        let vitals: Vitals
        let device: UInt64
        let inode: UInt64
        let mode: UInt32
        let uid: UInt32
        let gid: UInt32
        let isPinned: Bool
        let restoration: Restoration?
    }

    /// What of it changes now and then.
    var facts: Facts {
        Facts(
            vitals: vitals,
            device: status.device,
            inode: status.inode,
            mode: status.mode,
            uid: status.uid,
            gid: status.gid,
            isPinned: isPinned,
            restoration: restoration
        )
    }

    /// The tag that goes with it.
    var tag: EntityTag { open.tag(vitals.sequence) }

    /// Writes the description as an object.
    func write(to json: inout JSONWriter) {
        let segment = open.segment
        let header = open.header
        let texts = open.fixedTexts
        json.beginObject()
        json.key("name")
        json.string(segment.name.description)
        json.key("uuid")
        json.string(segment.uuid.description)
        json.key("kind")
        json.string(header.layout.kind)
        json.key("nbytes")
        json.integer(Int64(header.arrays.reduce(0) { $0 + $1.byteCount }))
        json.key("size")
        json.integer(Int64(segment.totalBytes))
        json.key("sequence")
        json.unsigned(tag.sequence)
        json.key("created")
        json.instant(segment.createdNs)
        json.key("modified")
        json.instant(vitals.modifiedNs)
        json.key("expires")
        if vitals.expiresNs == 0 { json.null() } else { json.instant(vitals.expiresNs) }
        json.key("mode")
        json.string(octal(status.mode))
        json.key("uid")
        json.integer(Int64(status.uid))
        json.key("gid")
        json.integer(Int64(status.gid))
        json.key("pinned")
        json.bool(isPinned)
        writeRestoration(to: &json)
        json.key("layout")
        texts.layout.withUnsafeBytes { json.raw($0) }
        json.key("attrs")
        json.raw(header.attrs)
        writeWriter(to: &json)
        json.key("mmap")
        json.beginObject()
        json.key("path")
        json.string("\(segment.directoryPath)/\(segment.name)")
        json.key("dev")
        json.unsigned(status.device)
        json.key("ino")
        json.unsigned(status.inode)
        json.key("buffers")
        texts.buffers.withUnsafeBytes { json.raw($0) }
        json.endObject()
        attachment?.write(to: &json)
        json.endObject()
    }

    /// A member that is there only if the name was given back.
    private func writeRestoration(to json: inout JSONWriter) {
        guard let restoration else { return }
        json.key("restored")
        json.beginObject()
        json.key("count")
        json.integer(Int64(restoration.count))
        json.key("last")
        json.instant(restoration.lastNs)
        json.endObject()
    }

    private func writeWriter(to json: inout JSONWriter) {
        json.key("writer")
        json.beginObject()
        json.key("state")
        json.string(vitals.sequence & 1 == 0 ? "idle" : "writing")
        json.key("pid")
        json.unsigned(vitals.writerPid)
        json.key("interrupted_writes")
        json.unsigned(vitals.interruptedWrites)
        json.key("damaged")
        json.bool(vitals.isDamaged)
        json.endObject()
    }

    /// Permission bits as four octal digits.
    private func octal(_ mode: UInt32) -> String {
        let digits = String(mode, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}

extension JSONWriter {
    /// Unix time in nanoseconds as an ISO 8601 instant of UTC.
    mutating func instant(_ unixNs: Int64) {
        var text = ByteBuffer()
        DateTime.append(unixNs, unit: TimeUnit(.nanosecond), to: &text)
        string(text.text + "Z")
    }
}
