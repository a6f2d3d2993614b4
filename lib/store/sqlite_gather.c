/* A file layer over SQLite's own, for the log: writes that follow one another go out as one. SQLite
 * writes each frame as two pieces, and a call costs more than the bytes. What is gathered goes out
 * before a sync and before anything else that is asked of the file. SQLite tells other connections
 * of a frame only after the sync of its log (synchronous=FULL), so none looks for one that is not
 * there yet. The database is left to SQLite's layer: a checkpoint counts pages as copied without a
 * sync. https://sqlite.org/vfs.html, https://sqlite.org/wal.html */
#include <stdlib.h>

#include "store/sqlite_inner.h"

#define GATHER_BYTES (120u << 10) /* SQLite cuts off a write of 128 KiB or more */

typedef struct gather_file {
    sqlite3_file base;
    uint8_t *buffer;      /* GATHER_BYTES, from the first write on */
    sqlite3_int64 at;     /* where the buffer begins in the file */
    size_t used;
    int failed;           /* of a write that nobody was told of yet: the next sync tells */
    sqlite3_file real[];  /* SQLite's own, as large as it wishes */
} gather_file_t;

static gather_file_t *of(sqlite3_file *file) { return (gather_file_t *)file; }
static sqlite3_file *real_of(sqlite3_file *file) { return of(file)->real; }

/* What could not be written is forgotten, but never that it was not: SQLite may pass over the error
 * of a hint, and would take a sync after it for one of everything. */
static int flush(sqlite3_file *file)
{
    gather_file_t *f = of(file);
    size_t used = f->used;
    int rc = SQLITE_OK;
    f->used = 0;
    if (used)
        rc = f->real->pMethods->xWrite(f->real, f->buffer, (int)used, f->at);
    if (rc != SQLITE_OK)
        f->failed = rc;
    return rc;
}

static int gather_sync(sqlite3_file *file, int flags)
{
    gather_file_t *f = of(file);
    flush(file);
    int failed = f->failed;
    f->failed = SQLITE_OK;
    return failed == SQLITE_OK ? f->real->pMethods->xSync(f->real, flags) : failed;
}

static int gather_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 at)
{
    gather_file_t *f = of(file);
    int rc = SQLITE_OK;
    if (f->used && (at != f->at + (sqlite3_int64)f->used || f->used + (size_t)size > GATHER_BYTES))
        rc = flush(file);
    if (rc != SQLITE_OK)
        return rc;
    if ((size_t)size > GATHER_BYTES)
        return f->real->pMethods->xWrite(f->real, data, size, at);
    if (!f->buffer)
        f->buffer = memory_take(GATHER_BYTES);
    if (!f->used)
        f->at = at;
    memcpy(f->buffer + f->used, data, (size_t)size);
    f->used += (size_t)size;
    return SQLITE_OK;
}

static int gather_close(sqlite3_file *file)
{
    int flushed = flush(file);
    int rc = real_of(file)->pMethods->xClose(real_of(file));
    free(of(file)->buffer);
    of(file)->buffer = NULL;
    return flushed == SQLITE_OK ? rc : flushed;
}

/* Each of these first lets go of what is gathered. */
#define AFTER_FLUSH(name, method, parameters, arguments)                                           \
    static int name parameters                                                                     \
    {                                                                                              \
        int rc = flush(file);                                                                      \
        return rc == SQLITE_OK ? real_of(file)->pMethods->method arguments : rc;                   \
    }
AFTER_FLUSH(gather_read, xRead, (sqlite3_file *file, void *to, int size, sqlite3_int64 at),
            (real_of(file), to, size, at))
AFTER_FLUSH(gather_truncate, xTruncate, (sqlite3_file *file, sqlite3_int64 size),
            (real_of(file), size))
AFTER_FLUSH(gather_size, xFileSize, (sqlite3_file *file, sqlite3_int64 *size),
            (real_of(file), size))
AFTER_FLUSH(gather_control, xFileControl, (sqlite3_file *file, int verb, void *arg),
            (real_of(file), verb, arg))

/* Nobody locks the log itself. */
static int gather_lock(sqlite3_file *file, int level)
{
    (void)file, (void)level;
    return SQLITE_OK;
}

static int gather_is_reserved(sqlite3_file *file, int *out)
{
    (void)file;
    *out = 0;
    return SQLITE_OK;
}

static int gather_sector(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int gather_device(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = gather_close,
    .xRead = gather_read,
    .xWrite = gather_write,
    .xTruncate = gather_truncate,
    .xSync = gather_sync,
    .xFileSize = gather_size,
    .xLock = gather_lock,
    .xUnlock = gather_lock,
    .xCheckReservedLock = gather_is_reserved,
    .xFileControl = gather_control,
    .xSectorSize = gather_sector,
    .xDeviceCharacteristics = gather_device,
};

static sqlite3_vfs *own; /* SQLite's, set once */

static int gather_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    (void)vfs;
    if (!(flags & SQLITE_OPEN_WAL))
        return own->xOpen(own, name, file, flags, out);
    gather_file_t *f = of(file);
    f->buffer = NULL;
    f->used = 0;
    f->failed = SQLITE_OK;
    int rc = own->xOpen(own, name, f->real, flags, out);
    f->base.pMethods = f->real->pMethods ? &methods : NULL;
    return rc;
}

void sqlite_gather_register(void)
{
    static sqlite3_vfs vfs;
    own = sqlite3_vfs_find(NULL);
    must(own);
    vfs = *own;
    vfs.zName = SQLITE_GATHER;
    vfs.pNext = NULL;
    vfs.szOsFile = (int)sizeof(gather_file_t) + own->szOsFile;
    vfs.xOpen = gather_open;
    must(sqlite3_vfs_register(&vfs, 0) == SQLITE_OK);
}
