import Testing

/// Explores a scenario on a memory model and expects that no promise is broken; prints how much was looked at.
func expectSound(
    _ what: String,
    _ model: MemoryModel,
    files: Int = 1,
    deaths: Int = 0,
    promises: Promises = Promises(),
    _ programs: [Program],
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let result = Machine(model, files: files, deaths: deaths, promises: promises, programs).explore()
    print("model: \(what), \(model), \(deaths) deaths: \(result.states) states")
    if let violation = result.violation {
        Issue.record("\(violation)\n\(result.trace.joined(separator: "\n"))", sourceLocation: sourceLocation)
    }
}

/// Explores a scenario with a mutant in it and expects it to be caught; prints the shortest way there.
func expectCaught(
    _ mutant: Mutant,
    _ model: MemoryModel,
    files: Int = 1,
    deaths: Int = 0,
    promises: Promises = Promises(),
    _ programs: [Program],
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let result = Machine(model, files: files, deaths: deaths, promises: promises, programs).explore()
    guard let violation = result.violation else {
        Issue.record("not caught in \(result.states) states: \(mutant.rawValue)", sourceLocation: sourceLocation)
        return
    }
    print(
        "model: \(mutant.rawValue), \(model): \(violation), after \(result.states) states\n  "
            + result.trace.joined(separator: "\n  ")
    )
}
