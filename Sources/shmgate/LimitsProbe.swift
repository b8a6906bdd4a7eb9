import Documents
import MicroHTTP
import Segments

/// What a running gateway says of its own limits for segments, and how much of them is used.
struct LimitsProbe {
    private static let subject = "limits"
    let client: HTTPClient

    /// A line if there are limits, and the gateway tells of them; what else is wrong, others say.
    func findings() -> [Finding] {
        guard let answer = try? client.send("GET", "/segments?limit=1"), answer.status == 200 else { return [] }
        let document = answer.body.withUnsafeBytes { raw -> JSONValue? in
            var reader = JSONReader(raw)
            return try? reader.value()
        }
        guard case .object(let list) = document, case .object(let capacity) = list["capacity"],
            case .array(let limits) = capacity["limits"], !limits.isEmpty
        else { return [] }
        let uses = limits.compactMap(Use.init)
        let found = uses.map(\.text).joined(separator: "; ")
        if !uses.contains(where: \.isTight) { return [.ok(Self.subject, found)] }
        return [
            .warn(
                Self.subject,
                found,
                expected: "a tenth or more left of each: creations that do not fit are refused with 507",
                advice:
                    "shmgate gc --older-than AGE lists what nobody uses; or raise --max-bytes, --max-segments, --quota"
            )
        ]
    }

    /// One limit; what is used of it is nil where the token may not know.
    private struct Use {
        let text: String
        /// Whether less than a tenth is left.
        let isTight: Bool

        init?(_ value: JSONValue) {
            guard case .object(let limit) = value, case .string(let prefix) = limit["prefix"] else { return nil }
            let bytes = (used: Self.number(limit["used_bytes"]), most: Self.number(limit["max_bytes"]))
            let count = (used: Self.number(limit["used_segments"]), most: Self.number(limit["max_segments"]))
            let words = [
                bytes.most.map { "\(bytes.used.map(readable) ?? "an unknown part") of \(readable($0))" },
                count.most.map { "\(count.used.map(String.init) ?? "an unknown part") of \($0) segments" },
            ]
            text = "\(prefix.isEmpty ? "all" : "\(prefix)*"): \(words.compactMap(\.self).joined(separator: ", "))"
            isTight = Self.isTight(bytes) || Self.isTight(count)
        }

        private static func number(_ value: JSONValue?) -> Int? {
            guard case .number(.integer(let number)) = value else { return nil }
            return Int(number)
        }

        private static func isTight(_ part: (used: Int?, most: Int?)) -> Bool {
            guard let used = part.used, let most = part.most else { return false }
            return most - min(used, most) < max(most / 10, 1)
        }
    }
}
