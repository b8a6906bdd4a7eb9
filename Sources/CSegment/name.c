#define _GNU_SOURCE
#include "shmgate_engine.h"
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/random.h>

int shmgate_rename_new(int directory, const char *from, const char *to) {
    return renameat2(directory, from, directory, to, RENAME_NOREPLACE) == 0 ? 0 : errno;
}

int shmgate_rename_over(int directory, const char *from, const char *to) {
    return renameat(directory, from, directory, to) == 0 ? 0 : errno;
}

void shmgate_random(void *bytes, size_t count) {
    for (uint8_t *next = bytes; count > 0;) {
        ssize_t got = getrandom(next, count, 0);
        if (got > 0) next += got, count -= (size_t)got;
    }
}

int shmgate_bell(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }
