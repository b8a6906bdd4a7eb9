#include "shmgate_engine.h"

int shmgate_wait_for_any(const struct shmgate_watched_word *words, int32_t count, int64_t deadline_ns) {
    const long futex_waitv = 449; /* the same number on every architecture; older headers do not name it */
    struct timespec at = {.tv_sec = deadline_ns / 1000000000, .tv_nsec = deadline_ns % 1000000000};
    return syscall(futex_waitv, words, (unsigned)count, 0, &at, CLOCK_MONOTONIC) >= 0 ? 0 : errno;
}

void shmgate_wait_for_own(const uint64_t *word, uint32_t value, int64_t deadline_ns) {
    struct timespec at = {.tv_sec = deadline_ns / 1000000000, .tv_nsec = deadline_ns % 1000000000};
    syscall(SYS_futex, (const uint32_t *)word, FUTEX_WAIT_BITSET, value, &at, NULL, FUTEX_BITSET_MATCH_ANY);
}

uint32_t shmgate_own_word(const uint64_t *word) {
    return __atomic_load_n((const uint32_t *)word, __ATOMIC_SEQ_CST);
}

void shmgate_ring_own_word(uint64_t *word) {
    __atomic_add_fetch((uint32_t *)word, 1, __ATOMIC_SEQ_CST);
    shmgate_futex(word, FUTEX_WAKE, INT_MAX, NULL);
}
