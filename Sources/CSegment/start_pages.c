#define _GNU_SOURCE
#include "shmgate_engine.h"
#include <link.h>
#include <sys/mman.h>

static int give_back(struct dl_phdr_info *object, size_t size, void *unused) {
    (void)size, (void)unused;
    const uintptr_t mask = (uintptr_t)sysconf(_SC_PAGESIZE) - 1;
    for (int number = 0; number < object->dlpi_phnum; number++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[number];
        if (part->p_type != PT_LOAD || (part->p_flags & PF_W) != 0) continue;
        uintptr_t first = object->dlpi_addr + part->p_vaddr;
        uintptr_t start = first & ~mask, end = (first + part->p_memsz + mask) & ~mask;
        madvise((void *)start, end - start, MADV_DONTNEED);
    }
    return 0;
}

void shmgate_give_back_start_pages(void) { dl_iterate_phdr(give_back, NULL); }
