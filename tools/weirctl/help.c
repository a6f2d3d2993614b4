#include <stdio.h>

#include "cli.h"

static const char introduction[] =
    "weirctl looks at Weir and changes what it does.\n"
    "Usage: weirctl [--socket PATH | --config FILE] [--json] COMMAND ...\n\n";

static const char ending[] =
    "\nOptions everywhere:\n"
    "  --socket PATH  ctl socket (from --config, else $WEIR_SOCKET, else " CLI_SOCKET_DEFAULT ")\n"
    "  --config FILE  configuration, to find the socket; for check and send (" CLI_CONFIG_DEFAULT
    ")\n"
    "  --json         Weir's answers as they are, one a line\n"
    "  --help         also after a command\n"
    "\nEnds with 0 when done, 1 refused or failed, 64 wrong use, 69 Weir is not running, 75 try "
    "again,\n"
    "77 not permitted, 78 the configuration is wrong (check, send).\n"
    "Example: weirctl why 01J9ZQ4T6W3V8X2M5N7P1R0SAB\n";

/* "dead.ls" as it is typed. */
static void typed_name(const ctl_verb_t *verb, char *out, size_t size)
{
    snprintf(out, size, "%s", verb->name);
    for (char *c = out; *c; c++)
        *c = *c == '.' ? ' ' : *c;
}

static void usage_line(const ctl_verb_t *verb, char *out, size_t size)
{
    typed_name(verb, out, size);
    for (const ctl_arg_t *a = verb->args; a->name; a++) {
        size_t used = strlen(out);
        if (a->need == CTL_PLACE)
            snprintf(out + used, size - used, " %s", a->name);
        else if (a->need == CTL_PLACE_OPTIONAL)
            snprintf(out + used, size - used, " [%s]", a->name);
    }
}

void help_all(void)
{
    char usage[128];
    fputs(introduction, stdout);
    const command_t *c;
    for (size_t i = 0; (c = command_at(i)); i++) {
        usage_line(c->verb, usage, sizeof usage);
        printf("  %-24s %s\n", usage, c->verb->meaning);
    }
    fputs(ending, stdout);
}

static void help_arg(const ctl_arg_t *a)
{
    char left[64];
    if (a->need != CTL_OPTION)
        snprintf(left, sizeof left, "%s", a->name);
    else if (a->kind == CTL_FLAG)
        snprintf(left, sizeof left, "--%s", a->name);
    else
        snprintf(left, sizeof left, "--%s %s", a->name, a->kind == CTL_NUMBER ? "NUMBER" : "VALUE");
    printf("  %-20s %s\n", left, a->meaning);
}

void help_command(const command_t *command)
{
    char usage[128];
    usage_line(command->verb, usage, sizeof usage);
    printf("weirctl %s: %s\n\n", usage, command->verb->meaning);
    for (const ctl_arg_t *a = command->verb->args; a->name; a++)
        help_arg(a);
    for (const ctl_arg_t *a = command->extra; a->name; a++)
        help_arg(a);
    printf("%sExample: %s\n", command->verb->args[0].name || command->extra[0].name ? "\n" : "",
           command->verb->example);
}
