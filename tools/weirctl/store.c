/* store.c: the store as a file: backups of the running Weir, and what is done to it while it is
 * stopped. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bulk.h"
#include "client.h"
#include "commands.h"
#include "core/msgid.h"
#include "show.h"
#include "store/rebuild.h"
#include "store/sqlite_check.h"
#include "sys/config.h"

#define PATH_BYTES 600
#define COPY_BYTES (1u << 20)

/* Of an error of the store's tools, whose sentence is in `why`. */
static int code_of(int error)
{
    switch (-error) {
    case ENOENT:
    case ENOTDIR:
        return EXIT_NOT_FOUND;
    case EEXIST:
    case ENOSPC:
    case EROFS:
        return EXIT_CANNOT_WRITE;
    case EACCES:
    case EPERM:
        return EXIT_NOT_PERMITTED;
    case EWOULDBLOCK:
        return EXIT_AGAIN;
    case EBADMSG:
    case EPROTO:
    case EBUSY:
        return EXIT_DATA;
    default:
        return EXIT_IO;
    }
}

/* ---- looking ---------------------------------------------------------------------------- */

json_t *store_check_json(const char *verb, const store_check_t *c)
{
    char schema[96];
    json_t *list = json_array(), *said = json_array();
    for (size_t i = 0; i < CHECK_TABLES; i++)
        must(json_array_append_new(list,
                                   json_pack("{s:s, s:I, s:I, s:b}", "table", c->tables[i].table,
                                             "rows", (json_int_t)c->tables[i].rows, "damaged",
                                             (json_int_t)c->tables[i].damaged, "cut_short",
                                             (int)c->tables[i].cut_short)) == 0);
    for (size_t i = 0; i < c->said_count; i++)
        must(json_array_append_new(said, json_string(c->said[i])) == 0);
    snprintf(schema, sizeof schema, "weir.%s/1", verb);
    json_t *j =
        json_pack("{s:s, s:b, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "schema", schema, "ok",
                  c->damaged == 0, "store_schema", c->schema, "bytes", (json_int_t)c->bytes,
                  "not_finished", (json_int_t)c->tally.live, "done", (json_int_t)c->tally.done,
                  "dead", (json_int_t)c->tally.dead, "damaged", (json_int_t)c->damaged,
                  "page_problems", (json_int_t)c->page_problems, "tables", list, "said", said);
    must(j);
    return j;
}

static void show_check(const store_check_t *c, const char *what)
{
    table_t *t = table_new("TABLE|>ROWS|>DAMAGED");
    for (size_t i = 0; i < CHECK_TABLES; i++) {
        table_cell(t, "%s", c->tables[i].table);
        table_cell(t, "%llu%s", (unsigned long long)c->tables[i].rows,
                   c->tables[i].cut_short ? " and more" : "");
        table_cell(t, "%llu", (unsigned long long)c->tables[i].damaged);
    }
    table_print(&t);
    for (size_t i = 0; i < c->said_count; i++)
        printf("damaged: %s\n", c->said[i]);
    if (c->damaged > c->said_count)
        printf("and %llu more\n", (unsigned long long)(c->damaged - c->said_count));
    if (c->damaged == 0)
        printf("%s is whole: %llu messages not finished, %llu done, %llu dead\n", what,
               (unsigned long long)c->tally.live, (unsigned long long)c->tally.done,
               (unsigned long long)c->tally.dead);
    else
        printf(
            "%s is damaged. Weir works on with what is whole; to mend it: stop Weir, weirctl store "
            "rebuild --dry-run, then without; or weirctl restore a backup\n",
            what);
}

static int show_or_print(const cli_t *cli, const store_check_t *c, const char *what)
{
    if (cli->json)
        cli_print_json(store_check_json(cli->command->verb->name, c));
    else
        show_check(c, what);
    return c->damaged ? EXIT_DATA : EXIT_OK;
}

static int check_path(const cli_t *cli, const char *path, const char *what)
{
    store_check_t found;
    char why[512];
    int error = store_check(path, &found, why, sizeof why);
    return error ? cli_complain(code_of(error), "%s", why) : show_or_print(cli, &found, what);
}

/* ---- a copy of the running store -------------------------------------------------------- */

typedef struct copying {
    const cli_t *cli;
    bulk_t bulk;
    char part[PATH_BYTES];
} copying_t;

