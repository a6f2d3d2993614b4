/* reload.c: waits for the end of a reload, however long its actors take, and shows what changed. */
#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "show.h"

/* Longer than the actors may take to get ready by default, several times over: Weir always answers.
 */
#define RELOAD_TIMEOUT_DEFAULT_S 300

static void show_value(const char *before, const json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    printf("%s%s", before, text ? text : "nothing");
    free(text);
}

void show_reload(const json_t *answer)
{
    size_t n;
    json_t *c, *changes = json_object_get(answer, "changes");
    json_array_foreach(changes, n, c)
    {
        printf("%s: ", text_at(c, "key"));
        show_value("", json_object_get(c, "before"));
        show_value(" -> ", json_object_get(c, "after"));
        putchar('\n');
    }
    if (json_array_size(changes))
        printf("reloaded: %lld actors replaced in %lld ms\n",
               (long long)number_at(answer, "replaced"), (long long)number_at(answer, "took_ms"));
    else
        puts("nothing has changed");
}

void show_restart(const json_t *answer)
{
    printf("%lld replaced in %lld ms\n\n", (long long)number_at(answer, "restarted"),
           (long long)number_at(answer, "took_ms"));
    show_actors(json_object_get(answer, "after"));
}

int run_reload(const cli_t *cli)
{
    cli_t patient = *cli;
    if (patient.timeout_s == 0)
        patient.timeout_s = RELOAD_TIMEOUT_DEFAULT_S;
    return run_plain(&patient);
}
