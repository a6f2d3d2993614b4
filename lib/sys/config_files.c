/* config_files.c: which files a configuration has: the one that is named, then drop-ins by
 * systemd's rules (systemd-system.conf(5)): in the order of their names over all directories, a
 * name in a higher directory instead of the same name in a lower one, a link to /dev/null for none
 * at all. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sys/config_yaml.h"

#define PATH_BYTES 4096
#define OWN_FOLDER "etc/weir/"

static void complain_file(config_tree_t *tree, const char *path, const char *what)
{
    node_t at = {.kind = NODE_MAP, .file = path, .order = tree->file_count + 1};
    config_complain(tree, &at, "%s", what);
    tree->partial = true;
}

/* ---- one file ---- */

static ssize_t read_whole(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* a FIFO must not stop us */
    struct stat st;
    ssize_t len = 0, got = 0;
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) || !S_ISREG(st.st_mode))
        len = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
    while (len >= 0 && (size_t)len < size && (got = read(fd, out + len, size - (size_t)len)) > 0)
        len += got;
    if (got < 0)
        len = -errno;
    close(fd);
    return len;
}

static const char *hint_of(int error)
{
    switch (error) {
    case ENOENT:
        return "; name another with --config FILE, or begin with weirctl init";
    case EACCES:
        return "; run as root or as a user who may read it";
    case EISDIR:
        return "; name the file in it";
    default:
        return "";
    }
}

static void note_file(config_tree_t *tree, const char *path, const char *state)
{
    json_t *note = json_pack("{s:s, s:s}", "file", path, "state", state);
    if (!tree->files)
        tree->files = json_array();
    if (note) /* a path that is not UTF-8 cannot be told */
        must(json_array_append_new(tree->files, note) == 0);
}

static void read_file(config_tree_t *tree, const char *path)
{
    char *text = malloc(CONFIG_FILE_BYTES_MAX + 1);
    must(text);
    ssize_t len = read_whole(path, text, CONFIG_FILE_BYTES_MAX + 1);
    if (len < 0) {
        char what[160];
        snprintf(what, sizeof what, "cannot be read: %s%s", strerror((int)-len),
                 hint_of((int)-len));
        complain_file(tree, path, what);
    } else if ((size_t)len > CONFIG_FILE_BYTES_MAX) {
        complain_file(tree, path, "larger than 1 MiB; split it over conf.d");
    } else {
        config_tree_parse(tree, bytes_of(text, (size_t)len), path);
        note_file(tree, path, "read");
    }
    free(text);
}

/* ---- drop-ins ---- */

/* Highest first: who comes first has the name. */
typedef struct drop_ins {
    struct drop_in {
        char *name, *path;
        bool disabled;
    } items[CONFIG_FILES_MAX];
    size_t count;
    uid_t owner; /* of the first file */
} drop_ins_t;

static int is_drop_in(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".yaml") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); /* not the locale's order */
}

static bool is_dev_null(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3);
}

static const struct drop_in *find_name(const drop_ins_t *all, const char *name)
{
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(all->items[i].name, name) == 0)
            return &all->items[i];
    return NULL;
}

static void add_drop_in(config_tree_t *tree, drop_ins_t *all, const char *directory,
                        const char *name)
{
    char path[PATH_BYTES + 256], state[PATH_BYTES + 300];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    const struct drop_in *higher = find_name(all, name);
    if (higher) {
        snprintf(state, sizeof state, "masked by %s", higher->path);
        note_file(tree, path, state);
        return;
    }
    if (all->count == CONFIG_FILES_MAX) {
        complain_file(tree, directory, "more than 256 drop-ins; put some together");
        return;
    }
    struct stat st = {0};
    bool there = stat(path, &st) == 0;
    if (there && st.st_uid != 0 && st.st_uid != all->owner && !is_dev_null(&st)) {
        /* the actors' user may write to /run/weir: it must not configure Weir */
        complain_file(tree, path,
                      "belongs neither to root nor to the owner of the first file; chown it");
        return;
    }
    struct drop_in *item = &all->items[all->count++];
    item->path = config_tree_text(tree, path, strlen(path));
    item->name = item->path + strlen(directory) + 1;
    item->disabled = there && is_dev_null(&st);
}

static void find_drop_ins(config_tree_t *tree, drop_ins_t *all, const char *directory)
{
    struct dirent **entries = NULL;
    int count = scandir(directory, &entries, is_drop_in, by_bytes);
    if (count < 0 && errno != ENOENT && errno != ENOTDIR) {
        char what[160];
        snprintf(what, sizeof what, "cannot be read: %s%s", strerror(errno), hint_of(errno));
        complain_file(tree, directory, what);
    }
    for (int i = 0; i < count; i++) {
        add_drop_in(tree, all, directory, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct drop_in *)a)->name, ((const struct drop_in *)b)->name);
}

/* A file in ROOT/etc/weir has the three directories below the same ROOT, which is "/" for the
 * installed one; a file elsewhere only the conf.d beside it. */
static void find_all(config_tree_t *tree, drop_ins_t *all, const char *path)
{
    static const char *const folders[] = {"etc/weir", "run/weir", "usr/lib/weir"};
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash + 1 - path) : 0, own = strlen(OWN_FOLDER);
    bool is_own = len >= own && memcmp(path + len - own, OWN_FOLDER, own) == 0 &&
                  (len == own || path[len - own - 1] == '/');
    char directory[PATH_BYTES];
    if (is_own)
        len -= own;
    for (size_t i = 0; i < (is_own ? COUNT_OF(folders) : 1); i++) {
        int n = snprintf(directory, sizeof directory, "%.*s%s%sconf.d", (int)len, path,
                         is_own ? folders[i] : "", is_own ? "/" : "");
        if (n < 0 || n >= (int)sizeof directory)
            return; /* nor could the file itself be read */
        find_drop_ins(tree, all, directory);
    }
}

void config_tree_read(config_tree_t *tree, const char *path)
{
    struct stat st = {0};
    drop_ins_t *all = config_tree_own(tree, sizeof *all);
    all->owner = stat(path, &st) == 0 ? st.st_uid : 0;
    read_file(tree, path);
    find_all(tree, all, path);
    qsort(all->items, all->count, sizeof *all->items, by_name);
    for (size_t i = 0; i < all->count; i++)
        if (all->items[i].disabled)
            note_file(tree, all->items[i].path, "disabled: a link to /dev/null");
        else
            read_file(tree, all->items[i].path);
}
