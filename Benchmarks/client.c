/// A client that sends one request again and again over kept-alive connections and throws the answers away.
///
///     client [--copy | --torn] HOST PORT FILE CONNECTIONS SECONDS
///
/// FILE holds the request as it goes over the wire. One blocking socket per thread. Bodies are discarded inside the
/// kernel (MSG_TRUNC), so that the client costs as little as it can beside the server; `--copy` receives them into a
/// 256 KiB buffer instead, and `--torn` receives them whole and counts those whose 8-byte words differ. Answers are those of HTTP, 200, 204 or 206 with a length, or of Redis, a string or an
/// integer; any other is an error, and so is a connection that ends in an answer. Prints one JSON object: requests that
/// were complete at the end, the seconds that they took, and the 50th and the 99th percentile of their latencies.
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

enum { BUFFER_BYTES = 256 * 1024, HEAD_BYTES = 16 * 1024, TIMEOUT_SECONDS = 60 };

static struct sockaddr_in server;
static char *request;
static size_t requestBytes;
static int discardFlag = MSG_TRUNC;
static int looksForTorn;
static double deadline;

typedef struct {
    float *latencies;  // in milliseconds, one for each request
    size_t requests, room, torn;
    char *whole;  // an answer, if it is looked at
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

/// The length of what follows a whole head, from the first byte behind it. Returns what is wrong, or NULL.
static const char *readHead(const char *head, const char *end, uint64_t *length) {
    int status = 0;
    *length = 0;
    if (head[0] == ':') return NULL;
    if (head[0] == '$') {
        *length = strtoull(head + 1, NULL, 10) + 2;
        return head[1] == '-' ? "no such key" : NULL;
    }
    if (sscanf(head, "HTTP/1.1 %d", &status) != 1) return "neither HTTP/1.1 nor Redis";
    if (status == 204) return NULL;
    if (status != 200 && status != 206) return "a status other than 200, 204 and 206";
    const char *field = strcasestr(head, "\r\nContent-Length:");
    if (field == NULL || field > end) return "an answer without Content-Length";
    *length = strtoull(field + strlen("\r\nContent-Length:"), NULL, 10);
    return NULL;
}

/// Receives the rest of a body into memory and looks at all of it. Returns what failed, or NULL.
static const char *receiveWhole(Tally *tally, int fd, const char *begin, uint64_t got, uint64_t length) {
    tally->whole = realloc(tally->whole, length + 1);
    if (tally->whole == NULL || got > length) return "memory";
    memcpy(tally->whole, begin, got);
    while (got < length) {
        ssize_t n = recv(fd, tally->whole + got, length - got, 0);
        if (n <= 0) return n == 0 ? "the connection ended in a body" : "recv of the body";
        got += (uint64_t)n;
    }
    tally->torn += length > 8 && memcmp(tally->whole, tally->whole + 8, length - 8) != 0;
    return NULL;
}

/// Receives one answer. Returns what failed, or NULL.
static const char *receiveAnswer(Tally *tally, int fd, char *buffer) {
    size_t have = 0;
    char *end = NULL;
    while (end == NULL) {
        if (have == HEAD_BYTES) return "a head of more than 16 KiB";
        ssize_t n = recv(fd, buffer + have, HEAD_BYTES - have, 0);
        if (n <= 0) return n == 0 ? "the connection ended before an answer" : "recv of the head";
        have += (size_t)n;
        buffer[have] = '\0';
        const char *mark = buffer[0] == 'H' ? "\r\n\r\n" : "\r\n";
        end = strstr(buffer, mark);
        if (end != NULL) end += strlen(mark);
    }
    uint64_t length = 0, got = have - (size_t)(end - buffer);
    const char *wrong = readHead(buffer, end, &length);
    if (wrong != NULL) return wrong;
    if (looksForTorn) return receiveWhole(tally, fd, end, got, length);
    while (got < length) {
        uint64_t rest = length - got;
        ssize_t n = recv(fd, buffer, rest < BUFFER_BYTES ? rest : BUFFER_BYTES, discardFlag);
        if (n <= 0) return n == 0 ? "the connection ended in a body" : "recv of the body";
        got += (uint64_t)n;
    }
    return got == length ? NULL : "more bytes than the head says";
}

/// Notes the latency of a request that is complete.
static const char *note(Tally *tally, double seconds) {
    if (tally->requests == tally->room) {
        tally->room = tally->room ? tally->room * 2 : 1024;
        tally->latencies = realloc(tally->latencies, tally->room * sizeof *tally->latencies);
        if (tally->latencies == NULL) return "memory";
    }
    tally->latencies[tally->requests++] = (float)(seconds * 1e3);
    return NULL;
}

static int ascending(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static char *readFile(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    char *bytes = NULL;
    if (file == NULL) return NULL;
    if (fseek(file, 0, SEEK_END) == 0) {
        long length = ftell(file);
        rewind(file);
        bytes = malloc((size_t)length + 1);
        *size = bytes == NULL ? 0 : fread(bytes, 1, (size_t)length, file);
    }
    fclose(file);
    return bytes;
}

static void *exchange(void *argument) {
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
        double sent = now();
        tally->failure = sendAll(fd);
        if (tally->failure == NULL) tally->failure = receiveAnswer(tally, fd, buffer);
        if (tally->failure == NULL) tally->failure = note(tally, now() - sent);
    }
    tally->error = errno;
    tally->finished = now();
    if (fd >= 0) close(fd);
    free(buffer);
    free(tally->whole);
    return NULL;
}

int main(int count, char **arguments) {
    if (count > 1 && arguments[1][0] == '-') {
        discardFlag = 0;
        looksForTorn = strcmp(arguments[1], "--torn") == 0;
        arguments++;
        count--;
    }
    if (count != 6) {
        fprintf(stderr, "usage: client [--copy | --torn] HOST PORT FILE CONNECTIONS SECONDS\n");
        return 2;
    }
    const char *host = arguments[1];
    int port = atoi(arguments[2]), connections = atoi(arguments[4]);
    double seconds = atof(arguments[5]);
    request = readFile(arguments[3], &requestBytes);
    server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (request == NULL || requestBytes == 0 || inet_pton(AF_INET, host, &server.sin_addr) != 1 || connections < 1
        || connections > 1024 || seconds <= 0) {
        fprintf(stderr, "client: HOST is an IPv4 address, FILE a request, CONNECTIONS 1 to 1024, SECONDS more than 0\n");
        return 2;
    }

    pthread_t *threads = calloc((size_t)connections, sizeof *threads);
    Tally *tallies = calloc((size_t)connections, sizeof *tallies);
    if (threads == NULL || tallies == NULL) return 1;
    double started = now(), finished = started;
    deadline = started + seconds;
    for (int i = 0; i < connections; i++) {
        if (pthread_create(&threads[i], NULL, exchange, &tallies[i]) != 0) return 1;
    }
    Tally sum = {0};
    for (int i = 0; i < connections; i++) {
        pthread_join(threads[i], NULL);
        sum.requests += tallies[i].requests;
        sum.torn += tallies[i].torn;
        if (tallies[i].finished > finished) finished = tallies[i].finished;
        if (tallies[i].failure != NULL) {
            fprintf(stderr, "client: %s (errno %d: %s)\n", tallies[i].failure, tallies[i].error,
                    strerror(tallies[i].error));
            return 1;
        }
    }
    float *all = malloc((sum.requests + 1) * sizeof *all);
    if (all == NULL || sum.requests == 0) return 1;
    for (size_t i = 0, at = 0; i < (size_t)connections; at += tallies[i++].requests)
        memcpy(all + at, tallies[i].latencies, tallies[i].requests * sizeof *all);
    qsort(all, sum.requests, sizeof *all, ascending);
    printf("{\"requests\": %zu, \"torn\": %zu, \"seconds\": %.6f, \"p50_ms\": %.4f, \"p99_ms\": %.4f}\n",
           sum.requests, sum.torn, finished - started, (double)all[sum.requests / 2], (double)all[sum.requests * 99 / 100]);
    return 0;
}
