#!/usr/bin/env bash
# Installs the Debian or Ubuntu packages that are missing, and nothing that is there.
#
#     Scripts/install-dependencies.sh [test] [bench]
#
# Without an argument: what the build needs. `test` adds what the tests need, `bench` what the benchmark needs.
# Asks for sudo only if something is missing and the user is not root. The Swift toolchain is checked, never installed.
set -euo pipefail

say() { printf '%s: %s\n' "$(basename "$0")" "$*"; }
die() { say "$*" >&2; exit 1; }

# Debian keeps nginx in /usr/sbin, which an ordinary user's PATH leaves out.
has_command() { PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null 2>&1; }

check_swift() {
    local version
    command -v swift >/dev/null 2>&1 || die "no Swift toolchain: there is no 'swift' on PATH.
Needed is Swift 6.2 or newer for Linux; see https://www.swift.org/install/linux/ and run this again."
    version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9][0-9]*\.[0-9][0-9]*\).*/\1/p' | head -n 1)
    [ -n "$version" ] || die "'swift --version' does not work here. Needed is Swift 6.2 or newer."
    if [ "${version%%.*}" -lt 6 ] || { [ "${version%%.*}" -eq 6 ] && [ "${version#*.}" -lt 2 ]; }; then
        die "Swift $version is too old. Needed is Swift 6.2 or newer; see https://www.swift.org/install/linux/."
    fi
}

missing=()

need_library() { # need_library PACKAGE PKG-CONFIG-NAME
    if has_command dpkg-query; then
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null || true)" = installed ] || missing+=("$1")
    else
        pkg-config --exists "$2" 2>/dev/null || missing+=("$1")
    fi
}

need_file() { # need_file FILE PACKAGE; for packages that have neither a command nor a pkg-config file
    [ -e "$1" ] || missing+=("$2")
}

need_command() { # need_command COMMAND PACKAGE
    has_command "$1" || missing+=("$2")
}

need_build() {
    need_command pkg-config pkg-config
    need_library libmicrohttpd-dev libmicrohttpd
    need_library libgnutls28-dev gnutls
    need_library zlib1g-dev zlib
    need_library libzstd-dev libzstd
    need_library liblz4-dev liblz4
    need_file /usr/include/cctz/time_zone.h libcctz-dev
    need_file /usr/share/zoneinfo/UTC tzdata  # the time zones themselves, at run time
}

need_test() {
    need_command curl curl
    need_command git git
    need_command openssl openssl  # makes certificates
    need_command zsh zsh  # completes the names of segments, and so does fish
    need_command fish fish
    need_command cc gcc  # the example in C, and the writers in C of the tests
    need_command systemd-analyze systemd  # it reads, and where it may starts, the units of Deploy/systemd
    has_command google-chrome || need_command chromium chromium  # clicks through the console
    need_file /usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf fonts-dejavu-core
    need_command python3 python3
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
}

need_bench() {
    need_command python3 python3
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
    has_command cc || need_command clang gcc
    need_command ip iproute2  # a network of its own
    need_command nginx nginx-light
    need_command redis-server redis-server
    need_command wrk wrk
    has_command google-chrome || need_command chromium chromium  # shows the console
}

install_missing() {
    local sudo=()
    [ "${#missing[@]}" -gt 0 ] || return 0
    has_command apt-get || die "missing: ${missing[*]}.
This script knows apt only. Install what these Debian packages hold by other means, and run it again."
    if [ "$(id -u)" -ne 0 ]; then
        has_command sudo || die "missing: ${missing[*]}. As root, run: apt-get install ${missing[*]}"
        sudo=(sudo)
    fi
    say "installing ${missing[*]}"
    "${sudo[@]}" apt-get update -q
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
}

check_swift
need_build
for part in "$@"; do
    case $part in
        test) need_test ;;
        bench) need_bench ;;
        *) die "unknown part '$part'; there are: test, bench" ;;
    esac
done
install_missing
