#include "sys/secrets.h"

#include <errno.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/cleared.h"

/* Values lie behind one another in `arena`; `names` says where: name -> [offset, length]. */
struct secrets {
    uint8_t *arena;
    size_t arena_size, used;
    json_t *names;
};

int read_whole(int fd, size_t most, char **out, size_t *len)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (st.st_size < 0 || (size_t)st.st_size > most)
        return -EMSGSIZE;
    size_t size = (size_t)st.st_size, have = 0;
    char *text = malloc(size + 1);
    must(text);
    while (have < size) {
        ssize_t n = pread(fd, text + have, size - have, (off_t)have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            int error = n < 0 ? -errno : -EBADMSG;
            free(text);
            return error;
        }
        have += (size_t)n;
    }
    text[have] = '\0';
    *out = text;
    *len = have;
    return 0;
}

/* RFC 4648, padded; the length of what was written, or -EBADMSG. */
static int decode(const char *text, size_t len, uint8_t *out)
{
    if (len % 4 != 0)
        return -EBADMSG;
    if (len == 0)
        return 0;
    int n = EVP_DecodeBlock(out, (const unsigned char *)text, (int)len);
    if (n < 0)
        return -EBADMSG;
    return n - (text[len - 1] == '=') - (text[len - 2] == '=');
}

static int add(secrets_t *s, const char *name, json_t *value)
{
    if (!json_is_string(value))
        return -EBADMSG;
    int n = decode(json_string_value(value), json_string_length(value), s->arena + s->used);
    if (n < 0)
        return n;
    json_object_set_new(s->names, name, json_pack("[I, I]", (json_int_t)s->used, (json_int_t)n));
    s->used += (size_t)n + 4; /* EVP_DecodeBlock writes the padding too */
    return 0;
}

static int add_all(secrets_t *s, json_t *values)
{
    const char *name;
    json_t *value;
    if (!json_is_object(values))
        return -EBADMSG;
    json_object_foreach(values, name, value)
    {
        int r = add(s, name, value);
        if (r < 0)
            return r;
    }
    return 0;
}

static secrets_t *secrets_new(size_t text_len)
{
    secrets_t *s = calloc(1, sizeof *s);
    must(s);
    s->arena_size =
        (text_len + 65536) & ~(size_t)4095; /* decoded text is shorter; 4 bytes extra a value */
    s->arena =
        mmap(NULL, s->arena_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(s->arena != MAP_FAILED);
    madvise(s->arena, s->arena_size, MADV_DONTDUMP);
    s->names = json_object();
    must(s->names);
    return s;
}

/* What the parser copies on its way is cleared too: jansson frees with our function meanwhile. */
static int add_text(secrets_t *s, const char *text, size_t len)
{
    json_malloc_t take;
    json_free_t give;
    json_get_alloc_funcs(&take, &give);
    json_set_alloc_funcs(take, cleared_free);
    json_t *values = json_loadb(text, len, 0, NULL);
    int r = add_all(s, values);
    json_decref(values);
    json_set_alloc_funcs(take, give);
    return r;
}

int secrets_read(int fd, secrets_t **out)
{
    char *text;
    size_t len;
    int r = read_whole(fd, SECRETS_BYTES_MAX, &text, &len);
    if (r < 0)
        return r;
    secrets_t *s = secrets_new(len);
    r = add_text(s, text, len);
    explicit_bzero(text, len);
    free(text);
    if (r < 0)
        secrets_destroy(&s);
    else
        *out = s;
    return r;
}

void secrets_destroy(secrets_t **at)
{
    secrets_t *s = *at;
    if (!s)
        return;
    *at = NULL;
    explicit_bzero(s->arena, s->arena_size);
    munmap(s->arena, s->arena_size);
    json_decref(s->names);
    free(s);
}

bytes_t secrets_find(const secrets_t *s, const char *name)
{
    json_t *place = s && name ? json_object_get(s->names, name) : NULL;
    if (!place)
        return (bytes_t){0};
    size_t offset = (size_t)json_integer_value(json_array_get(place, 0));
    return bytes_of(s->arena + offset, (size_t)json_integer_value(json_array_get(place, 1)));
}
