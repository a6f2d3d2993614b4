#include "supervisor/options.h"

#include <getopt.h>
#include <stdio.h>

#define EXIT_ASKED 0
#define EXIT_USAGE 64

static const char usage_text[] =
    "weir-supervisor starts, watches and restarts the actors of Weir.\n"
    "Usage: weir-supervisor [--config FILE] [--foreground] [--state DIR] [--run DIR]\n"
    "\n"
    "  --config FILE   configuration (" OPTIONS_CONFIG_DEFAULT ")\n"
    "  --foreground    log to the terminal instead of the journal\n"
    "  --state DIR     directory of the store, instead of the configured one\n"
    "  --run DIR       directory of the sockets, instead of the configured one\n"
    "  --help, --version\n"
    "\n"
    "Whether a configuration is right, without starting anything: weirctl check --secrets\n"
    "Ends with 0 when stopped as asked (SIGTERM or SIGINT; twice: at once), 64 on wrong use, 70 on "
    "a bug of\n"
    "Weir, 75 when it may work later, 78 when the configuration is wrong.\n"
    "Example: weir-supervisor --config etc/examples/support-desk/weir.yaml --foreground --state "
    "/tmp/weir/state "
    "--run /tmp/weir/run\n";

static int usage(FILE *to, int code)
{
    fputs(usage_text, to);
    return code;
}

static const struct option long_options[] = {{"config", required_argument, NULL, 'c'},
                                             {"state", required_argument, NULL, 's'},
                                             {"run", required_argument, NULL, 'r'},
                                             {"foreground", no_argument, NULL, 'f'},
                                             {"help", no_argument, NULL, 'h'},
                                             {"version", no_argument, NULL, 'V'},
                                             {0}};

static int take(int option, options_t *o)
{
    switch (option) {
    case 'c':
        o->config = optarg;
        return -1;
    case 's':
        o->state_dir = optarg;
        return -1;
    case 'r':
        o->run_dir = optarg;
        return -1;
    case 'f':
        o->foreground = true;
        return -1;
    case 'h':
        return usage(stdout, EXIT_ASKED);
    case 'V':
        printf("weir-supervisor %s\n", WEIR_VERSION);
        return EXIT_ASKED;
    default:
        return usage(stderr, EXIT_USAGE);
    }
}

int options_read(int argc, char **argv, options_t *out)
{
    options_t o = {.config = OPTIONS_CONFIG_DEFAULT};
    int option;
    while ((option = getopt_long(argc, argv, "c:s:r:fhV", long_options, NULL)) != -1) {
        int code = take(option, &o);
        if (code >= 0)
            return code;
    }
    if (optind < argc) {
        fprintf(stderr, "weir-supervisor: \"%s\" is not an option\n", argv[optind]);
        return usage(stderr, EXIT_USAGE);
    }
    *out = o;
    return -1;
}
