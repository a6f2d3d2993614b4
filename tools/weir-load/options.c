#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "load.h"

static const char usage[] =
    "weir-load: sends messages, measures the answers, writes down what was acknowledged. Ends by "
    "itself.\n"
    "\n"
    "  weir-load --url http://127.0.0.1:8180/tickets --rate 1000 --seconds 10\n"
    "  weir-load --url http://127.0.0.1:8180/tickets --count 50000 --connections 64\n"
    "\n"
    "  --url URL            where to send: http://IPv4:PORT/path (required)\n"
    "  --rate N             open loop: N a second whatever the answers; latency counts from the "
    "intended time.\n"
    "                       Without it: closed loop, as fast as the connections are answered\n"
    "  --seconds S          for so long (10, unless --count or --lines)\n"
    "  --count N            so many messages (at most 20000000)\n"
    "  --connections N      at most (64)\n"
    "  --drain-s S          wait so long for the last answers (10; with --resend 60), also\n"
    "                       when stopped; who is stopped twice ends at once\n"
    "  --keys N             spread over so many keys (100)\n"
    "  --size N             bytes of a body, where it has ${pad} (1024)\n"
    "  --body TEXT          body with ${id} ${key} ${n} ${pad}\n"
    "  --prefix TEXT        ids are TEXT and a number (\"m\")\n"
    "  --lines FILE         send the lines of FILE instead, each once (or --count of them, round "
    "and round)\n"
    "  --id-field NAME      of a line, for --record (id)\n"
    "  --key-field NAME     of a line, for --record (conversation)\n"
    "  --header 'N: V'      add a header; may be repeated\n"
    "  --secret FILE        sign as GitHub does with the secret in FILE\n"
    "  --event NAME         X-GitHub-Event with --secret (ping)\n"
    "  --bearer FILE        send the token in FILE\n"
    "  --timeout-ms N       give an answer up after it (10000)\n"
    "  --resend             send again, same id, after 429, 5xx, timeout or a lost connection, "
    "until\n"
    "                       acknowledged: what a good sender does\n"
    "  --resend-ms N        first pause before that, at random up to it; doubles (100)\n"
    "  --resend-max-ms N    and at most this, also when Retry-After says more (2000)\n"
    "  --record FILE        a JSON line for each acknowledged message: id, key, verdict, Weir's "
    "id, times\n"
    "  --seed N             of chance (1)\n"
    "  --leases             each connection takes a lease with --body and gives it back, in turn;\n"
    "                       --url is that of /v1/leases\n"
    "  --dialect NAME       how leases are asked for: weir, or admission: POST of the key to "
    "--url, "
    "and\n"
    "                       of the key and the token that was answered to /release (weir)\n"
    "  --lose N             so many percent of the leases are not given back, at random, as by "
    "holders\n"
    "                       that died: their time ends them (0)\n"
    "  --quiet              no progress line\n"
    "\n"
    "Ends with one JSON line: sent, accepted, duplicates, refused by status, errors, latencies; "
    "with "
    "--leases\n"
    "acquired, refused (429), released, lost, failed by status, rates, latencies. Exit status 0; "
    "75 when\n"
    "something was left unacknowledged.\n";

static const struct option names[] = {
    {"url", 1, NULL, 'u'},
    {"rate", 1, NULL, 'r'},
    {"seconds", 1, NULL, 's'},
    {"count", 1, NULL, 'n'},
    {"connections", 1, NULL, 'c'},
    {"drain-s", 1, NULL, 'D'},
    {"keys", 1, NULL, 'K'},
    {"size", 1, NULL, 'b'},
    {"body", 1, NULL, 'B'},
    {"prefix", 1, NULL, 'p'},
    {"lines", 1, NULL, 'l'},
    {"id-field", 1, NULL, 'i'},
    {"key-field", 1, NULL, 'k'},
    {"header", 1, NULL, 'h'},
    {"secret", 1, NULL, 'S'},
    {"event", 1, NULL, 'E'},
    {"bearer", 1, NULL, 'A'},
    {"timeout-ms", 1, NULL, 't'},
    {"resend", 0, NULL, 'R'},
    {"resend-ms", 1, NULL, 'm'},
    {"resend-max-ms", 1, NULL, 'M'},
    {"record", 1, NULL, 'o'},
    {"seed", 1, NULL, 'e'},
    {"quiet", 0, NULL, 'q'},
    {"leases", 0, NULL, 'L'},
    {"dialect", 1, NULL, 'd'},
    {"lose", 1, NULL, 'x'},
    {"help", 0, NULL, 'H'},
    {0},
};

static bool number(const char *text, double least, double most, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return text[0] >= '0' && text[0] <= '9' && *end == 0 && *out >= least && *out <= most;
}

