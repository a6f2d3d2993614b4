#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "sandbox.h"

static const char usage[] =
    "weir-sandbox: a stand-in downstream with a strict limit, latency and faults; records what it "
    "saw.\n"
    "\n"
    "  weir-sandbox --port 9180 [options]        answers any request; SIGTERM stops it\n"
    "\n"
    "  --port N             listen here (required; 0: any free port, printed)\n"
    "  --host ADDRESS       IPv4 address to listen on (127.0.0.1)\n"
    "  --limit N/Ss         at most N requests in any S seconds; more get 429 with Retry-After\n"
    "  --penalty-ms N       after such a refusal refuse everything for so long (0)\n"
    "  --slots N            at most N requests at once; more get 429\n"
    "  --latency-ms A..B    answer after A to B milliseconds (0..0)\n"
    "  --script JSON        a fault; may be repeated, also by POST /_script:\n"
    "                       {\"path\": \"/v1/*\", \"do\": \"500\", \"every\": 10, \"skip\": 0, "
    "\"times\": 0,\n"
    "                        \"ms\": 1000, \"retry_after\": 0, \"percent\": 100, "
    "\"body\": {}}\n"
    "                       do: a status, reset-before (no effect), reset-after (effect, no "
    "answer),\n"
    "                       hang, slow (by ms), garbage; body: of a status below 300\n"
    "  --record FILE        append a JSON line for each request (written each 100 ms, at "
    "GET /_summary and at exit)\n"
    "  --ends FILE          append a JSON line for each request whose answer was sent or whose "
    "client went away:\n"
    "                       n, seen_us, until_us, answered; n is its number in --record\n"
    "  --keep N             lines kept for GET /_record (100000)\n"
    "  --remember N         calls told apart in GET /_summary (2000000)\n"
    "  --connections N      open connections at most (4096)\n"
    "  --seed N             of chance (1)\n"
    "  --quiet              say nothing at the start\n"
    "\n"
    "  GET /_summary            counts: requests, effects, repeated, marked, violations, answers\n"
    "  GET /_record?since=N     what was seen from the N-th request on, a JSON line each\n"
    "  POST, GET, DELETE /_script   add, list, clear faults\n"
    "  GET /_health             is it there\n";

static const struct option names[] = {
    {"port", 1, NULL, 'p'},        {"host", 1, NULL, 'h'},
    {"limit", 1, NULL, 'l'},       {"penalty-ms", 1, NULL, 'y'},
    {"slots", 1, NULL, 'n'},       {"latency-ms", 1, NULL, 'a'},
    {"script", 1, NULL, 's'},      {"record", 1, NULL, 'r'},
    {"keep", 1, NULL, 'k'},        {"remember", 1, NULL, 'm'},
    {"connections", 1, NULL, 'c'}, {"seed", 1, NULL, 'e'},
    {"quiet", 0, NULL, 'q'},       {"help", 0, NULL, 'H'},
    {"ends", 1, NULL, 'E'},        {0},
};

static bool number(const char *text, unsigned long most, unsigned long *out)
{
    char *end;
    *out = strtoul(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == 0 && *out <= most;
}

static bool take_limit(options_t *o, const char *text)
{
    unsigned most;
    double seconds;
    char unit, rest;
    if (sscanf(text, "%u/%lf%c%c", &most, &seconds, &unit, &rest) != 3 || unit != 's')
        return false;
    if (most < 1 || most > 1000000 || seconds <= 0 || seconds > 86400)
        return false;
    o->limit = most;
    o->limit_us = (int64_t)(seconds * 1e6);
    return true;
}

static bool milliseconds(const char *text, size_t len, int64_t *out_us)
{
    char copy[24], *end;
    if (len == 0 || len >= sizeof copy || text[0] < '0' || text[0] > '9')
        return false;
    memcpy(copy, text, len);
    copy[len] = 0;
    *out_us = (int64_t)(strtod(copy, &end) * 1e3);
    return *end == 0 && *out_us <= 3600 * US_PER_S;
}

/* "A..B" or "A": strtod would take the first point of ".." for its own, so the halves are copied.
 */
static bool take_latency(options_t *o, const char *text)
{
    const char *dots = strstr(text, "..");
    size_t first = dots ? (size_t)(dots - text) : strlen(text);
    const char *second = dots ? dots + 2 : text;
    return milliseconds(text, first, &o->latency_from_us) &&
           milliseconds(second, strlen(second), &o->latency_to_us) &&
           o->latency_to_us >= o->latency_from_us;
}

static bool take_script(options_t *o, const char *text)
{
    if (o->script_count == SCRIPT_RULES_MAX)
        return false;
    o->script[o->script_count++] = text;
    return true;
}

static bool take(options_t *o, int option, const char *value)
{
    unsigned long n = 0;
    bool counted = value && strchr("pynkmce", option);
    if (counted && !number(value, option == 'p' ? 65535 : 100000000, &n))
        return false;
    switch (option) {
    case 'p':
        o->port = (unsigned)n;
        return true;
    case 'y':
        o->penalty_us = (int64_t)n * US_PER_MS;
        return true;
    case 'n':
        o->slots = (unsigned)n;
        return true;
    case 'k':
        o->keep = n;
        return true;
    case 'm':
        o->remember = n;
        return true;
    case 'c':
        o->connections = (unsigned)n;
        return n > 0 && n <= 65536;
    case 'e':
        o->seed = n;
        return true;
    case 'h':
        o->host = value;
        return true;
    case 'r':
        o->record = value;
        return true;
    case 'E':
        o->ends = value;
        return true;
    case 'q':
        o->quiet = true;
        return true;
    case 'l':
        return take_limit(o, value);
    case 'a':
        return take_latency(o, value);
    case 's':
        return take_script(o, value);
    default:
        return false;
    }
}

int options_parse(options_t *o, int argc, char **argv)
{
    *o = (options_t){.port = 65536,
                     .host = "127.0.0.1",
                     .seed = 1,
                     .connections = 4096,
                     .keep = 100000,
                     .remember = 2000000};
    int option;
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (option == 'H') {
            fputs(usage, stdout);
            return 1;
        }
        if (option != '?' && !take(o, option, optarg))
            fprintf(stderr, "weir-sandbox: %s is not what an option takes; see --help\n", optarg);
        else if (option != '?')
            continue;
        return 65;
    }
    if (optind == argc && o->port <= 65535)
        return 0;
    fprintf(stderr, "weir-sandbox: --port is needed, and nothing but options; see --help\n");
    return 65;
}
