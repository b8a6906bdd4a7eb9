/* libmicrohttpd as Swift can call it: its variadic functions, given types. */
#ifndef CMICROHTTPD_SHIM_H
#define CMICROHTTPD_SHIM_H

#include <linux/sockios.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>

/* MHD_start_daemon without a port; the options end with MHD_OPTION_END. */
static inline struct MHD_Daemon *cmicrohttpd_start_daemon(
    unsigned int flags, MHD_AccessHandlerCallback handler, void *handler_cls, struct MHD_OptionItem *options) {
    return MHD_start_daemon(flags, 0, NULL, NULL, handler, handler_cls, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

/* The file descriptor of a connection, or -1. */
static inline int cmicrohttpd_connection_fd(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}

/* The file descriptor that an epoll thread waits with, or -1. */
static inline int cmicrohttpd_epoll_fd(struct MHD_Daemon *daemon) {
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
    return info ? info->epoll_fd : -1;
}

/* The address of the client of a connection, or NULL; the connection's own. */
static inline const struct sockaddr *cmicrohttpd_peer_address(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return info ? info->client_addr : NULL;
}

/* How many bytes the peer of a TCP socket has acknowledged in all, and how many wait for that; 0 if unknown. */
static inline int cmicrohttpd_delivery(int descriptor, uint64_t *acknowledged, int *waiting) {
    /* The beginning of Linux's struct tcp_info as it has been since 4.1; the C library's own ends before it. */
    struct {
        uint8_t states[8];
        uint32_t counts[24];
        uint64_t rates[2];
        uint64_t acknowledged;
    } info = {0};
    socklen_t size = sizeof info;
    if (getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 || size < sizeof info) return 0;
    *acknowledged = info.acknowledged;
    return ioctl(descriptor, SIOCOUTQ, waiting) == 0;
}

/* The bytes from the method to the empty line behind the header fields, or 0. */
static inline size_t cmicrohttpd_header_size(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info ? info->header_size : 0;
}

/* Lets a response have no length: its end is the end of the connection. */
static inline void cmicrohttpd_end_with_connection(struct MHD_Response *response) {
    MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
}

/* What NOTIFY_CONNECTION stored for a connection. */
static inline void *cmicrohttpd_socket_context(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/* The flags of an epoll thread that the acceptor feeds, with TLS or without. */
static inline unsigned int cmicrohttpd_fed_epoll_thread(int tls) {
    return MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET
        | (tls ? MHD_USE_TLS : 0);
}

/* The GnuTLS session of a connection, or NULL. */
static inline void *cmicrohttpd_session(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    return info ? info->tls_session : NULL;
}

/* Who has the other end of a Unix-domain socket, as he was when he connected; 0 if that is known. */
static inline int cmicrohttpd_peer_user(int descriptor, uint32_t *user) {
    struct { int32_t pid; uint32_t uid; uint32_t gid; } peer; /* Linux's struct ucred */
    socklen_t size = sizeof peer;
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || size != sizeof peer) return -1;
    *user = peer.uid;
    return 0;
}

/* How many bytes the kernel keeps for a socket until the other side has read them. */
static inline int cmicrohttpd_send_buffer(int descriptor) {
    int bytes = 0;
    socklen_t size = sizeof bytes;
    return getsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &bytes, &size) == 0 ? bytes : 0;
}

/* Ends a connection on which nothing was sent or received for so long. */
static inline void cmicrohttpd_set_timeout(struct MHD_Connection *connection, unsigned int seconds) {
    MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, seconds);
}

/* Declared here because the C library hides them from programs that do not ask for GNU's extensions. */
extern int accept4(int descriptor, struct sockaddr *address, socklen_t *length, int flags);
extern int sched_getcpu(void);
extern int pthread_setname_np(pthread_t thread, const char *name);

/* The processor that the calling thread is on at this moment. */
static inline int cmicrohttpd_processor(void) { return sched_getcpu(); }

/* The result of a content reader that cannot go on. */
static inline ssize_t cmicrohttpd_reader_ended(void) { return MHD_CONTENT_READER_END_OF_STREAM; }
static inline ssize_t cmicrohttpd_reader_failed(void) { return MHD_CONTENT_READER_END_WITH_ERROR; }

#endif
