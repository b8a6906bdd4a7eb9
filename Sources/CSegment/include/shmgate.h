/* A segment of shared memory, format version 1: its first page, its locks and its wake-up.
 *
 * This header alone is all that a C program needs: it attaches with open, mmap and shmgate_check, writes
 * between shmgate_write_begin and shmgate_write_end on a lock from shmgate_open_lock, reads between
 * shmgate_read_begin and shmgate_read_retry, and sleeps in shmgate_wait. Nothing has to be linked.
 * Examples/C/ticker.c does all of it. Compile with -D_GNU_SOURCE.
 *
 *     byte 0      struct shmgate_control, 4096 bytes
 *     byte 4096   the header: UTF-8 JSON, NUL-padded to a multiple of 4096
 *     data_offset the buffers, each on a multiple of 64
 *
 * Integers are little-endian. The fields from `sequence` to `damaged` and the journal change; all
 * else is fixed when the segment gets its name.
 */
#ifndef SHMGATE_H
#define SHMGATE_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "shmgate maps little-endian structures; this machine is big-endian"
#endif

#ifndef F_OFD_SETLK
#define F_OFD_GETLK 36
#define F_OFD_SETLK 37
#define F_OFD_SETLKW 38
#endif

#define SHMGATE_MAGIC "SHMGATE" /* eight bytes with its NUL */
#define SHMGATE_FORMAT_VERSION 1u
#define SHMGATE_FLAG_READONLY 1u
#define SHMGATE_PAGE 4096u
#define SHMGATE_JOURNAL_CAPACITY 1984u /* bytes of payload that fit into the page */

enum { SHMGATE_STATE_LIVE = 0, SHMGATE_STATE_REPLACED = 1, SHMGATE_STATE_UNLINKED = 2 };
enum { SHMGATE_JOURNAL_NONE = 0, SHMGATE_JOURNAL_PAGE = 1, SHMGATE_JOURNAL_STAGED = 2, SHMGATE_JOURNAL_SHARED = 3 };

/* The redo journal of the write under way; void unless its sequence is the odd one that stands in the page. */
struct shmgate_journal {
    uint32_t kind;
    uint32_t flags; /* bit 0: the write covers the whole object */
    uint64_t sequence;
    uint8_t uuid[16];
    uint64_t bytes; /* of payload */
    uint8_t file[16]; /* the staged file is .shmgate-journal-<these as hex> */
    uint32_t crc; /* zlib's CRC-32 of the fields above and then of the payload */
    uint32_t padding;
    uint8_t payload[SHMGATE_JOURNAL_CAPACITY];
};

/* The first page of a segment. */
struct shmgate_control {
    char magic[8];
    uint32_t format_version;
    uint32_t flags; /* bit 0: writers refuse */
    uint8_t uuid[16]; /* RFC 4122, network order */
    uint64_t total_bytes;
    uint64_t header_offset; /* 4096 */
    uint64_t header_bytes; /* without the padding */
    uint64_t data_offset;
    uint64_t sequence; /* even: stable; odd: a write is under way; its low half is a futex word */
    uint64_t interrupted_writes;
    uint64_t writer_pid;
    int64_t created_ns; /* since 1970 */
    int64_t modified_ns;
    int64_t expires_ns; /* 0: never */
    uint64_t state;
    uint64_t damaged;
    uint8_t reserved[1920];
    struct shmgate_journal journal;
};

_Static_assert(sizeof(struct shmgate_control) == SHMGATE_PAGE, "the control page is one page");
_Static_assert(offsetof(struct shmgate_control, sequence) == 64, "the futex word is at 64");
_Static_assert(offsetof(struct shmgate_control, damaged) == 120, "the last changing word is at 120");
_Static_assert(offsetof(struct shmgate_control, journal) == 2048, "the journal begins at 2048");
_Static_assert(offsetof(struct shmgate_journal, crc) == 56, "the checksum is at 2104");
_Static_assert(offsetof(struct shmgate_journal, payload) == 64, "the payload begins at 2112");

/* Whether the first page of a file of `file_bytes` (at least a page) is one that this header knows how to use.
 * Returns 0, EINVAL (no segment, or one that contradicts itself) or ENOTSUP (another version, unknown flags). */
