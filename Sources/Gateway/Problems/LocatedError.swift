/// An element of a list in a body.
struct ListPlace: CustomStringConvertible {
    let list: String
    let index: Int

    /// As a program would write it.
    var description: String { "\(list)[\(index)]" }

    /// Runs what is about this element alone, and says so in its errors.
    ///
    /// A ``Deferral`` is none: it is about the request.
    func located<R>(_ body: () throws -> R) throws -> R {
        do {
            return try body()
        } catch let deferral as Deferral {
            throw deferral
        } catch {
            throw LocatedError(place: self, cause: error)
        }
    }
}

extension ListPlace? {
    /// The same, where there may be no list.
    func located<R>(_ body: () throws -> R) throws -> R {
        guard let place = self else { return try body() }
        return try place.located(body)
    }
}

/// What went wrong with one element of a list.
struct LocatedError: Error {
    let place: ListPlace
    let cause: any Error
}
