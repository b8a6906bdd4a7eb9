/* A writer or reader for torture.py, with nothing but shmgate.h: does its thing until the input ends and at least QUOTA
 * times, says `first` when the quota is met, and prints in the end what it counted.
 *
 *     torture PATH BYTES QUOTA read            by the seqlock; under the shared lock after 16 tries
 *     torture PATH BYTES QUOTA share           always under the shared lock
 *     torture PATH BYTES QUOTA write NUMBER    fills the whole with one stamp after another
 */
#include "shmgate.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { TRIES = 16, COUNTER_BITS = 26 };

static const char *path;
static struct shmgate_control *page;
static size_t words;
static uint64_t *shared, *copy;
static int lock;
static unsigned long long quota, done, torn, retries, backwards;
static uint64_t last[64];

static void expect(int holds, int error, const char *what) {
    if (holds) return;
    fprintf(stderr, "torture: %s: %s\n", what, strerror(error));
    exit(1);
}

static int goes_on(void) {
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    return done < quota || poll(&input, 1, 0) == 0;
}

static void did_one(void) {
    if (++done == quota) {
        puts("first");
        fflush(stdout);
    }
}

/* A word whose upper half is its lower half with all bits turned over. */
static uint64_t stamp(uint32_t low) { return low | (uint64_t)~low << 32; }

static void write_one(uint32_t number) {
    uint64_t word = stamp(number << COUNTER_BITS | (done & ((1u << COUNTER_BITS) - 1)));
    int error = shmgate_write_begin(page, lock, path);
    expect(error == 0, error, path);
    for (size_t i = 0; i < words; i++) shared[i] = word;
    shmgate_write_end(page, lock, 1);
    did_one();
}

/* 0 if a writer was at work meanwhile. */
static int try_to_copy(void) {
    uint64_t began = shmgate_read_begin(page);
    if (!(began & 1)) memcpy(copy, shared, words * sizeof *copy);
    return !shmgate_read_retry(page, began);
}

static void copy_under_lock(void) {
    int error = shmgate_lock(lock, F_RDLCK);
    expect(error == 0, error, path);
    expect((shmgate_read_begin(page) & 1) == 0, EOWNERDEAD, path);
    memcpy(copy, shared, words * sizeof *copy);
    shmgate_unlock(lock);
}

static void read_one(int always_shares) {
    int tries = always_shares ? 0 : TRIES;
    while (tries > 0 && !try_to_copy()) retries++, tries--;
    if (tries == 0) copy_under_lock();
    uint64_t word = copy[0];
    if (word == stamp((uint32_t)word) && memcmp(copy, copy + 1, (words - 1) * sizeof *copy) == 0) {
        uint64_t counter = word & ((1u << COUNTER_BITS) - 1), *seen = &last[(uint32_t)word >> COUNTER_BITS];
        if (counter < *seen) backwards++;
        *seen = counter;
    } else {
        torn++;
    }
    did_one();
}

int main(int count, char **arguments) {
    if (count < 5) return fprintf(stderr, "usage: torture PATH BYTES QUOTA read|share|write [NUMBER]\n"), 2;
    path = arguments[1];
    size_t bytes = strtoull(arguments[2], NULL, 10);
    quota = strtoull(arguments[3], NULL, 10);
    words = bytes / sizeof(uint64_t);
    int file = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    expect(file >= 0, errno, path);
    struct stat status;
    expect(fstat(file, &status) == 0, errno, path);
    page = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    expect(page != MAP_FAILED, errno, path);
    int error = shmgate_check(page, (uint64_t)status.st_size);
    expect(error == 0, error, path);
    expect(page->data_offset + bytes <= page->total_bytes && words > 0, ERANGE, path);
    shared = (uint64_t *)((char *)page + page->data_offset);
    copy = malloc(bytes);
    lock = shmgate_open_lock(file, path);
    expect(lock >= 0 && copy, errno, path);
    while (goes_on()) {
        if (count == 6) write_one((uint32_t)atoi(arguments[5]));
        else read_one(strcmp(arguments[4], "share") == 0);
    }
    printf("done %llu\ntorn %llu\nretries %llu\nbackwards %llu\nbytes %llu\n", done, torn, retries, backwards,
        done * (unsigned long long)bytes);
    return 0;
}