static void cancel(const copying_t *c)
{
    cli_t ask = *c->cli;
    ask.timeout_s = 0;
    json_decref(client_ask_quietly(&ask, ctl_verbs[CTL_VERB_BACKUP_CANCEL].name, json_object()));
}

static int asked(const copying_t *c, enum ctl_verb_id verb, json_t **out)
{
    int code;
    cli_t quiet = *c->cli;
    quiet.timeout_s = 0;
    json_t *answer = client_ask(&quiet, ctl_verbs[verb].name, json_object(), &code);
    if (!answer)
        return code;
    if (!json_is_true(json_object_get(answer, "ok")))
        code = client_verdict(c->cli, answer);
    if (out && code == EXIT_OK)
        *out = answer;
    else
        json_decref(answer);
    return code;
}

static int wait_whole(copying_t *c)
{
    for (;;) {
        char text[128], done[32], all[32];
        json_t *answer = NULL;
        int code = asked(c, CTL_VERB_BACKUP_STATUS, &answer);
        if (code)
            return code;
        const json_t *b = json_object_get(answer, "backup");
        const char *state = text_at(b, "state");
        bool whole = strcmp(state, "whole") == 0, runs = strcmp(state, "running") == 0;
        snprintf(text, sizeof text, "%s of %s copied", table_size(number_at(b, "bytes"), done),
                 table_size(number_at(b, "of_bytes"), all));
        if (!whole && !runs)
            code = cli_complain(EXIT_AGAIN, "the copy has %s: %s", state, text_at(b, "reason"));
        json_decref(answer);
        if (whole || code)
            return code;
        bulk_progress(&c->bulk, text);
        enum bulk_wait next = bulk_wait(&c->bulk);
        if (next == BULK_AGAIN)
            continue;
        bulk_end(&c->bulk);
        cancel(c);
        return cli_complain(next == BULK_TIMEOUT ? EXIT_AGAIN : EXIT_INTERRUPTED,
                            "the copy was given up; nothing was written");
    }
}

static int copy_out(int from, int to)
{
    char *block = malloc(COPY_BYTES);
    ssize_t n = 0;
    int error = 0;
    must(block);
    while (error == 0 && !bulk_interrupted() && (n = read(from, block, COPY_BYTES)) > 0)
        for (ssize_t done = 0, w = 0; done < n && error == 0; done += w)
            if ((w = write(to, block + done, (size_t)(n - done))) < 0)
                error = -errno;
    if (error == 0 && (n < 0 || fsync(to) < 0))
        error = -errno;
    free(block);
    return error;
}

