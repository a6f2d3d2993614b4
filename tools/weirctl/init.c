/* init.c: weirctl init: an example's files into a directory. Nothing is written over unasked, and
 * nothing is written when one file could not be. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"

#define PATH_BYTES 4096

static bool is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Where the examples are: $WEIR_EXAMPLES, else beside the program as it is installed, else in the
 * folder that it was built in. */
static bool find_examples(char *out, size_t size)
{
    const char *given = getenv("WEIR_EXAMPLES");
    char program[PATH_BYTES - 64];
    if (given && *given) {
        snprintf(out, size, "%s", given);
        return is_directory(out);
    }
    ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
    program[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(program, '/');
    int folder = slash ? (int)(slash - program) : 0;
    snprintf(out, size, "%.*s/../share/weir/examples", folder, program);
    if (!is_directory(out))
        snprintf(out, size, "%.*s/share/weir/examples", folder, program);
    return is_directory(out);
}

static int is_visible(const struct dirent *entry) { return entry->d_name[0] != '.'; }

/* ---- the list --------------------------------------------------------------------------- */

/* The first line of its configuration, a comment. */
static void describe(const char *examples, const char *name, char *out, size_t size)
{
    char path[PATH_BYTES + 300], line[256] = "";
    snprintf(path, sizeof path, "%s/%s/weir.yaml", examples, name);
    FILE *file = fopen(path, "re");
    if (file && fgets(line, sizeof line, file))
        line[strcspn(line, "\n")] = '\0';
    if (file)
        fclose(file);
    snprintf(out, size, "%s", line[0] == '#' ? line + 1 + strspn(line + 1, " ") : "");
}

static int list_examples(const cli_t *cli, const char *examples)
{
    struct dirent **entries = NULL;
    int count = scandir(examples, &entries, is_visible, alphasort);
    for (int i = 0; i < count; i++) {
        char about[256];
        describe(examples, entries[i]->d_name, about, sizeof about);
        if (cli->json)
            cli_print_json(json_pack("{s:s, s:s}", "example", entries[i]->d_name, "about", about));
        else
            printf("%-20s %s\n", entries[i]->d_name, about);
        free(entries[i]);
    }
    free(entries);
    if (!cli->json)
        puts("\nweirctl init EXAMPLE copies one into a directory of that name.");
    return EXIT_OK;
}

/* ---- copying ---------------------------------------------------------------------------- */

static int copy_file(const char *from, const char *to, bool force)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (force ? O_TRUNC : O_EXCL);
    int out = in < 0 ? -1 : open(to, flags, 0644);
    int error = out < 0 ? errno : 0;
    ssize_t n = 1;
    while (!error && n > 0)
        if ((n = sendfile(out, in, NULL, 1 << 20)) < 0)
            error = errno;
    if (in >= 0)
        close(in);
    if (out >= 0 && close(out) < 0 && !error)
        error = errno;
    return error;
}

typedef struct copying {
    const cli_t *cli;
    char from[PATH_BYTES], to[PATH_BYTES];
    struct dirent **entries;
    int count;
} copying_t;

static int each_file(const copying_t *c,
                     int (*act)(const copying_t *c, const char *from, const char *to))
{
    int code = EXIT_OK;
    for (int i = 0; i < c->count && code == EXIT_OK; i++) {
        char from[PATH_BYTES + 300], to[PATH_BYTES + 300];
        snprintf(from, sizeof from, "%s/%s", c->from, c->entries[i]->d_name);
        snprintf(to, sizeof to, "%s/%s", c->to, c->entries[i]->d_name);
        code = act(c, from, to);
    }
    return code;
}

static int look_first(const copying_t *c, const char *from, const char *to)
{
    (void)from;
    if (!cli_value(c->cli, "force") && access(to, F_OK) == 0)
        return cli_complain(EXIT_CANNOT_WRITE,
                            "%s is there already and nothing was written; choose another "
                            "directory, or --force",
                            to);
    return EXIT_OK;
}

static int copy(const copying_t *c, const char *from, const char *to)
{
    int error = copy_file(from, to, cli_value(c->cli, "force") != NULL);
    return error ? cli_complain(EXIT_CANNOT_WRITE, "%s: %s", to, strerror(error)) : EXIT_OK;
}

static int say_next(const copying_t *c)
{
    if (c->cli->json) {
        json_t *json = json_pack("{s:s, s:i}", "directory", c->to, "files", c->count);
        cli_print_json(json ? json : json_object());
        return EXIT_OK;
    }
    printf("%d files in %s. Next:\n"
           "  weirctl check %s/weir.yaml\n"
           "  weir-supervisor --config %s/weir.yaml --foreground --state %s/state --run %s/run\n",
           c->count, c->to, c->to, c->to, c->to, c->to);
    return EXIT_OK;
}

static int copy_example(const cli_t *cli, const char *examples, const char *name)
{
    static copying_t c;
    const char *to = cli_value(cli, "directory");
    c = (copying_t){.cli = cli};
    snprintf(c.from, sizeof c.from, "%s/%s", examples, name);
    snprintf(c.to, sizeof c.to, "%s", to ? to : name);
    if (strchr(name, '/') || *name == '.' || !is_directory(c.from))
        return cli_complain(EXIT_NOT_FOUND, "there is no example %s; weirctl init lists them",
                            name);
    c.count = scandir(c.from, &c.entries, is_visible, alphasort);
    if (c.count < 0)
        return cli_complain(EXIT_IO, "%s: %s", c.from, strerror(errno));
    int code = each_file(&c, look_first);
    if (code == EXIT_OK && mkdir(c.to, 0755) < 0 && errno != EEXIST)
        code = cli_complain(EXIT_CANNOT_WRITE, "%s: %s", c.to, strerror(errno));
    if (code == EXIT_OK)
        code = each_file(&c, copy);
    for (int i = 0; i < c.count; i++)
        free(c.entries[i]);
    free(c.entries);
    return code == EXIT_OK ? say_next(&c) : code;
}

int run_init(const cli_t *cli)
{
    char examples[PATH_BYTES];
    const char *name = cli_value(cli, "example");
    if (!find_examples(examples, sizeof examples))
        return cli_complain(EXIT_NOT_FOUND,
                            "there is no directory %s; set WEIR_EXAMPLES to the one with the "
                            "examples",
                            examples);
    return name ? copy_example(cli, examples, name) : list_examples(cli, examples);
}
