/* A wall clock that is wrong by as much as a file says.
 *
 * Loaded with LD_PRELOAD into the unmodified server. CLOCK_STEP names a file with one signed number
 * of seconds in eight bytes; it is mapped, so that what a test writes there holds from the next look
 * at the clock. The monotonic clock goes on as it does when an operator sets the wall clock. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int (*real_clock_gettime)(clockid_t, struct timespec *);
static volatile int64_t *step;

static void start(void) {
    real_clock_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    const char *path = getenv("CLOCK_STEP");
    int fd = path ? open(path, O_RDONLY) : -1;
    void *mapped = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *step, PROT_READ, MAP_SHARED, fd, 0);
    if (!real_clock_gettime || mapped == MAP_FAILED) {
        fprintf(stderr, "clock: CLOCK_STEP cannot be read\n");
        abort();
    }
    close(fd);
    step = mapped;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    pthread_once(&once, start);
    int outcome = real_clock_gettime(clock, time);
    if (outcome == 0 && clock == CLOCK_REALTIME)
        time->tv_sec += *step;
    return outcome;
}
