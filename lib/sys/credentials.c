#include "sys/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/config_check.h"

bool credentials_directory(const char *config_path, char *out, size_t size)
{
    const char *given = getenv("CREDENTIALS_DIRECTORY"), *slash = strrchr(config_path, '/');
    int n;
    if (given && *given)
        n = snprintf(out, size, "%s", given);
    else
        n = snprintf(out, size, "%.*scredentials", slash ? (int)(slash + 1 - config_path) : 0,
                     config_path);
    return n >= 0 && (size_t)n < size;
}

/* 0, or why this file cannot be a secret. */
static int check_file(int fd, bool is_file, bool *shared)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    *shared = (st.st_mode & S_IRWXO) != 0;
    if (is_file ? st.st_mode & S_IWOTH : *shared)
        return -EPERM;
    return (size_t)st.st_size > CREDENTIAL_BYTES_MAX ? -EFBIG : 0;
}

static long read_all(int fd, uint8_t *out, size_t size)
{
    size_t have = 0;
    ssize_t n = 1;
    while (n > 0 && have < size) {
        n = read(fd, out + have, size - have);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n > 0)
            have += (size_t)n;
    }
    return n < 0 ? -errno : (long)have;
}

static bool holds_key(const uint8_t *text, size_t len)
{
    static const char mark[] = "PRIVATE KEY-----"; /* RFC 7468 */
    return memmem(text, len, mark, sizeof mark - 1) != NULL;
}

/* What everybody may read is no secret; a certificate is none anyway. */
static int read_credential(int fd, bool is_file, uint8_t *out, size_t *len)
{
    bool shared = false;
    int error = check_file(fd, is_file, &shared);
    long have = error ? error : read_all(fd, out, CREDENTIAL_BYTES_MAX + 1);
    if (have < 0)
        return (int)have;
    if (have > (long)CREDENTIAL_BYTES_MAX) /* it grew meanwhile */
        return -EFBIG;
    if (have > 0 && out[have - 1] == '\n')
        have--;
    out[have] = '\0';
    *len = (size_t)have;
    if (shared && holds_key(out, *len))
        return -EPERM;
    return have ? 0 : -ENODATA;
}

static int open_named(const char *directory, const char *prefix, const char *name)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s%s", directory, prefix, name) >= (int)sizeof path)
        return -EINVAL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    return fd < 0 ? -errno : fd;
}

/* systemd names the files of a directory that it loads as a whole ID_NAME. */
static int open_credential(const char *directory, const char *name)
{
    int fd = open_named(directory, "", name);
    return fd == -ENOENT ? open_named(directory, CREDENTIAL_PREFIX, name) : fd;
}

int credential_read(const char *directory, const char *name, uint8_t **secret, size_t *len)
{
    bool is_file = *name == '/';
    if (!is_file && !config_is_name(name))
        return -EINVAL;
    int fd = is_file ? open_named("", "", name + 1) : open_credential(directory, name);
    if (fd < 0)
        return fd;
    uint8_t *out = calloc(1, CREDENTIAL_BYTES_MAX + 2);
    must(out);
    int error = read_credential(fd, is_file, out, len);
    close(fd);
    if (error)
        credential_free(&out, CREDENTIAL_BYTES_MAX + 1);
    else
        *secret = out;
    return error;
}

void credential_free(uint8_t **secret, size_t len)
{
    if (!*secret)
        return;
    explicit_bzero(*secret, len + 1);
    free(*secret);
    *secret = NULL;
}

/* Nobody can put a file there. */
static bool is_systemds(const char *directory)
{
    const char *given = getenv("CREDENTIALS_DIRECTORY");
    return given && strcmp(given, directory) == 0;
}

void credential_explain(const char *directory, const char *name, int error, char *out, size_t size)
{
    const char *what = strerror(-error);
    if (error == -ENOENT)
        what = "is not there; put the secret into this file, mode 0600";
    if (error == -ENOENT && *name != '/' && is_systemds(directory))
        what =
            "is not there: the unit hands none over. Put it into /etc/weir/credentials, or where "
            "LoadCredential= of the unit says, mode 0600, and restart";
    if (error == -EACCES)
        what = "cannot be read by this user; give it to the one that Weir runs as, mode 0600";
    if (error == -EPERM)
        what = "is open to everybody on this host, who may know it by now; mode 0600";
    if (error == -EFBIG)
        what = "is larger than 64 KiB";
    if (error == -ENODATA)
        what = "is empty; put the secret into it";
    if (error == -EBADMSG)
        what = "is no secret of Standard Webhooks: whsec_ and base 64, or a public key, whpk_ and "
               "base 64, as the sender shows it";
    if (error == -ELIBBAD)
        what = "has no certificate in PEM; put it there, and those above it behind it";
    if (error == -EKEYREJECTED)
        what = "is not the private key of http.tls.certificate, in PEM and without a passphrase";
    if (error == -EINVAL)
        what = "is not a file with the name of a secret";
    if (*name == '/')
        snprintf(out, size, "%.255s %s", name, what);
    else
        snprintf(out, size, "secret %.64s: %s/%.64s %s", name, directory, name, what);
}
