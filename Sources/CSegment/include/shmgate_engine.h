/* The engine room of the gateway and of the Swift library: every touch of a mapping that another process can
 * truncate goes through these functions, which turn SIGBUS into EFAULT, each around its own copy and nowhere else. */
#ifndef SHMGATE_ENGINE_H
#define SHMGATE_ENGINE_H

#include <stddef.h>
#include "shmgate.h"
#include <pthread.h>

/* One axis of a region: `count` elements, `stride` bytes apart; or, with a table, at these byte offsets. */
struct shmgate_axis {
    int64_t count;
    int64_t stride;
    const int64_t *offsets;
};

/* A part of a segment, and the packed bytes (C order) in private memory that it is copied to or from.
 * The caller has checked that all of it lies inside the mapping. */
struct shmgate_region {
    int64_t offset; /* of the first element, from the start of the segment */
    int64_t item_bytes;
    int32_t rank; /* at most 64 */
    const struct shmgate_axis *axes;
    uint8_t *packed;
};

/* Puts the SIGBUS handler in place, once for the process; what it does not recognise goes to the handler before it. */
void shmgate_guard_install(void);

/* Copies regions out of a mapping, without any claim to consistency. Returns 0 or EFAULT (the file was truncated). */
int shmgate_gather(const void *base, const struct shmgate_region *regions, int32_t count);

/* Copies regions into a mapping. The caller holds the write lock and has made the sequence odd. Returns 0 or EFAULT. */
int shmgate_scatter(void *base, const struct shmgate_region *regions, int32_t count);

/* Copies regions, and the word `damaged` with them, out as one untorn snapshot, by the sequence. Tries at most `tries`
 * times; `*retries` counts the copies thrown away and the odd sequences met. Returns 0, EAGAIN (writers kept it busy) or EFAULT. */
int shmgate_snapshot(
    const void *base, const struct shmgate_region *regions, int32_t count, int32_t tries, uint64_t *sequence,
    uint64_t *damaged, int32_t *retries);

/* What the calling thread does between the pieces of long work; NULL for nothing. A snapshot pauses after every 256 KiB,
 * however many regions that are, but not behind the last byte, and never while it holds a lock. */
void shmgate_set_pause(void (*pause)(void *context), void *context);

/* Does it now. */
void shmgate_pause(void);

/* The sequence, loaded with acquire; EFAULT also where the page has lost its magic, as after a cut and a growing. */
int shmgate_load_sequence(const void *base, uint64_t *value);

/* Guarded single accesses at a byte offset: an acquiring load, a releasing store, a plain copy out and in. */
int shmgate_load_word(const void *base, int64_t offset, uint64_t *value);
int shmgate_store_word(void *base, int64_t offset, uint64_t value);
int shmgate_load_bytes(const void *base, int64_t offset, void *bytes, int64_t count);
int shmgate_store_bytes(void *base, int64_t offset, const void *bytes, int64_t count);

/* Whether the mapping has these bytes at an offset. Returns 0 or EFAULT. */
int shmgate_same_bytes(const void *base, int64_t offset, const void *bytes, int64_t count, int *same);

/* Stores the odd `sequence` and fences, so that no data is seen before it. */
int shmgate_store_odd(void *base, uint64_t sequence);

/* Wakes all who sleep on the sequence. */
void shmgate_wake(const void *base);

/* Waits for a lock range until a CLOCK_MONOTONIC instant, in the kernel's queue and so in turn. Returns 0, EAGAIN
 * (the instant passed), or errno. A negative instant waits for ever. */
int shmgate_lock_range_until(int fd, short type, int start, int64_t deadline_ns);

/* The pid that holds a conflicting lock, -1 for an open-file-description lock whose owner the kernel does not tell,
 * 0 if it is free. */
int shmgate_lock_holder(int fd, short type, int start);

/* Whether the kernel can wait for several words at once. */
int shmgate_has_futex_waitv(void);

/* One of several words that a thread sleeps on: the kernel's struct futex_waitv. */
struct shmgate_watched_word {
    uint64_t value;
    uint64_t address;
    uint32_t flags; /* SHMGATE_WORD_FLAGS */
    uint32_t reserved; /* 0 */
};

enum {
    SHMGATE_WORD_FLAGS = 2, /* 32 bits, shared between processes */
    SHMGATE_MOST_WORDS = 128
};

/* Sleeps while all words have their values, until one of them is woken or a CLOCK_MONOTONIC instant. Returns 0, EAGAIN
 * (a word has another value), ETIMEDOUT, EINTR, EFAULT (a page is gone), or why the kernel will not do it. */
int shmgate_wait_for_any(const struct shmgate_watched_word *words, int32_t count, int64_t deadline_ns);

/* Sleeps while a word of this process has a value, at most until a CLOCK_MONOTONIC instant. */
void shmgate_wait_for_own(const uint64_t *word, uint32_t value, int64_t deadline_ns);

/* A word of this process that ends such sleeps: its value, and another value and a wake for all. */
uint32_t shmgate_own_word(const uint64_t *word);
void shmgate_ring_own_word(uint64_t *word);

/* pthread_mutex_lock with a CLOCK_MONOTONIC instant; a negative one waits for ever. Returns 0, ETIMEDOUT or EBUSY. */
int shmgate_mutex_lock_until(pthread_mutex_t *mutex, int64_t deadline_ns);

/* Counts a wait that began at a CLOCK_MONOTONIC instant and ends now; the two functions above do so themselves. */
void shmgate_waited(int64_t since_ns);

/* How long this thread has waited, how long all threads have, and how often, since the process began. */
int64_t shmgate_thread_waited_ns(void);
int64_t shmgate_waited_ns(void);
int64_t shmgate_waits(void);

/* getpid without its system call: known since the last fork. */
pid_t shmgate_own_pid(void);

/* Fills bytes from the kernel's random source. */
void shmgate_random(void *bytes, size_t count);

/* Gives a file a name that nothing has yet: EEXIST if something has it. Returns 0 or errno. */
int shmgate_rename_new(int directory, const char *from, const char *to);

/* Gives a file a name, taking it from whatever has it. Returns 0 or errno. */
int shmgate_rename_over(int directory, const char *from, const char *to);

/* A descriptor that can be polled for being rung: an eventfd, whose eight bytes count. Returns it, or -1 with errno. */
int shmgate_bell(void);

/* Takes the pages of program and libraries that nobody can write to out of this process; what is needed again comes
 * back from the page cache. */
void shmgate_give_back_start_pages(void);

/* Bytes that C's allocator keeps free, those whose pages it has given back among them. */
size_t shmgate_free_heap(void);

/* Gives the pages back to the machine that lie in free memory of the allocator. */
void shmgate_trim_heap(void);

#endif
