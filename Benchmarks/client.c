/// A client that downloads one path again and again over kept-alive connections and throws the bytes away.
///
///     client [--copy] HOST PORT PATH CONNECTIONS SECONDS
///
/// One blocking socket per thread. Bodies are discarded inside the kernel (MSG_TRUNC), so that the client costs as
/// little as it can beside the server; `--copy` receives them into a 256 KiB buffer instead. Prints one JSON object:
/// requests and body bytes that were complete at the end, and the seconds that they took. Any answer but 200 or 206
/// with a Content-Length is an error, and so is a connection that ends in an answer.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER_BYTES = 256 * 1024, HEAD_BYTES = 16 * 1024, TIMEOUT_SECONDS = 30 };

static struct sockaddr_in server;
static char request[4096];
static size_t requestBytes;
static int discardFlag = MSG_TRUNC;
static double deadline;

typedef struct {
    uint64_t requests;
    uint64_t bytes;
    double finished;
    const char *failure;
    int error;
} Tally;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static const char *sendAll(int fd) {
    for (size_t sent = 0; sent < requestBytes;) {
        ssize_t n = send(fd, request + sent, requestBytes - sent, MSG_NOSIGNAL);
        if (n < 0) return "send";
        sent += (size_t)n;
    }
    return NULL;
}

/// Receives one answer; `*bytes` is the length of its body. Returns what failed, or NULL.
static const char *receiveAnswer(int fd, char *buffer, uint64_t *bytes) {
    size_t have = 0;
    char *end = NULL;
    while (end == NULL) {
        if (have == HEAD_BYTES) return "a head of more than 16 KiB";
        ssize_t n = recv(fd, buffer + have, HEAD_BYTES - have, 0);
        if (n <= 0) return n == 0 ? "the connection ended before an answer" : "recv of the head";
        have += (size_t)n;
        buffer[have] = '\0';
        end = strstr(buffer, "\r\n\r\n");
    }
    int status = 0;
    if (sscanf(buffer, "HTTP/1.1 %d", &status) != 1) return "no HTTP/1.1 status line";
    if (status != 200 && status != 206) return "a status other than 200 and 206";
    char *length = strcasestr(buffer, "\r\nContent-Length:");
    if (length == NULL || length > end) return "an answer without Content-Length";
    *bytes = strtoull(length + strlen("\r\nContent-Length:"), NULL, 10);
    uint64_t got = have - (size_t)(end + 4 - buffer);
    while (got < *bytes) {
        uint64_t rest = *bytes - got;
        ssize_t n = recv(fd, buffer, rest < BUFFER_BYTES ? rest : BUFFER_BYTES, discardFlag);
        if (n <= 0) return n == 0 ? "the connection ended in a body" : "recv of the body";
        got += (uint64_t)n;
    }
    return got == *bytes ? NULL : "more bytes than Content-Length says";
}

static void *download(void *argument) {
    Tally *tally = argument;
    char *buffer = malloc(BUFFER_BYTES + 1);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    struct timeval timeout = {.tv_sec = TIMEOUT_SECONDS};
    if (buffer == NULL || fd < 0) {
        tally->failure = "socket or memory";
    } else {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
        if (connect(fd, (struct sockaddr *)&server, sizeof server) != 0) tally->failure = "connect";
    }
    while (tally->failure == NULL && now() < deadline) {
        uint64_t bytes = 0;
        tally->failure = sendAll(fd);
        if (tally->failure == NULL) tally->failure = receiveAnswer(fd, buffer, &bytes);
        if (tally->failure == NULL) {
            tally->requests += 1;
            tally->bytes += bytes;
        }
    }
    tally->error = errno;
    tally->finished = now();
    if (fd >= 0) close(fd);
    free(buffer);
    return NULL;
}

int main(int count, char **arguments) {
    if (count > 1 && strcmp(arguments[1], "--copy") == 0) {
        discardFlag = 0;
        arguments++;
        count--;
    }
    if (count != 6) {
        fprintf(stderr, "usage: client [--copy] HOST PORT PATH CONNECTIONS SECONDS\n");
        return 2;
    }
    const char *host = arguments[1];
    int port = atoi(arguments[2]), connections = atoi(arguments[4]);
    double seconds = atof(arguments[5]);
    int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s:%d\r\n\r\n", arguments[3], host, port);
    server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (length < 0 || (size_t)length >= sizeof request || inet_pton(AF_INET, host, &server.sin_addr) != 1
        || connections < 1 || connections > 1024 || seconds <= 0) {
        fprintf(stderr, "client: HOST is an IPv4 address, CONNECTIONS 1 to 1024, SECONDS more than 0\n");
        return 2;
    }
    requestBytes = (size_t)length;

    pthread_t *threads = calloc((size_t)connections, sizeof *threads);
    Tally *tallies = calloc((size_t)connections, sizeof *tallies);
    if (threads == NULL || tallies == NULL) return 1;
    double started = now(), finished = started;
    deadline = started + seconds;
    for (int i = 0; i < connections; i++) {
        if (pthread_create(&threads[i], NULL, download, &tallies[i]) != 0) return 1;
    }
    Tally sum = {0};
    for (int i = 0; i < connections; i++) {
        pthread_join(threads[i], NULL);
        sum.requests += tallies[i].requests;
        sum.bytes += tallies[i].bytes;
        if (tallies[i].finished > finished) finished = tallies[i].finished;
        if (tallies[i].failure != NULL) {
            fprintf(stderr, "client: %s (errno %d: %s)\n", tallies[i].failure, tallies[i].error,
                    strerror(tallies[i].error));
            return 1;
        }
    }
    printf("{\"requests\": %llu, \"bytes\": %llu, \"seconds\": %.6f}\n", (unsigned long long)sum.requests,
           (unsigned long long)sum.bytes, finished - started);
    return 0;
}
