import ArgumentParser
import Gateway
import Glibc
import Logging
import MicroHTTP
import Segments

/// `shmgate serve`: the gateway, until SIGTERM or SIGINT.
struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve the segments of a directory over HTTP.",
        discussion: """
            Every setting is also an environment variable: --listen is SHMGATE_LISTEN, --max-body SHMGATE_MAX_BODY, \
            and so on; a flag beats its variable.

            Exit status: 0 behind SIGTERM or SIGINT; 64 for wrong usage, 66 for a file or a directory that is not \
            there, 69 if another process listens there, 77 if this user may not do that, 78 for a certificate, a file \
            of tokens or an address that cannot be used, 1 for anything else.

            Examples:
              shmgate serve
              shmgate serve --listen 127.0.0.1:0 --directory /dev/shm --mode 0640
              shmgate serve --listen 127.0.0.1:8080 --listen unix:/run/shmgate/shmgate.sock
              shmgate serve --listen 0.0.0.0:8080 --tokens /etc/shmgate/tokens
              shmgate serve --listen '[::]:8443' --tokens tokens --tls-cert chain.pem --tls-key key.pem
              SHMGATE_LISTEN=0.0.0.0:8080 shmgate serve --insecure
            """
    )

    @OptionGroup(title: "Listening")
    var listening: ListenSettings

    @Option(help: ArgumentHelp("The directory of the segments, a tmpfs. (default: /dev/shm)", valueName: "path"))
    var directory: String?

    @Option(help: ArgumentHelp("Permission bits of new segments. (default: 0600)", valueName: "octal"))
    var mode: PermissionBits?

    @Option(help: ArgumentHelp("Event threads. (default: one per core)", valueName: "n"))
    var threads: Int?

    @Option(help: ArgumentHelp("The largest body, such as 512MiB. (default: 1GiB)", valueName: "bytes"))
    var maxBody: ByteCount?

    @Option(
        help: ArgumentHelp(
            "The most memory for answers being made and sent. (default: a quarter of the machine's, or the container's)",
            valueName: "bytes"
        )
    )
    var snapshotMemory: ByteCount?

    @Option(
        help: ArgumentHelp(
            "The most memory for bodies that come in at once. (default: a quarter of the machine's, or the container's)",
            valueName: "bytes"
        )
    )
    var uploadMemory: ByteCount?

    @Option(
        help: ArgumentHelp(
            """
            Whose answers are packed by zstd or gzip, if they accept that: auto, those of clients on other machines; \
            always; never. (default: auto)
            """,
            valueName: "when"
        )
    )
    var compress: CompressionRule?

    @Option(help: ArgumentHelp("From what size on answers are packed. (default: 1KiB)", valueName: "bytes"))
    var compressFrom: ByteCount?

    @Option(
        help: ArgumentHelp(
            """
            Web pages of this origin may read and write, such as https://example.org; * for all; once for each. \
            (default: none)
            """,
            valueName: "origin"
        )
    )
    var corsOrigin: [String] = []

    @OptionGroup(title: "Limits for segments")
    var budget: BudgetSettings

    @OptionGroup(title: "Limits for clients")
    var limits: ClientLimits

    @Option(
        help: ArgumentHelp(
            "Where layouts of your own are kept; give a disk to keep them over a reboot. (default: the directory)",
            valueName: "path"
        )
    )
    var stateDirectory: String?

    @OptionGroup(title: "Logs")
    var logs: LogSettings

    @OptionGroup(title: "Access")
    var accessSettings: AccessSettings

    func run() throws {
        let inherited = ServiceManager.takeSockets()
        let addresses = try listening.addresses(inherited: inherited)
        let path = try setting(directory, "DIRECTORY", default: "/dev/shm")
        let threads = try setting(threads, "THREADS", default: max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))))
        let maxBodyBytes = try setting(maxBody, "MAX_BODY", default: ByteCount(1 << 30)).value
        let mode = try setting(mode, "MODE", default: PermissionBits(0o600)).value
        guard maxBodyBytes > 0 else { throw ValidationError("Expected a --max-body of at least 1 byte, got 0.") }
        guard (1...256).contains(threads) else { throw ValidationError("Expected 1 to 256 threads, got \(threads).") }
        let needsCertificates = try listening.asksForCertificates()
        let access = try accessSettings.start(needsCertificates: needsCertificates)
        let certificate = try listening.certificate()
        let machineBytes = Int(sysconf(Int32(_SC_PHYS_PAGES))) * Int(sysconf(Int32(_SC_PAGESIZE)))
        let memoryBytes = min(machineBytes, ContainerMemory.ofThisProcess.limitBytes ?? .max)
        let quarter = ByteCount(max(memoryBytes / 4, 64 << 20))
        let snapshotMemoryBytes = try setting(snapshotMemory, "SNAPSHOT_MEMORY", default: quarter).value
        let uploadMemoryBytes = try setting(uploadMemory, "UPLOAD_MEMORY", default: quarter).value
        let compression = Compression(
            try setting(compress, "COMPRESS", default: CompressionRule(.auto)).value,
            from: try setting(compressFrom, "COMPRESS_FROM", default: ByteCount(1 << 10)).value
        )
        let origins = try self.origins()
        let segmentLimits = try budget.limits()
        var configuration = Server.Configuration(listen: addresses, threads: threads)
        configuration.inherited = inherited
        configuration.socketMode = try listening.mode()
        configuration.certificate = certificate
        let beyond: [ListenAddress]
        do {
            beyond = try configuration.addressesBeyondThisMachine()
        } catch {
            throw StartFailure(error)
        }
        let isLocalOnly = beyond.isEmpty
        if !isLocalOnly { try accessSettings.requireSome(access, beyond.map(\.description)) }
        let descriptors = raiseDescriptorLimit()
        try limits.apply(to: &configuration, descriptors: descriptors, isLocalOnly: isLocalOnly)
        let kept = try setting(stateDirectory, "STATE_DIRECTORY", default: "")
        let stateDirectory = kept.isEmpty ? nil : kept
        let (logger, events) = try logs.start()

        // Before the first thread, so that every thread inherits it and the signals wait for us below.
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&signals, number) }
        sigprocmask(SIG_BLOCK, &signals, nil)

        let service: GatewayService
        do {
            let segments = try SegmentDirectory(path: path)
            service = try GatewayService(
                directory: segments,
                configuration: .init(
                    mode: mode,
                    maxBodyBytes: maxBodyBytes,
                    snapshotMemoryBytes: snapshotMemoryBytes,
                    uploadMemoryBytes: uploadMemoryBytes,
                    isLocalOnly: isLocalOnly && !access.asks,
                    compression: compression,
                    origins: origins,
                    limits: segmentLimits
                ),
                access: access,
                stateDirectory: stateDirectory,
                events: events
            ) { level, text in
                logger.log(level: Logger.Level(level), "\(text)")
            }
            // Not before the pins were looked at: a staged write may be one of a segment that just got its name back.
            let sweep = try segments.sweep()
            if !sweep.isEmpty {
                logger.info(
                    "leftovers of processes that died",
                    metadata: ["drafts": "\(sweep.drafts)", "journals": "\(sweep.journals)", "kept": "\(sweep.kept)"]
                )
            }
        } catch {
            throw StartFailure(directory: path, error)
        }
        if configuration.maxConnections > descriptors / 2 {
            logger.warning(
                "--max-connections leaves few descriptors for segments",
                metadata: ["connections": "\(configuration.maxConnections)", "descriptors": "\(descriptors)"]
            )
        }
        let server = Server(configuration: configuration, service: service) { level, text in
            logger.log(level: Logger.Level(level), "\(text)")
        }
        do {
            try server.start()
        } catch {
            throw StartFailure(error)
        }
        if access.asksForTokens {
            logger.info("asking for tokens", metadata: ["tokens": "\(access.tokenCount)"])
            if !isLocalOnly, certificate == nil {
                logger.warning("tokens come in plain text: say --tls-cert and --tls-key, or let a proxy do TLS")
            }
        } else if needsCertificates {
            logger.info("asking for client certificates; who has one may do everything")
        } else if !isLocalOnly {
            logger.warning("listening beyond this machine without access control (--insecure)")
        } else if server.urls.contains(where: { !$0.hasPrefix("unix:") }) {
            logger.info("loopback is no authentication: every user of this machine can reach this port")
        }
        if let warning = certificate?.warning { logger.warning("\(warning)") }
        for url in server.urls { print("listening on \(url)") }
        fflush(nil)
        ServiceManager.notify("READY=1\nSTATUS=listening on \(server.urls.joined(separator: ", "))")
        StartPages.giveBack()

        var received: Int32 = 0
        while sigwait(&signals, &received) == 0, received == SIGHUP {
            ServiceManager.notify("RELOADING=1\nMONOTONIC_USEC=\(ServiceManager.monotonicMicroseconds)")
            let outcomes = [accessSettings.reread(into: access), listening.reread(into: server)].compactMap(\.self)
            if outcomes.isEmpty { logger.info("nothing to read again: there are no tokens and no certificate") }
            for (isBad, text) in outcomes { logger.log(level: isBad ? .error : .info, "\(text)") }
            ServiceManager.notify("READY=1")
        }
        ServiceManager.notify("STOPPING=1\nSTATUS=finishing what runs")
        logger.info("stopping: finishing what runs")
        service.drain()
        server.stop(drainSeconds: 10)
        service.finish()
        let contention = SnapshotContention.now
        logger.info(
            "reads that met a writer",
            metadata: [
                "discarded-copies": "\(contention.discardedCopies)",
                "locked-snapshots": "\(contention.lockedSnapshots)",
            ]
        )
    }

    /// The origins of the flags, else those of the environment, separated by commas.
    private func origins() throws -> AllowedOrigins {
        let named =
            getenv("SHMGATE_CORS_ORIGIN").map { String(cString: $0).split(separator: ",").map(String.init) } ?? []
        let origins = (corsOrigin.isEmpty ? named : corsOrigin).map { String($0.drop { $0 == " " }) }
        guard let allowed = AllowedOrigins(origins) else {
            throw ValidationError(
                "Expected an origin such as https://example.org or http://localhost:3000, without a path, or *, for "
                    + "--cors-origin, got \(origins.joined(separator: ", "))."
            )
        }
        return allowed
    }

    /// A descriptor for each connection and one for each segment that was written to; gives how many there may be.
    private func raiseDescriptorLimit() -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &limit) == 0 else { return 1_024 }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &limit)
        return Int(clamping: limit.rlim_cur)
    }
}

extension Logger.Level {
    /// The level of a line from the HTTP room.
    init(_ level: Server.LogLevel) {
        switch level {
        case .debug: self = .debug
        case .info: self = .info
        case .warning: self = .warning
        }
    }
}
