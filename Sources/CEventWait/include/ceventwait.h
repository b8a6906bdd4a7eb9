/* The wait of the event threads: `epoll_wait` in the place of the C library's, for libmicrohttpd as well, which finds
 * that of the program first.
 *
 * libmicrohttpd (0.9.75 and 1.0.1 alike) takes at most 128 events at a time, and behind a full batch it waits once more
 * before it looks at any of them, for as long as it likes to wait when nothing happens at all: for ever. So 128 clients
 * that ask at once would get their answers only when another one came. Here a wait behind a full batch never blocks; the
 * loop around it finds that there is no more, and goes to work. Whoever else waits in this process (libdispatch may) gets
 * nothing from such a wait, if there is nothing, and waits again. */
#ifndef CEVENTWAIT_H
#define CEVENTWAIT_H

#include <sys/epoll.h>

#endif
