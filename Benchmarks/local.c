/// The least that a write under a lock and a copy can cost in C: lock a range of a file, store, unlock, wake who waits;
/// the same with the turnstile and the look at the name that the format's protocol asks for; memcpy of 8 MB.
///
///     local DIRECTORY NAME
///
/// NAME is a scratch file in the tmpfs. Prints nanoseconds of CPU time for each, the median of batches.
#include <fcntl.h>
#include <linux/futex.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { BATCHES = 15, WRITES = 2000, COPIES = 10, COPIED = 8000000 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *times) {
    qsort(times, BATCHES, sizeof times[0], ascending);
    return times[BATCHES / 2];
}

static int set_lock(int file, short type, int start, int bytes) {
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = bytes};
    return fcntl(file, F_OFD_SETLK, &lock);
}

/// Writes a word; with the name of the file in its directory as the protocol has it.
static int measure_writes(const char *title, int file, volatile uint32_t *word, int directory, const char *name) {
    double times[BATCHES];
    for (int batch = 0; batch < BATCHES; batch++) {
        double began = now();
        for (int i = 0; i < WRITES; i++) {
            struct stat status;
            if (set_lock(file, F_WRLCK, 64, name ? 16 : 8) != 0) return -1;
            if (name && set_lock(file, F_UNLCK, 72, 8) != 0) return -1;
            if (name && fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return -1;
            word[1]++;
            syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
            if (set_lock(file, F_UNLCK, 64, 8) != 0) return -1;
        }
        times[batch] = (now() - began) / WRITES;
    }
    printf("%s %.1f\n", title, median(times));
    return 0;
}

static void measure_copies(const char *from, char *to) {
    double times[BATCHES];
    for (int batch = 0; batch < BATCHES; batch++) {
        double began = now();
        for (int i = 0; i < COPIES; i++) {
            memcpy(to, from, COPIED);
            __asm__ volatile("" ::"r"(to) : "memory");
        }
        times[batch] = (now() - began) / COPIES;
    }
    printf("snapshot %.1f\n", median(times));
}

int main(int count, char **words) {
    if (count != 3) return fprintf(stderr, "usage: local DIRECTORY NAME\n"), 2;
    int directory = open(words[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int file = openat(directory, words[2], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || ftruncate(file, COPIED) != 0) return perror(words[1]), 1;
    char *bytes = mmap(NULL, COPIED, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    char *copy = malloc(COPIED);
    if (bytes == MAP_FAILED || copy == NULL) return perror(words[1]), 1;
    memset(bytes, 1, COPIED);
    memset(copy, 0, COPIED);
    volatile uint32_t *word = (volatile uint32_t *)bytes;
    if (measure_writes("write", file, word, directory, NULL) != 0) return perror("lock"), 1;
    if (measure_writes("protocol", file, word, directory, words[2]) != 0) return perror("lock"), 1;
    measure_copies(bytes, copy);
    return 0;
}
