/* slow_sync: preloaded into what is measured, it makes every flush take WEIR_SYNC_MS (2)
 * milliseconds longer, as on a disk that is not as quick as this one. */
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

int fsync(int fd);
int fdatasync(int fd);

static void linger(void)
{
    const char *ms = getenv("WEIR_SYNC_MS");
    struct timespec t = {.tv_nsec = (ms ? atol(ms) : 2) * 1000000L};
    nanosleep(&t, NULL);
}

static int pass_on(const char *name, int fd)
{
    int (*real)(int);
    *(void **)&real = dlsym(RTLD_NEXT, name);
    linger();
    return real(fd);
}

int fsync(int fd) { return pass_on("fsync", fd); }
int fdatasync(int fd) { return pass_on("fdatasync", fd); }
