/* Runs a fuzz target without libFuzzer: over every file given and every file of the folders given,
 * and with
 * --random N [--seed S] over N inputs mutated from them. Prints how many ran; fails when there was
 * nothing to run. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/rand.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FILES_MAX 65536
#define INPUT_BYTES_MAX (9u << 20)
#define MUTANT_BYTES_MAX (64u << 10) /* larger inputs are mutated in their first part */

typedef struct input { uint8_t *data; size_t len; } input_t;
static input_t corpus[FILES_MAX];
static size_t corpus_count;

static int fail(const char *what, const char *path)
{
    fprintf(stderr, "replay: %s: %s\n", path, what);
    return -1;
}

/* A block of exactly the input's size: a sanitizer sees every read beyond it. */
static void run(const uint8_t *data, size_t len)
{
    uint8_t *exact = malloc(len ? len : 1);
    must(exact);
    memcpy(exact, data, len);
    LLVMFuzzerTestOneInput(exact, len);
    free(exact);
}

static int add_file(const char *path, size_t size)
{
    if (size > INPUT_BYTES_MAX || corpus_count == FILES_MAX)
        return fail("too large, or too many files", path);
    input_t *in = &corpus[corpus_count];
    FILE *f = fopen(path, "rb");
    if (!f)
        return fail("cannot be opened", path);
    in->data = malloc(size + 1);
    must(in->data);
    in->len = fread(in->data, 1, size, f);
    fclose(f);
    corpus_count++;
    return 0;
}

static int add(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return fail("no such file or folder", path);
    if (!S_ISDIR(st.st_mode))
        return add_file(path, (size_t)st.st_size);
    struct dirent **names;
    int n = scandir(path, &names, NULL, alphasort); /* sorted: a seed means the same everywhere */
    if (n < 0)
        return fail("cannot be read", path);
    int result = 0;
    for (int i = 0; i < n; i++) {
        char inner[4096];
        snprintf(inner, sizeof inner, "%s/%s", path, names[i]->d_name);
        if (names[i]->d_name[0] != '.' && result == 0)
            result = add(inner);
        free(names[i]);
    }
    free(names);
    return result;
}

/* Bytes that parsers of msgpack, JSON, HTTP and YAML take for something. */
static uint8_t telling_byte(rand_t *r)
{
    static const uint8_t bytes[] =
        "\x00\x01\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc1\xc4\xc6\xc9\xcc\xcf"
        "\xd3\xd9\xdb\xdc\xdd\xde\xdf\xff{}[]\",:\\/ \r\n\t%&=#-+.0189eE~";
    return rand_below(r, 2) ? bytes[rand_below(r, sizeof bytes - 1)] : (uint8_t)rand_next(r);
}

static size_t insert(uint8_t *data, size_t len, rand_t *r)
{
    size_t at = rand_below(r, len + 1), n = 1 + rand_below(r, 4);
    if (len + n > MUTANT_BYTES_MAX)
        return len;
    memmove(data + at + n, data + at, len - at);
    for (size_t i = 0; i < n; i++)
        data[at + i] = telling_byte(r);
    return len + n;
}

/* A piece of another input, over or between what is there. */
static size_t splice(uint8_t *data, size_t len, rand_t *r)
{
    const input_t *from = &corpus[rand_below(r, corpus_count)];
    if (from->len == 0)
        return len;
    size_t start = rand_below(r, from->len), n = 1 + rand_below(r, 64), at = rand_below(r, len + 1);
    if (n > from->len - start)
        n = from->len - start;
    if (at + n > MUTANT_BYTES_MAX)
        return len;
    memcpy(data + at, from->data + start, n);
    return at + n > len ? at + n : len;
}

static size_t mutate_once(uint8_t *data, size_t len, rand_t *r)
{
    size_t at = len ? rand_below(r, len) : 0;
    switch (len ? rand_below(r, 6) : 4) {
    case 0:
        data[at] ^= (uint8_t)(1u << rand_below(r, 8));
        return len;
    case 1:
        data[at] = telling_byte(r);
        return len;
    case 2: { /* a piece goes */
        size_t n = 1 + rand_below(r, len - at < 8 ? len - at : 8);
        memmove(data + at, data + at + n, len - at - n);
        return len - n;
    }
    case 3:
        return rand_below(r, 4) ? len : at; /* cut off */
    case 4:
        return insert(data, len, r);
    default:
        return splice(data, len, r);
    }
}

static void run_mutants(uint64_t count, uint64_t seed)
{
    static uint8_t mutant[MUTANT_BYTES_MAX];
    rand_t r = rand_seeded(seed);
    for (uint64_t i = 0; i < count; i++) {
        const input_t *in = &corpus[rand_below(&r, corpus_count)];
        size_t len = in->len < MUTANT_BYTES_MAX ? in->len : MUTANT_BYTES_MAX;
        memcpy(mutant, in->data, len);
        for (uint64_t n = 1 + rand_below(&r, 8); n > 0; n--)
            len = mutate_once(mutant, len, &r);
        run(mutant, len);
    }
}

int main(int argc, char **argv)
{
    uint64_t mutants = 0, seed = 1;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--random") == 0 && i + 1 < argc)
            mutants = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            seed = strtoull(argv[++i], NULL, 10);
        else if (add(argv[i]) != 0)
            return 64;
    }
    if (corpus_count == 0) {
        fprintf(stderr, "usage: %s FILE-OR-FOLDER... [--random N [--seed S]]\n", argv[0]);
        return 64;
    }
    for (size_t i = 0; i < corpus_count; i++)
        run(corpus[i].data, corpus[i].len);
    if (mutants)
        run_mutants(mutants, seed);
    printf("%zu inputs, %llu mutants with seed %llu: ran\n", corpus_count,
           (unsigned long long)mutants, (unsigned long long)seed);
    for (size_t i = 0; i < corpus_count; i++)
        free(corpus[i].data);
    return 0;
}
