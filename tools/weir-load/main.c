#include <errno.h>

#include "load.h"

int main(int argc, char **argv)
{
    static options_t options;
    static counts_t counts;
    int stop = options_parse(&options, argc, argv);
    if (stop)
        return stop - 1;
    plan_t *plan = plan_new(&options);
    if (!plan)
        return 64;
    FILE *record = options.record ? fopen(options.record, "ae") : NULL;
    int code = 64;
    if (options.record && !record)
        fprintf(stderr, "weir-load: %s: %s\n", options.record, strerror(errno));
    else
        code = load_run(&options, plan, record, &counts);
    if (code == 0)
        result_print(&options, &counts);
    if (record)
        fclose(record);
    plan_destroy(&plan);
    return code == 0 && counts.unacknowledged + counts.unsent > 0 ? 75 : code;
}
