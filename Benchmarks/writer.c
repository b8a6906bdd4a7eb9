/// A local writer that fills a segment with another number again and again, by the protocol of shmgate.h.
///
///     writer PATH GIB_PER_SECOND SECONDS
///
/// All 8-byte words of a write are the same, so whoever sees two different ones has seen two writes. Prints the GiB
/// that it wrote each second.
#include "shmgate.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void sleep_until(int64_t ns) {
    struct timespec time = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

int main(int count, char **words) {
    if (count != 4) return fprintf(stderr, "usage: writer PATH GIB_PER_SECOND SECONDS\n"), 2;
    const char *path = words[1];
    struct stat status;
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) != 0) return perror(path), 1;
    struct shmgate_control *page = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (page == MAP_FAILED || shmgate_check(page, (uint64_t)status.st_size) != 0) return perror(path), 1;
    int lock = shmgate_open_lock(file, path);
    uint64_t *data = (uint64_t *)((char *)page + page->data_offset);
    uint64_t size = page->total_bytes - page->data_offset, written = 0;
    int64_t pause = (int64_t)((double)size / (double)(1 << 30) / atof(words[2]) * 1e9);
    int64_t start = now(), end = start + (int64_t)(atof(words[3]) * 1e9), due = start;
    while (now() < end) {
        if (shmgate_write_begin(page, lock, path) != 0) return perror(path), 1;
        for (uint64_t i = 0; i < size / 8; i++) data[i] = written;
        shmgate_write_end(page, lock, 1);
        written++;
        // One that has fallen behind does not catch up, or it would write without a pause.
        due = due + pause > now() ? due + pause : now();
        sleep_until(due);
    }
    printf("%.3f\n", (double)(written * size) / (double)(1 << 30) / ((double)(now() - start) * 1e-9));
    return 0;
}