static inline int shmgate_check(const struct shmgate_control *page, uint64_t file_bytes) {
    if (memcmp(page->magic, SHMGATE_MAGIC, sizeof page->magic) != 0) return EINVAL;
    if (page->format_version != SHMGATE_FORMAT_VERSION || (page->flags & ~SHMGATE_FLAG_READONLY) != 0) return ENOTSUP;
    uint64_t total = page->total_bytes, header = page->header_bytes, data = page->data_offset;
    if (total % SHMGATE_PAGE != 0 || total > file_bytes || data % SHMGATE_PAGE != 0 || data > total) return EINVAL;
    if (page->header_offset != SHMGATE_PAGE || data < SHMGATE_PAGE || header > data - SHMGATE_PAGE) return EINVAL;
    return 0;
}

/* Whether `path`, not followed if it is a symbolic link, leads to the file that `fd` has open. */
static inline int shmgate_same_file(int fd, const char *path) {
    struct stat opened, named;
    return fstat(fd, &opened) == 0 && fstatat(AT_FDCWD, path, &named, AT_SYMLINK_NOFOLLOW) == 0
        && opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

/* The two locks of a segment: eight bytes each, locked on an open file description made for this alone
 * (opened by the same name, O_CLOEXEC, never mapped). */
enum { SHMGATE_LOCK_START = 64, SHMGATE_TURNSTILE_START = 72, SHMGATE_LOCK_BYTES = 8 };

/* Opens the file that `mapped` has open once more by its path, for locks alone and with the same access. Each thread
 * that locks has one of its own, or a mutex; a child process closes what it inherits and opens its own. Returns a
 * descriptor, or -1 with errno (ESTALE: the path leads to another file by now). */
static inline int shmgate_open_lock(int mapped, const char *path) {
    int fd = open(path, (fcntl(mapped, F_GETFL) & O_ACCMODE) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return -1;
    struct stat one, other;
    if (fstat(fd, &one) == 0 && fstat(mapped, &other) == 0 && one.st_dev == other.st_dev && one.st_ino == other.st_ino)
        return fd;
    close(fd);
    errno = ESTALE;
    return -1;
}

/* fcntl with an OFD lock on so many bytes. `type` is F_RDLCK, F_WRLCK or F_UNLCK, `command` F_OFD_SETLK or
 * F_OFD_SETLKW. Returns 0 or errno (EAGAIN: held; EINTR: a signal came). */
static inline int shmgate_lock_bytes(int fd, int command, short type, int start, int bytes) {
    struct flock range;
    memset(&range, 0, sizeof range);
    range.l_type = type;
    range.l_whence = SEEK_SET;
    range.l_start = start;
    range.l_len = bytes;
    return fcntl(fd, command, &range) == 0 ? 0 : errno;
}

/* The same with one of the two locks. */
static inline int shmgate_lock_range(int fd, int command, short type, int start) {
    return shmgate_lock_bytes(fd, command, type, start, SHMGATE_LOCK_BYTES);
}

/* Takes lock and turnstile exclusively in one call, if nobody has either: what they are without a queue. Returns 0 or
 * errno; the turnstile is to be freed at once. */
static inline int shmgate_lock_both(int fd) {
    return shmgate_lock_bytes(fd, F_OFD_SETLK, F_WRLCK, SHMGATE_LOCK_START, 2 * SHMGATE_LOCK_BYTES);
}

/* Waits for the lock in turn: turnstile, lock, turnstile back. `type` F_WRLCK writes, F_RDLCK shares; a
 * description that may only read takes the turnstile shared. Returns 0 or errno. */
static inline int shmgate_lock(int fd, short type) {
    int error = type == F_WRLCK ? shmgate_lock_both(fd) : EAGAIN;
    if (error) {
        int reads = type == F_RDLCK && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY;
        short turn = reads ? F_RDLCK : F_WRLCK;
        do error = shmgate_lock_range(fd, F_OFD_SETLKW, turn, SHMGATE_TURNSTILE_START); while (error == EINTR);
        if (error) return error;
        do error = shmgate_lock_range(fd, F_OFD_SETLKW, type, SHMGATE_LOCK_START); while (error == EINTR);
    }
    shmgate_lock_range(fd, F_OFD_SETLK, F_UNLCK, SHMGATE_TURNSTILE_START);
    return error;
}

/* Frees the lock. */
static inline void shmgate_unlock(int fd) {
    shmgate_lock_range(fd, F_OFD_SETLK, F_UNLCK, SHMGATE_LOCK_START);
}

/* Unix time in nanoseconds. */
static inline int64_t shmgate_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline long shmgate_futex(const uint64_t *word, int operation, uint32_t value, const struct timespec *timeout) {
    return syscall(SYS_futex, (uint32_t *)word, operation, value, timeout, NULL, 0);
}

/* Opens a write of this process without a journal, waiting for the exclusive lock on `fd`, which is from
 * shmgate_open_lock. Returns 0 or: ESTALE, `path` leads to another file by now: open it again. EROFS: the segment is
 * read-only. EOWNERDEAD: a writer died inside its write, and recovering needs the journal's code: read the segment
 * once through the gateway or a client that has it. Nothing is locked when this fails. */
static inline int shmgate_write_begin(struct shmgate_control *page, int fd, const char *path) {
    if (page->flags & SHMGATE_FLAG_READONLY) return EROFS;
    int error = shmgate_lock(fd, F_WRLCK);
    if (error) return error;
    uint64_t sequence = __atomic_load_n(&page->sequence, __ATOMIC_ACQUIRE);
    if (!shmgate_same_file(fd, path)) error = ESTALE; /* only now: a name changes under its segment's lock */
    else if (sequence & 1) error = EOWNERDEAD;
    if (error) {
        shmgate_unlock(fd);
        return error;
    }
    if (__atomic_load_n(&page->state, __ATOMIC_RELAXED) != SHMGATE_STATE_LIVE) {
        /* The name still leads here, so the change that was announced did not happen; saying so is a write of its own. */
        __atomic_store_n(&page->state, SHMGATE_STATE_LIVE, __ATOMIC_RELAXED);
        sequence += 2;
        __atomic_store_n(&page->sequence, sequence, __ATOMIC_RELEASE);
        shmgate_futex(&page->sequence, FUTEX_WAKE, INT_MAX, NULL);
    }
    __atomic_store_n(&page->journal.kind, SHMGATE_JOURNAL_NONE, __ATOMIC_RELAXED);
    __atomic_store_n(&page->writer_pid, (uint64_t)getpid(), __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST); /* who dies here must not leave an odd sequence beside an old journal */
    __atomic_store_n(&page->sequence, sequence + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* no store of data may be seen before the odd sequence */
    return 0;
}

/* Closes the write: the even sequence, everybody woken, the lock freed. `whole` says that every byte of the object was
 * written, which clears `damaged`. */
static inline void shmgate_write_end(struct shmgate_control *page, int fd, int whole) {
    if (whole) __atomic_store_n(&page->damaged, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&page->modified_ns, shmgate_now_ns(), __ATOMIC_RELAXED);
    __atomic_store_n(&page->sequence, page->sequence + 1, __ATOMIC_RELEASE);
    shmgate_futex(&page->sequence, FUTEX_WAKE, INT_MAX, NULL);
    shmgate_unlock(fd);
}

/* Begins a copy out: the sequence, odd while a write is under way. Copy only if it is even. */
static inline uint64_t shmgate_read_begin(const struct shmgate_control *page) {
    return __atomic_load_n(&page->sequence, __ATOMIC_ACQUIRE);
}

/* Whether the copy made since `began` may be torn and has to be made again. */
static inline int shmgate_read_retry(const struct shmgate_control *page, uint64_t began) {
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return (began & 1) || __atomic_load_n(&page->sequence, __ATOMIC_RELAXED) != began;
}

/* Sleeps until the sequence is no longer `seen`, or for `timeout` (NULL: for ever). Returns 0, or ETIMEDOUT. */
static inline int shmgate_wait(const struct shmgate_control *page, uint64_t seen, const struct timespec *timeout) {
    while (__atomic_load_n(&page->sequence, __ATOMIC_ACQUIRE) == seen)
        if (shmgate_futex(&page->sequence, FUTEX_WAIT, (uint32_t)seen, timeout) != 0 && errno == ETIMEDOUT)
            return ETIMEDOUT;
    return 0;
}

#endif