static int receive(copying_t *c)
{
    int code;
    client_t *client =
        client_open(c->cli, ctl_verbs[CTL_VERB_BACKUP_TAKE].name, json_object(), &code);
    json_t *answer = client ? client_next(client) : NULL;
    int from = client ? client_take_fd(client) : -1;
    client_close(&client);
    if (!answer || from < 0) {
        code = answer && !json_is_true(json_object_get(answer, "ok"))
                   ? client_verdict(c->cli, answer)
                   : cli_complain(EXIT_AGAIN, "Weir did not hand the copy over; try again");
        json_decref(answer);
        return code;
    }
    json_decref(answer);
    int to = open(c->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    int error = to < 0 ? -errno : copy_out(from, to);
    if (to >= 0)
        close(to);
    close(from);
    if (error == 0)
        return bulk_interrupted()
                   ? cli_complain(EXIT_INTERRUPTED, "the copy was given up; nothing was kept")
                   : EXIT_OK;
    return cli_complain(error == -EIO ? EXIT_IO : EXIT_CANNOT_WRITE, "%s: %s", c->part,
                        strerror(-error));
}

/* Into c->part, checked. */
static int copy_running(copying_t *c)
{
    bulk_begin(&c->bulk, c->cli);
    int code = asked(c, CTL_VERB_BACKUP_BEGIN, NULL);
    if (code == EXIT_OK)
        code = wait_whole(c);
    bulk_end(&c->bulk);
    return code ? code : receive(c);
}

/* The name only when it is whole, and only if nobody else took it meanwhile. */
static int name_it(const copying_t *c, const char *file)
{
    if (link(c->part, file) < 0)
        return cli_complain(EXIT_CANNOT_WRITE, "%s: %s; nothing was kept", file, strerror(errno));
    char directory[PATH_BYTES];
    snprintf(directory, sizeof directory, "%s", file);
    char *slash = strrchr(directory, '/');
    strcpy(slash ? slash + 1 : directory, slash ? "" : ".");
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    return EXIT_OK;
}

int run_backup(const cli_t *cli)
{
    copying_t c = {.cli = cli};
    const char *file = cli_value(cli, "file");
    struct stat st;
    if (strlen(file) + 8 > sizeof c.part)
        return cli_complain(EXIT_USAGE, "the path is too long");
    if (lstat(file, &st) == 0)
        return cli_complain(EXIT_CANNOT_WRITE, "%s is there already; nothing was done", file);
    snprintf(c.part, sizeof c.part, "%s.part", file);
    unlink(c.part);
    int there = open(c.part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (there < 0)
        return cli_complain(EXIT_CANNOT_WRITE, "%s cannot be written: %s; nothing was done", file,
                            strerror(errno));
    close(there);
    unlink(c.part);
    int code = copy_running(&c);
    if (code == EXIT_OK)
        code = check_path(cli, c.part, file);
    if (code == EXIT_OK || code == EXIT_DATA) { /* a damaged one is better than none */
        int named = name_it(&c, file);
        code = named ? named : code;
    }
    unlink(c.part);
    return code;
}

int run_store_check(const cli_t *cli)
{
    const char *path = cli_value(cli, "path"), *tmp = getenv("TMPDIR");
    if (path)
        return check_path(cli, path, path);
    copying_t c = {.cli = cli};
    char folder[PATH_BYTES - 16];
    snprintf(folder, sizeof folder, "%.500s/weirctl-XXXXXX", tmp ? tmp : "/var/tmp");
    if (!mkdtemp(folder))
        return cli_complain(EXIT_CANNOT_WRITE, "%s: %s", folder, strerror(errno));
    snprintf(c.part, sizeof c.part, "%s/weir.db", folder);
    int code = copy_running(&c);
    if (code == EXIT_OK)
        code = check_path(cli, c.part, "the running store");
    unlink(c.part);
    rmdir(folder);
    return code;
}

/* ---- while Weir is stopped -------------------------------------------------------------- */

static int state_directory(const cli_t *cli, char *out, size_t size)
{
    json_t *json = NULL;
    const char *typed = cli_value(cli, "directory");
    if (typed) {
        snprintf(out, size, "%s", typed);
        return EXIT_OK;
    }
    if (config_read(cli->config ? cli->config : CLI_CONFIG_DEFAULT, &json, cli_on_config_error,
                    NULL) < 0)
        return EXIT_CONFIG;
    snprintf(out, size, "%s", text_at(json, "state_dir"));
    json_decref(json);
    return EXIT_OK;
}

static wall_t wall_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (wall_t){t.tv_sec * US_PER_S + t.tv_nsec / 1000};
}

static void show_restored(const store_restored_t *r, const char *directory)
{
    printf("%s is restored: %llu messages not finished, %llu done, %llu dead\n", directory,
           (unsigned long long)r->check.tally.live, (unsigned long long)r->check.tally.done,
           (unsigned long long)r->check.tally.dead);
    printf(
        "%llu of them may have been finished since the backup was made: they are done again, "
        "marked "
        "maybe_duplicate\nwhat was accepted since is not in it: senders that send again are taken "
        "as new\nleases of work outside are as they were then; those that ended since run out by "
        "their time\n",
        (unsigned long long)r->marked);
    if (*r->set_aside)
        printf("the store that was there is now %s\n", r->set_aside);
}

int run_restore(const cli_t *cli)
{
    char directory[PATH_BYTES], why[512];
    store_restored_t done;
    int code = state_directory(cli, directory, sizeof directory);
    if (code)
        return code;
    const store_restore_t what = {.file = cli_value(cli, "file"),
                                  .directory = directory,
                                  .force = cli_value(cli, "force") != NULL,
                                  .now = wall_now()};
    int error = store_restore(&what, &done, why, sizeof why);
    if (error)
        return cli_complain(code_of(error), "%s", why);
    if (!cli->json) {
        show_restored(&done, directory);
        return EXIT_OK;
    }
    json_t *j = store_check_json(cli->command->verb->name, &done.check);
    must(json_object_set_new(j, "marked", json_integer((json_int_t)done.marked)) == 0 &&
         json_object_set_new(j, "set_aside", json_string(done.set_aside)) == 0);
    cli_print_json(j);
    return EXIT_OK;
}

static void on_lost(void *arg, const rebuild_loss_t *loss)
{
    static const char *const words[] = {
        [REBUILD_ROW] = "a row is left out",
        [REBUILD_STRETCH] = "a page cannot be read; what lay behind is not known",
        [REBUILD_NO_PROGRESS] = "becomes a dead letter: nobody knows how far it had come",
        [REBUILD_NO_CONTENT] = "has lost its content and will become a dead letter"};
    static const msgid_t none;
    char id[MSGID_TEXT] = "";
    if (((const cli_t *)arg)->json)
        return;
    if (!msgid_equal(&loss->id, &none))
        msgid_text(&loss->id, id);
    printf("%s %lld %s: %s\n", loss->table, (long long)loss->seq, id, words[loss->kind]);
}

static void show_rebuilt(const rebuild_report_t *r, bool dry_run)
{
    table_t *t = table_new("TABLE|>COPIED|>LEFT OUT|>UNREADABLE");
    for (size_t i = 0; i < REBUILD_TABLES; i++) {
        table_cell(t, "%s", r->tables[i].table);
        table_cell(t, "%llu", (unsigned long long)r->tables[i].copied);
        table_cell(t, "%llu", (unsigned long long)r->tables[i].left_out);
        table_cell(t, "%llu", (unsigned long long)r->tables[i].unreadable);
    }
    table_print(&t);
    printf("messages: %llu without progress, %llu without content; %llu dedup prints made again\n",
           (unsigned long long)r->without_progress, (unsigned long long)r->without_content,
           (unsigned long long)r->prints_again);
    printf("not finished: %llu before, %llu now; done: %llu, %llu; dead: %llu, %llu\n",
           (unsigned long long)r->said.live, (unsigned long long)r->now.live,
           (unsigned long long)r->said.done, (unsigned long long)r->now.done,
           (unsigned long long)r->said.dead, (unsigned long long)r->now.dead);
    puts(dry_run ? "nothing was changed; without --dry-run this would be the store"
                 : "this is the store now; the old file is weir.db.damaged beside it");
}

static json_t *rebuilt_json(const rebuild_report_t *r, bool dry_run)
{
    json_t *list = json_array();
    for (size_t i = 0; i < REBUILD_TABLES; i++)
        must(json_array_append_new(list,
                                   json_pack("{s:s, s:I, s:I, s:I}", "table", r->tables[i].table,
                                             "copied", (json_int_t)r->tables[i].copied, "left_out",
                                             (json_int_t)r->tables[i].left_out, "unreadable",
                                             (json_int_t)r->tables[i].unreadable)) == 0);
    return json_pack("{s:s, s:b, s:b, s:o, s:I, s:I, s:I}", "schema", "weir.store.rebuild/1", "ok",
                     1, "dry_run", (int)dry_run, "tables", list, "not_finished",
                     (json_int_t)r->now.live, "done", (json_int_t)r->now.done, "dead",
                     (json_int_t)r->now.dead);
}

/* What root made must be what the service can open. */
static void give_to_owner(const char *directory)
{
    char file[PATH_BYTES + 16];
    struct stat st;
    static const char *const names[] = {"weir.db", "weir.lock"};
    for (size_t i = 0; i < COUNT_OF(names) && geteuid() == 0 && stat(directory, &st) == 0; i++) {
        snprintf(file, sizeof file, "%s/%s", directory, names[i]);
        if (chown(file, st.st_uid, st.st_gid) < 0 && errno != ENOENT)
            cli_complain(0, "%s cannot be given to the directory's owner: %s", file,
                         strerror(errno));
    }
}

int run_store_rebuild(const cli_t *cli)
{
    char directory[PATH_BYTES], why[512];
    rebuild_report_t report;
    int code = state_directory(cli, directory, sizeof directory);
    if (code)
        return code;
    const rebuild_options_t options = {.directory = directory,
                                       .dry_run = cli_value(cli, "dry_run") != NULL,
                                       .lost = on_lost,
                                       .arg = (void *)cli};
    int error = store_rebuild(&options, &report, why, sizeof why);
    if (error)
        return cli_complain(code_of(error), "%s", why);
    give_to_owner(directory);
    if (cli->json)
        cli_print_json(rebuilt_json(&report, options.dry_run));
    else
        show_rebuilt(&report, options.dry_run);
    return EXIT_OK;
}
