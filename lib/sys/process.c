#include "sys/process.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/log.h"

static uint64_t resident_bytes(void)
{
    unsigned long long size = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f)
        return 0;
    int n = fscanf(f, "%llu %llu", &size, &resident);
    fclose(f);
    return n == 2 ? resident * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

/* Since Linux 6.2 the folder's size is the number; before, its entries are counted. */
static uint64_t open_fds(void)
{
    struct stat st;
    if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0)
        return (uint64_t)st.st_size;
    DIR *folder = opendir("/proc/self/fd");
    if (!folder)
        return 0;
    uint64_t n = 0;
    while (readdir(folder))
        n++;
    closedir(folder);
    return n > 3 ? n - 3 : 0; /* ".", ".." and the folder itself */
}

void process_usage(process_usage_t *out)
{
    struct rusage u = {0};
    getrusage(RUSAGE_SELF, &u);
    *out = (process_usage_t){
        .cpu_seconds = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
                       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6,
        .resident_bytes = resident_bytes(),
        .open_fds = open_fds(),
    };
}

void process_measure(metrics_t *metrics)
{
    const bytes_t none = {0};
    process_usage_t usage;
    process_usage(&usage);
    metrics_set(metrics, METRIC_CPU_SECONDS, none, usage.cpu_seconds);
    metrics_set(metrics, METRIC_MEMORY_BYTES, none, (double)usage.resident_bytes);
    metrics_set(metrics, METRIC_OPEN_FDS, none, (double)usage.open_fds);
    metrics_set(metrics, METRIC_LOG_DROPPED, none, (double)log_dropped());
}

void process_hide(void) { must(prctl(PR_SET_DUMPABLE, 0) == 0); }

uint64_t process_memory_kills(void)
{
    unsigned long long count = 0;
    char line[128];
    FILE *f = fopen("/proc/vmstat", "re");
    while (f && fgets(line, sizeof line, f) && sscanf(line, "oom_kill %llu", &count) != 1)
        ;
    if (f)
        fclose(f);
    return count;
}

#define MEMORY_OFFER 100 /* of 1000: as if it had a tenth of the memory more than it has */

/* More than our parent has, which needs no right. Where it cannot be written, whoever has most is
 * ended, and that is an actor, too. Before we hide: then the file is root's. */
static void offer_to_end(void)
{
    int score = 0;
    FILE *f = fopen("/proc/self/oom_score_adj", "r+e");
    if (!f)
        return;
    if (fscanf(f, "%d", &score) == 1) {
        rewind(f);
        fprintf(f, "%d", score + MEMORY_OFFER < 1000 ? score + MEMORY_OFFER : 1000);
    }
    fclose(f);
}

/* SIGTERM and SIGINT reach the whole group from a terminal; the order to stop comes from the
 * supervisor. */
void process_settle(void)
{
    static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGQUIT};
    for (size_t i = 0; i < COUNT_OF(ignored); i++)
        signal(ignored[i], SIG_IGN);
    must(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
    offer_to_end();
    process_hide();
}

uint64_t process_seed(void)
{
    uint64_t seed;
    must(getrandom(&seed, sizeof seed, 0) == (ssize_t)sizeof seed);
    return seed;
}
