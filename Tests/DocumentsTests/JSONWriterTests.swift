import Documents
import Testing

@Suite struct JSONWriterTests {
    @Test("commas stand between members and elements, and nowhere else")
    func commas() {
        let written = document { json in
            json.beginObject()
            json.key("empty")
            json.beginObject()
            json.endObject()
            json.key("none")
            json.beginArray()
            json.endArray()
            json.key("all \("\n")")
            json.beginArray()
            json.integer(-1)
            json.unsigned(.max)
            json.double(1)
            json.bool(true)
            json.bool(false)
            json.null()
            json.string("a:")
            json.beginArray()
            json.beginArray()
            json.endArray()
            json.null()
            json.endArray()
            json.beginObject()
            json.key("k,")
            json.string("[")
            json.key("l")
            json.integer(0)
            json.endObject()
            json.endArray()
            json.key("last")
            json.null()
            json.endObject()
        }
        #expect(
            written == #"{"empty":{},"none":[],"all \n":[-1,18446744073709551615,1.0,true,false,null,"a:",[[],null],"#
                + #"{"k,":"[","l":0}],"last":null}"#
        )
    }

    @Test("values that are JSON already, or are appended to the buffer, take part in the commas")
    func raw() {
        let written = document { json in
            json.beginArray()
            json.raw("{\"a\": 1} ")
            json.raw("2")
            Array("[3]".utf8).withUnsafeBytes { json.raw($0) }
            json.integer(4)
            json.beginObject()
            json.key("a")
            json.buffer.append("[5,6]")
            json.key("b")
            json.raw("7")
            json.endObject()
            json.beginArray()
            json.buffer.append("8,9")
            json.integer(10)
            json.endArray()
            json.endArray()
        }
        #expect(written == #"[{"a": 1} ,2,[3],4,{"a":[5,6],"b":7},[8,9,10]]"#)
    }

    @Test(
        "a tree is written as it was read",
        arguments: [
            "null", "true", "[]", "{}", "\"\\\"ä\"", "-0.0", "1.0", "9223372036854775807", "18446744073709551615",
            #"{"b":[1,2.5,{"a":null}],"a":{"":"\n"}}"#, "[[[]],[{}],\"\"]",
        ]
    )
    func trees(text: String) throws {
        let value = try tree(text)
        #expect(document { $0.value(value) } == text)
    }

    @Test("a number that no double holds, or that is not finite, becomes null in a tree")
    func notFinite() {
        let values: [JSONValue] = [.number(.overflow), .number(.double(.nan)), .number(.double(-.infinity))]
        #expect(document { $0.value(.array(values)) } == "[null,null,null]")
    }

    @Test("a document that is not closed, or is closed twice, is our bug")
    func unbalanced() async {
        await #expect(processExitsWith: .failure) { _ = document { $0.beginArray() } }
        await #expect(processExitsWith: .failure) { _ = document { $0.endObject() } }
    }
}
