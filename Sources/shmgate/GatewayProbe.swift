import Documents
import Glibc
import MicroHTTP
import Segments

/// Asks a running gateway to create, write, read and remove a segment, and looks whether its file is the one seen here.
struct GatewayProbe {
    private static let subject = "gateway"
    private static let layout = #"{"kind": "ndarray", "dtype": "<i8", "shape": [4]}"#

    private let client: HTTPClient
    /// Whether somebody said where it is, so that its absence is a failure.
    private let isExpected: Bool
    /// The directory as it is seen here; nil if it cannot be used.
    private let directory: SegmentDirectory?
    /// A name that nobody else gives.
    private let name = "shmgate-doctor-\(UUID.random())"

    init(_ client: HTTPClient, isExpected: Bool, directory: SegmentDirectory?) {
        self.client = client
        self.isExpected = isExpected
        self.directory = directory
    }

    /// What was found; the segment is gone when this returns, whatever went wrong.
    func findings() -> [Finding] {
        do {
            _ = try client.send("GET", "/healthz")
        } catch {
            let expected = "a gateway at \(client.address)"
            let advice = "start one with shmgate serve, or say where it is with --listen or --url"
            let found = "none answers: \(error)"
            return [
                isExpected
                    ? .fail(Self.subject, found, expected: expected, advice: advice)
                    : .warn(Self.subject, found, expected: expected, advice: advice)
            ]
        }
        var findings: [Finding] = []
        // Also where the creation seems to have failed: its answer may be what got lost.
        var mayBeThere = true
        do {
            findings = try exercise(&mayBeThere)
        } catch {
            findings = [failure("it does not answer any more: \(error)")]
        }
        if mayBeThere { findings += removal() }
        return findings
    }

    private func exercise(_ mayBeThere: inout Bool) throws -> [Finding] {
        let json = [("Content-Type", "application/json")]
        let raw = [("Content-Type", "application/octet-stream")]
        let order = #"{"name": "\#(name)", "layout": \#(Self.layout), "ttl": 600}"#
        let created = try client.send("POST", "/segments", headers: json, body: Array(order.utf8))
        guard created.status == 201 else {
            mayBeThere = created.status >= 500
            return [refusal("a creation", created)]
        }
        let description = Place(created.body)
        let bytes = (0..<32).map { UInt8($0 * 7 % 251) }
        let written = try client.send("PATCH", "/segments/\(name)/data", headers: raw, body: bytes)
        guard written.status == 204 else { return [refusal("a write", written)] }
        let read = try client.send("GET", "/segments/\(name)/data?format=raw")
        guard read.status == 200 else { return [refusal("a read", read)] }
        guard read.body == bytes else { return [failure("what it gives is not what was written")] }
        let worked = "create, write and read back work at \(client.address)"
        return [.ok(Self.subject, worked)] + sameDirectory(description, bytes)
    }

    /// Compares the file that is seen here under the name with what the gateway says of its own.
    private func sameDirectory(_ place: Place?, _ bytes: [UInt8]) -> [Finding] {
        let subject = "same directory"
        guard let directory, let place else { return [] }
        let advice = "give both the same --directory; for a container share the host's with -v /dev/shm:/dev/shm"
        let expected = "the gateway's segments under \(directory.path)"
        do {
            let segment = try directory.load(SegmentName(name))
            let isSame =
                segment.uuid.description == place.uuid && segment.status.device == place.device
                && segment.status.inode == place.inode
            guard isSame else {
                return [.warn(subject, "a file of this name is another one here", expected: expected, advice: advice)]
            }
            var copy = [UInt8](repeating: 0, count: bytes.count)
            let range = segment.dataOffset..<(segment.dataOffset + bytes.count)
            segment.withBytes(range) { span in
                for index in copy.indices { copy[index] = span.unsafeLoad(fromByteOffset: index, as: UInt8.self) }
            }
            guard copy == bytes else {
                return [.fail(subject, "the same file with other bytes", expected: expected, advice: advice)]
            }
            return [.ok(subject, "device, inode, uuid and bytes of the gateway's segment are those seen here")]
        } catch {
            return [
                .warn(
                    subject,
                    "the gateway's segment is not seen under \(directory.path): \(error)",
                    expected: expected,
                    advice: advice
                )
            ]
        }
    }

    private func removal() -> [Finding] {
        for _ in 0..<3 {
            guard let answer = try? client.send("DELETE", "/segments/\(name)") else { continue }
            switch answer.status {
            case 204, 404: return []
            case 503: continue
            default: return [refusal("an unlink", answer, "; \(name) is still there and expires in ten minutes")]
            }
        }
        return [failure("\(name) could not be removed; it expires in ten minutes")]
    }

    private func failure(_ found: String) -> Finding {
        .fail(
            Self.subject,
            found,
            expected: "a gateway that creates, writes, reads and unlinks",
            advice: "look at its log"
        )
    }

    /// What an answer says that is not the one that was hoped for.
    private func refusal(_ what: String, _ answer: HTTPClient.Answer, _ rest: String = "") -> Finding {
        let member = Self.object(answer.body)?["detail"]
        let detail = if case .string(let text) = member { ": \(text)" } else { "" }
        let advice =
            switch answer.status {
            case 401: "put a token into the environment variable SHMGATE_TOKEN"
            case 403: "use a token with the rights create, write, read and unlink for this name"
            case 507: "free shared memory: shmgate gc --older-than AGE; or raise the limit that is named"
            default: "look at its log"
            }
        return .fail(
            Self.subject,
            "\(what) was answered \(answer.status)\(detail)\(rest)",
            expected: "a gateway that creates, writes, reads and unlinks",
            advice: advice
        )
    }

    /// Which file the gateway says that the segment is.
    private struct Place {
        let uuid: String
        let device: UInt64
        let inode: UInt64

        init?(_ description: [UInt8]) {
            guard let object = GatewayProbe.object(description), case .string(let uuid) = object["uuid"],
                case .object(let mmap) = object["mmap"], case .number(.integer(let device)) = mmap["dev"],
                case .number(.integer(let inode)) = mmap["ino"]
            else { return nil }
            self.uuid = uuid
            self.device = UInt64(clamping: device)
            self.inode = UInt64(clamping: inode)
        }
    }

    private static func object(_ bytes: [UInt8]) -> JSONObject? {
        bytes.withUnsafeBytes { raw in
            var reader = JSONReader(raw)
            guard let value = try? reader.value(), case .object(let object) = value else { return nil }
            return object
        }
    }
}
