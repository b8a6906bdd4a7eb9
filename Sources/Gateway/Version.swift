/// What runs.
package enum Version {
    /// As `--version` and the metrics say it.
    package static let current = "0.1.0"
}
