#!/usr/bin/env bash
# The rules of the house that the compiler does not hold. Each rule that is broken says where.
#
# Formatting and lint; which module may import libmicrohttpd; which may make sockets; which may touch files, memory,
# futexes, inotify and /proc; no Foundation in the server; nothing in the repository that belongs to one machine.
set -euo pipefail
cd "$(dirname "$0")/.."

failed=0

# report RULE FINDINGS: prints both, if there are findings.
report() {
    [ -n "$2" ] || return 0
    printf 'check: broken: %s\n' "$1" >&2
    printf '%s\n' "$2" | sed 's/^/    /' >&2
    failed=1
}

# The project's files below the given places: what git tracks or would track, or, without git, all but what is built.
files() {
    local file
    if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        git ls-files -co --exclude-standard -- "$@"
    else
        find "$@" -type f -not -path '*/.build*' -not -path '*/.venv*' -not -path '*/.git/*' | sed 's:^\./::'
    fi | sort -u | while IFS= read -r file; do
        if [ -f "$file" ]; then printf '%s\n' "$file"; fi
    done
}

# code PATTERN ALLOWED PLACE…: where Swift or C code, comments left out, matches PATTERN; paths like ALLOWED may.
code() {
    local pattern=$1 allowed=$2
    shift 2
    files "$@" | { grep -E '\.(swift|c|h)$' || true; } | { grep -vE "$allowed" || true; } | tr '\n' '\0' \
        | { xargs -0 -r grep -nHP "^(?!\s*(?://|/?\*))(?:(?!//).)*?(?:$pattern)" || true; }
}

# A C function called by its bare name or as Glibc.name, not a method or a declaration of the same name.
call() { printf '(?:(?<=Glibc\\.)|(?<!func )(?<![.\\w`]))(?:%s)\\(' "$1"; }

sockets='socket|socketpair|accept4?|bind|listen|connect|getaddrinfo|setsockopt'
machine='open|openat2?|creat|fopen|opendir|fdopendir|shm_open|memfd_create|mmap|munmap|mremap|msync|madvise|ftruncate'
machine="$machine|fallocate|posix_fallocate|fstatat|statvfs|unlink|unlinkat|link|linkat|rename|renameat2?|syscall"
machine="$machine|inotify_init1?|inotify_add_watch"
engine='^Sources/(Segments|CSegment)/'

if findings=$(swift format lint -s -r --parallel Sources Tests Package.swift 2>&1); then
    findings=
else
    findings=${findings:-"swift format itself failed"}
fi
report "the formatter has nothing to say (make format mends most of it)" "$findings"

report "CMicroHTTPD is imported only in Sources/MicroHTTP" \
    "$(code '\bimport\b.*\bCMicroHTTPD\b|#\s*include.*\bmicrohttpd\.h' '^Sources/C?MicroHTTPD?/' Sources Tests)"
report "sockets are made only in Sources/MicroHTTP" "$(code "$(call "$sockets")" '^Sources/C?MicroHTTPD?/' Sources)"
report "files and memory are touched only in Sources/Segments and Sources/CSegment; a socket's file where that is made" \
    "$(code "$(call "$machine")" "$engine|^Sources/MicroHTTP/SocketFile.swift$" Sources)"
report "futex, inotify and /proc are named only in Sources/Segments and Sources/CSegment" \
    "$(code '(?i:\bfutex)|\bFUTEX_|\binotify|"/proc\b' "$engine" Sources)"
report "no Foundation in the server" "$(code '\bimport\b.*\bFoundation' '^$' Sources)"

# `[r]oot` and `[h]ome`, so that this file does not find itself.
report "no path of a home directory" \
    "$(files . | tr '\n' '\0' | { xargs -0 -r grep -nIE '/([h]ome|[U]sers)/[A-Za-z0-9]|/[r]oot/' || true; })"
if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    report "what is built is not tracked" \
        "$(git ls-files | { grep -E '(^|/)(\.build[^/]*|\.venv[^/]*|__pycache__)/|(^|/)Package\.resolved$' || true; })"
fi

findings=$(files . | { grep -E '\.py$' || true; } | python3 -c '
import sys
for path in sys.stdin.read().splitlines():
    try:
        compile(open(path, "rb").read(), path, "exec")
    except SyntaxError as error:
        print(f"{path}:{error.lineno}: {error.msg}")')
report "Python files compile" "$findings"

findings=$({ files Scripts; files .ci; } | { xargs -r grep -lE '^#!.*\bbash' || true; } \
    | while IFS= read -r script; do bash -n "$script" 2>&1 || true; done)
report "shell scripts parse" "$findings"

[ "$failed" -eq 0 ] || exit 1
echo "check: all rules hold"
