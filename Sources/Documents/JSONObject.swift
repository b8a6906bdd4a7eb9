/// The members of an object in their order; no name stands twice.
package struct JSONObject: Sendable, Equatable {
    /// A name and its value.
    package struct Member: Sendable, Equatable {
        /// The name, with its escapes undone.
        package var name: String
        /// What stands behind the colon.
        package var value: JSONValue

        /// A member of an object.
        package init(name: String, value: JSONValue) {
            self.name = name
            self.value = value
        }
    }

    /// In the order of the text.
    package var members: [Member]

    /// An object with these members, whose names differ.
    package init(members: [Member] = []) { self.members = members }

    /// The value of a name, compared by its bytes; nil where there is no such member.
    package subscript(name: String) -> JSONValue? {
        // Swift's == would find "é" in one scalar by "é" in two, which are two names in JSON.
        members.first { $0.name.utf8.elementsEqual(name.utf8) }?.value
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    /// Members in their order.
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self.init(members: elements.map { Member(name: $0.0, value: $0.1) })
    }
}
