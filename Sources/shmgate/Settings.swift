import ArgumentParser
import Gateway
import Glibc
import Logging
import MicroHTTP

/// A number of bytes as people write it: `1073741824`, `512MiB`, `1GiB`.
struct ByteCount: ExpressibleByArgument {
    let value: Int

    init?(argument: String) {
        let units = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40), ("B", 0)]
        let unit = units.first { argument.hasSuffix($0.0) }
        let digits = argument.dropLast(unit?.0.count ?? 0)
        guard let number = Int(digits), number >= 0 else { return nil }
        let (value, overflow) = number.multipliedReportingOverflow(by: 1 << (unit?.1 ?? 0))
        if overflow { return nil }
        self.init(value)
    }

    init(_ value: Int) { self.value = value }
}

/// Permission bits in octal.
struct PermissionBits: ExpressibleByArgument {
    let value: UInt32

    init?(argument: String) {
        guard let value = permissionBits(argument) else { return nil }
        self.init(value)
    }

    init(_ value: UInt32) { self.value = value }
}

extension ListenAddress: ExpressibleByArgument {
    package init?(argument: String) { self.init(argument) }
}

/// How much is logged.
struct LogLevel: ExpressibleByArgument {
    let value: Logger.Level

    init?(argument: String) {
        guard let value = Logger.Level(rawValue: argument) else { return nil }
        self.init(value)
    }

    init(_ value: Logger.Level) { self.value = value }
}

/// Whose answers are packed.
struct CompressionRule: ExpressibleByArgument {
    let value: Compression.Rule

    init?(argument: String) {
        guard let value = Compression.Rule(rawValue: argument) else { return nil }
        self.init(value)
    }

    init(_ value: Compression.Rule) { self.value = value }
}

/// A setting's value: the flag, else the environment variable `SHMGATE_…`, else the default.
func setting<Value: ExpressibleByArgument>(
    _ flag: Value?,
    _ variable: String,
    default value: @autoclosure () -> Value
) throws -> Value {
    if let flag { return flag }
    guard let raw = getenv("SHMGATE_\(variable)") else { return value() }
    return try parse(String(cString: raw), variable)
}

private func parse<Value: ExpressibleByArgument>(_ text: String, _ variable: String) throws -> Value {
    guard let parsed = Value(argument: text) else {
        throw ValidationError("The environment variable SHMGATE_\(variable) has no valid value: \(text)")
    }
    return parsed
}

/// The same of a setting that has no default.
func optionalSetting<Value: ExpressibleByArgument>(_ flag: Value?, _ variable: String) throws -> Value? {
    if let flag { return flag }
    guard let raw = getenv("SHMGATE_\(variable)") else { return nil }
    return try parse(String(cString: raw), variable)
}

/// The address that both commands take if nobody says another.
func defaultAddress() -> ListenAddress {
    guard let address = ListenAddress("127.0.0.1:8080") else { preconditionFailure("the default is an address") }
    return address
}
