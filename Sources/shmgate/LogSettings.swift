import ArgumentParser
import Gateway
import Logging

/// What is logged, and how.
struct LogSettings: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "trace, debug, info, notice, warning, error or critical. (default: info)",
            valueName: "level"
        )
    )
    var logLevel: LogLevel?

    @Option(help: ArgumentHelp("One line per event: text or json. (default: text)", valueName: "format"))
    var logFormat: LogFormat?

    /// Log lines go to standard error; standard output has the address alone.
    func start() throws -> (logger: Logger, events: EventLog) {
        let level = try setting(logLevel, "LOG_LEVEL", default: LogLevel(.info)).value
        let format = try setting(logFormat, "LOG_FORMAT", default: LogFormat(.text)).value
        LoggingSystem.bootstrap { LineLogHandler(label: $0, format: format) }
        func logger(_ label: String) -> Logger {
            var logger = Logger(label: label)
            logger.logLevel = level
            return logger
        }
        return (logger("shmgate"), EventLog(requests: logger("requests"), audit: logger("audit")))
    }
}

/// How lines look.
struct LogFormat: ExpressibleByArgument {
    let value: LineLogHandler.Format

    init?(argument: String) {
        guard let value = LineLogHandler.Format(rawValue: argument) else { return nil }
        self.init(value)
    }

    init(_ value: LineLogHandler.Format) { self.value = value }
}
