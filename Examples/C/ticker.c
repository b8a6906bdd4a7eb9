/* One process writes a price into a segment; others sleep until the next one.
 *
 *     cc -std=c11 -D_GNU_SOURCE -I Sources/CSegment/include -o ticker Examples/C/ticker.c
 *     ./ticker /dev/shm/price wait &
 *     ./ticker /dev/shm/price write 101.25
 *
 * The price is the first float64 of the first buffer. Nothing is needed but shmgate.h.
 */
#include "shmgate.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static void expect(int holds, int error, const char *what) {
    if (holds) return;
    fprintf(stderr, "ticker: %s: %s\n", what, strerror(error));
    exit(1);
}

static struct shmgate_control *map(int file, int protection, const char *path) {
    struct stat status;
    expect(fstat(file, &status) == 0, errno, path);
    expect(status.st_size >= SHMGATE_PAGE, EINVAL, path);
    void *page = mmap(NULL, (size_t)status.st_size, protection, MAP_SHARED, file, 0);
    expect(page != MAP_FAILED, errno, path);
    int error = shmgate_check(page, (uint64_t)status.st_size);
    expect(error == 0, error, path);
    return page;
}

static void write_price(struct shmgate_control *page, double *price, double value, int lock, const char *path) {
    int error = shmgate_write_begin(page, lock, path); /* waits for the lock; the sequence is odd now */
    expect(error == 0, error, path);
    *price = value;
    shmgate_write_end(page, lock, 0); /* the sequence is even again, all who wait are woken */
}

static void print_next_price(const struct shmgate_control *page, const double *price) {
    uint64_t seen = shmgate_read_begin(page);
    double value;
    do {
        shmgate_wait(page, seen, NULL); /* until the sequence is another, and once more if it is odd */
        seen = shmgate_read_begin(page);
        value = *(const volatile double *)price;
    } while (shmgate_read_retry(page, seen)); /* torn: a writer was at work meanwhile */
    expect(page->state == SHMGATE_STATE_LIVE, ESTALE, "the name leads elsewhere");
    printf("%llu %.17g\n", (unsigned long long)seen, value);
}

int main(int count, char **words) {
    int writes = count == 4 && strcmp(words[2], "write") == 0;
    int waits = count == 3 && strcmp(words[2], "wait") == 0;
    if (!writes && !waits) return fprintf(stderr, "usage: ticker PATH write VALUE | ticker PATH wait\n"), 2;
    const char *path = words[1];
    int file = open(path, (writes ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW);
    expect(file >= 0, errno, path);
    struct shmgate_control *page = map(file, writes ? PROT_READ | PROT_WRITE : PROT_READ, path);
    uint64_t start = page->data_offset;
    expect(start + sizeof(double) <= page->total_bytes, ERANGE, path);
    double *price = (double *)((char *)page + start);
    if (waits) return print_next_price(page, price), 0;
    int lock = shmgate_open_lock(file, path); /* a description of its own, never mapped */
    expect(lock >= 0, errno, path);
    write_price(page, price, strtod(words[3], NULL), lock, path);
    return 0;
}
