/// A plain libmicrohttpd server that answers from memory: the least that a server on this library can cost.
///
///     static PORT THREADS FOLDER
///
/// Each file of FOLDER becomes one answer, made once and queued again and again. As libmicrohttpd serves best: epoll
/// threads of its own, kept-alive connections, an answer queued in the last call of a request, so that the connection
/// can be kept. Listens on 127.0.0.1 until it is killed.
#include <arpa/inet.h>
#include <dirent.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_ANSWERS = 256 };

static struct {
    char path[256];
    struct MHD_Response *response;
} answers[MOST_ANSWERS];
static int answerCount;

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *body, size_t *bodyBytes, void **request) {
    static int begun;
    (void)context, (void)method, (void)version, (void)body;
    if (*request == NULL) {
        *request = &begun;
        return MHD_YES;
    }
    if (*bodyBytes != 0) {
        *bodyBytes = 0;
        return MHD_YES;
    }
    for (int i = 0; i < answerCount; i++) {
        if (strcmp(url, answers[i].path) == 0) return MHD_queue_response(connection, MHD_HTTP_OK, answers[i].response);
    }
    return MHD_NO;
}

static int load(const char *folder, const char *name) {
    char path[4096];
    struct stat status;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL || fstat(fileno(file), &status) != 0) return -1;
    size_t size = (size_t)status.st_size;
    char *bytes = malloc(size + 1);
    if (bytes == NULL || fread(bytes, 1, size, file) != size) return -1;
    fclose(file);
    snprintf(answers[answerCount].path, sizeof answers[0].path, "/%s", name);
    answers[answerCount].response = MHD_create_response_from_buffer(size, bytes, MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(answers[answerCount].response, "Content-Type", "application/octet-stream");
    answerCount++;
    return 0;
}

int main(int count, char **arguments) {
    if (count != 4) {
        fprintf(stderr, "usage: static PORT THREADS FOLDER\n");
        return 2;
    }
    DIR *folder = opendir(arguments[3]);
    if (folder == NULL) return perror(arguments[3]), 1;
    for (struct dirent *entry = readdir(folder); entry != NULL && answerCount < MOST_ANSWERS; entry = readdir(folder)) {
        if (entry->d_type == DT_REG && load(arguments[3], entry->d_name) != 0) return perror(entry->d_name), 1;
    }
    closedir(folder);

    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arguments[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    unsigned threads = (unsigned)atoi(arguments[2]);
    struct MHD_OptionItem pool[] = {{threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, threads, NULL},
                                    {MHD_OPTION_END, 0, NULL}};
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, answer, NULL, MHD_OPTION_SOCK_ADDR, &address,
        MHD_OPTION_CONNECTION_LIMIT, 2048u, MHD_OPTION_ARRAY, pool, MHD_OPTION_END);
    if (daemon == NULL) return fprintf(stderr, "static: libmicrohttpd does not start\n"), 1;
    for (;;) pause();
}
