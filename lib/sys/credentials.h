/* credentials.h: the files behind the names of secrets. They are read by the supervisor, which
 * gives each to the actors that need it, and by weirctl to sign; never logged, never in argv,
 * environment or store. */
#ifndef WEIR_SYS_CREDENTIALS_H
#define WEIR_SYS_CREDENTIALS_H

#include "core/base.h"

#define CREDENTIAL_BYTES_MAX (64u << 10)
/* NAME may also be the file weir_NAME: LoadCredential=weir:/etc/weir/credentials makes it so. */
#define CREDENTIAL_PREFIX "weir_"

/* Where the files are: $CREDENTIALS_DIRECTORY (systemd), else the directory "credentials" beside
 * the configuration file. False: longer than size. */
bool credentials_directory(const char *config_path, char *out, size_t size);
/* The content of the secret `name`, or of the file that an absolute path names, without one newline
 * at its end, with a NUL behind it; credential_free it. 0, or -ENOENT, -EPERM (others on this host
 * may use it: refused, but for a file without a private key), -EFBIG, -ENODATA (empty), -EINVAL
 * (not a name, not a file), or what reading gave. */
int credential_read(const char *directory, const char *name, uint8_t **secret, size_t *len);
/* Clears it first. */
void credential_free(uint8_t **secret, size_t len);
/* One line for a person: what is wrong with that secret, and what to do. */
void credential_explain(const char *directory, const char *name, int error, char *out, size_t size);

#endif