static bool take_url(options_t *o, const char *url)
{
    char rest = 0;
    o->url = url;
    strcpy(o->path, "/");
    int n = sscanf(url, "http://%63[0-9.]:%u%511s%c", o->host, &o->port, o->path, &rest);
    return (n == 2 || n == 3) && o->path[0] == '/' && o->port >= 1 && o->port <= 65535;
}

static bool take_number(options_t *o, int option, double v)
{
    switch (option) {
    case 'r':
        o->rate = v;
        return v > 0 && v <= 1e6;
    case 's':
        o->seconds = v;
        return v <= 86400;
    case 'D':
        o->drain_s = v;
        return v <= 3600;
    case 'n':
        o->count = (uint64_t)v;
        return v >= 1 && v <= COUNT_MOST;
    case 'c':
        o->connections = (unsigned)v;
        return v >= 1 && v <= 16384;
    case 'K':
        o->keys = (unsigned)v;
        return v >= 1 && v <= 1e8;
    case 'b':
        o->size = (unsigned)v;
        return v <= 16 << 20;
    case 't':
        o->timeout_ms = (unsigned)v;
        return v >= 1 && v <= 3600e3;
    case 'm':
        o->resend_ms = (unsigned)v;
        return v >= 1 && v <= 3600e3;
    case 'M':
        o->resend_max_ms = (unsigned)v;
        return v >= 1 && v <= 3600e3;
    case 'x':
        o->lose = v;
        return v <= 100;
    default:
        o->seed = (uint64_t)v;
        return true;
    }
}

static bool take(options_t *o, int option, const char *value)
{
    double v = 0;
    if (strchr("rsDncKbtmMxe", option))
        return number(value, 0, 1e12, &v) && take_number(o, option, v);
    switch (option) {
    case 'u':
        return take_url(o, value);
    case 'B':
        o->body = value;
        return true;
    case 'p':
        o->prefix = value;
        return strlen(value) < 100;
    case 'l':
        o->lines = value;
        return true;
    case 'i':
        o->id_field = value;
        return true;
    case 'k':
        o->key_field = value;
        return true;
    case 'S':
        o->secret_file = value;
        return true;
    case 'E':
        o->event = value;
        return true;
    case 'A':
        o->bearer_file = value;
        return true;
    case 'o':
        o->record = value;
        return true;
    case 'R':
        o->resend = true;
        return true;
    case 'q':
        o->quiet = true;
        return true;
    case 'L':
        o->leases = true;
        return true;
    case 'd':
        o->dialect = strcmp(value, "admission") == 0 ? DIALECT_ADMISSION : DIALECT_WEIR;
        return o->dialect == DIALECT_ADMISSION || strcmp(value, "weir") == 0;
    case 'h':
        if (o->header_count == HEADERS_MAX || !strchr(value, ':'))
            return false;
        o->headers[o->header_count++] = value;
        return true;
    default:
        return false;
    }
}

static void set_defaults(options_t *o)
{
    *o = (options_t){.connections = 64,
                     .keys = 100,
                     .size = 1024,
                     .timeout_ms = 10000,
                     .resend_ms = 100,
                     .resend_max_ms = 2000,
                     .prefix = "m",
                     .event = "ping",
                     .id_field = "id",
                     .key_field = "conversation",
                     .seed = 1,
                     .seconds = -1,
                     .drain_s = -1};
}

/* What leases need, and what is of messages alone. */
static bool fits_leases(const options_t *o)
{
    bool asked = o->body || o->dialect == DIALECT_ADMISSION;
    if (o->leases && asked && !o->resend && !o->lines && !o->record)
        return true;
    fprintf(stderr, "weir-load: --leases needs --body with the limits, such as "
                    "'{\"limits\": [\"calls\"], \"labels\": {\"key\": \"${key}\"}}', and takes no "
                    "--resend, --lines or --record; --dialect and --lose are of leases; see "
                    "--help\n");
    return false;
}

int options_parse(options_t *o, int argc, char **argv)
{
    set_defaults(o);
    int option;
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (option == 'H') {
            fputs(usage, stdout);
            return 1;
        }
        if (option != '?' && !take(o, option, optarg))
            fprintf(stderr, "weir-load: %s is not what an option takes; see --help\n",
                    optarg ? optarg : "that");
        else if (option != '?')
            continue;
        return 65;
    }
    if (!o->url || optind != argc) {
        fprintf(stderr, "weir-load: --url is needed, and nothing but options; see --help\n");
        return 65;
    }
    if ((o->leases || o->lose > 0 || o->dialect != DIALECT_WEIR) && !fits_leases(o))
        return 65;
    if (o->leases && !o->body)
        o->body = "{\"key\":\"${key}\"}";
    if (o->seconds < 0)
        o->seconds = o->count || o->lines ? 86400 : 10;
    if (o->drain_s < 0)
        o->drain_s = o->resend ? 60 : 10;
    return 0;
}
