#include "actors/actor_options.h"

#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#define EXIT_ASKED 0
#define EXIT_USAGE 64

static int usage(const actor_spec_t *spec, FILE *to, int code)
{
    const char *name = actor_name(spec->kind);
    fprintf(to,
            "weir-%s: the %s of Weir. It is started by weir-supervisor, never by hand.\n"
            "Usage: weir-%s [--help | --version]\n",
            name, name, name);
    return code;
}

int actor_options(const actor_spec_t *spec, int argc, char **argv)
{
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'}, {0}};
    int option = getopt_long(argc, argv, "hV", options, NULL);
    if (option == 'h')
        return usage(spec, stdout, EXIT_ASKED);
    if (option == 'V') {
        printf("weir-%s %s\n", actor_name(spec->kind), WEIR_VERSION);
        return EXIT_ASKED;
    }
    return option != -1 || optind < argc ? usage(spec, stderr, EXIT_USAGE) : -1;
}
