#include <stdio.h>
#include <stdlib.h>

#include "sandbox.h"

static script_t *script_of(const options_t *o)
{
    script_t *script = script_new(o->seed);
    for (size_t i = 0; i < o->script_count; i++) {
        const char *wrong = script_add(script, o->script[i], strlen(o->script[i]));
        if (wrong) {
            fprintf(stderr, "weir-sandbox: --script %s: %s\n", o->script[i], wrong);
            script_destroy(&script);
            return NULL;
        }
    }
    return script;
}

int main(int argc, char **argv)
{
    options_t options;
    int stop = options_parse(&options, argc, argv);
    if (stop)
        return stop - 1;
    script_t *script = script_of(&options);
    if (!script)
        return 64;
    record_t *record = record_new(options.record, options.ends, options.keep, options.remember);
    limit_t *limit =
        options.limit ? limit_new(options.limit, options.limit_us, options.penalty_us) : NULL;
    int code = record ? server_run(&options, script, limit, record) : 75;
    record_destroy(&record);
    limit_destroy(&limit);
    script_destroy(&script);
    return code;
}
