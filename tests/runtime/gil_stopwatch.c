/* Preloaded into Python: how long the calling thread has waited for the GIL, in ns.

CPython waits for it in pthread_cond_timedwait, and a thread of the tests for nothing else there.
What the thread waited for a processor meanwhile is left out.
*/
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static __thread long long waited;
static __thread int scheduler = -1;

long long gil_waited(void) { return waited; }

static long long now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static long long without_processor(void) {
    char text[100], *rest;
    if (scheduler < 0)
        scheduler = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    ssize_t size = pread(scheduler, text, sizeof(text) - 1, 0);
    text[size < 0 ? 0 : size] = 0;
    strtoll(text, &rest, 10);
    return strtoll(rest, 0, 10);
}

int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
                           const struct timespec *end) {
    int (*wait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *) =
        dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    long long queued = without_processor(), start = now();
    int result = wait(cond, mutex, end);
    waited += now() - start - (without_processor() - queued);
    return result;
}
