internal import CSegment

/// The pages of the program and of its libraries that only their start needed.
///
/// Relocations and symbols are read once, and around each page that is touched the kernel maps fifteen more.
package enum StartPages {
    /// Takes them out of this process; what is needed again comes back from the page cache.
    ///
    /// Nothing that this process can write to is among them. But a debugger's breakpoints would be: under one, they stay.
    package static func giveBack() {
        guard text(of: "/proc/self/status").contains("TracerPid:\t0\n") else { return }
        shmgate_give_back_start_pages()
    }
}
