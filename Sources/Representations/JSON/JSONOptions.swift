/// How values that JSON has no word for are spelled in an answer.
package struct JSONOptions: Sendable {
    /// NaN as the string `"NaN"` instead of `null`.
    package var nanAsString = false
    /// 64-bit integers as strings, for readers whose only number is a double.
    package var int64AsString = false
    /// Timedeltas as ISO 8601 text instead of counts of their unit.
    package var timedeltaAsISO = false
    /// Bytes that are no UTF-8 as text with replacement characters instead of `{"base64": …}`.
    package var replacesInvalidText = false

    /// The defaults of the contract.
    package init() {}
}
