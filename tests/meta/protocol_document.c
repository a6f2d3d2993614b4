/* Writes what is made from the table: protocol/PROTOCOL.md and the fuzzers' dictionary. `--write`
 * writes both,
 * `--check` fails when a checked-in one is stale. Run in the repository's top folder. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/words.h"
#include "protocol/protocol.h"

#define DOCUMENT_PATH "protocol/PROTOCOL.md"
#define DICTIONARY_PATH "tests/fuzz/frame.dict"
#define DOCUMENT_BYTES_MAX (256u << 10)

typedef struct text { char bytes[DOCUMENT_BYTES_MAX]; size_t len; } text_t;

__attribute__((format(printf, 2, 3))) static void add(text_t *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->bytes + t->len, sizeof t->bytes - t->len, format, args);
    va_end(args);
    must(n >= 0 && (size_t)n < sizeof t->bytes - t->len);
    t->len += (size_t)n;
}

static const char introduction[] =
    "# The protocol\n\n"
    "Made by `tests/meta/protocol_document.c` from `messages.def`, `words.def` and `limits.h`: "
    "change\n"
    "those and run `protocol_document --write`. A test fails while this page is stale.\n\n"
    "Actors talk in frames: one ZeroMQ part each, over ipc between processes of a host. What the\n"
    "messages mean together (credit, generations, repeats) is in `docs/ARCHITECTURE.md`; this page "
    "is\n"
    "what a program needs to read and write the bytes.\n\n"
    "## Envelope\n\n"
    "A frame is one msgpack array of seven values:\n\n"
    "| value | kind | meaning |\n|---|---|---|\n";

static const struct {
    const char *name, *kind, *meaning;
} envelope[] = {
    {"magic", "uint", "always 0x57454952, \"WEIR\""},
    {"version", "uint", "of the protocol: 1. A program serves its own and the one before it"},
    {"type", "uint, below 64", "number of the message"},
    {"partition", "uint, 16 bits", "which queue, where there are several; 0 otherwise"},
    {"link generation", "uint, 32 bits",
     "which life of this link; begun by HELLO, confirmed by WELCOME; frames of older ones are "
     "dropped"},
    {"sequence number", "uint, 64 bits", "of the frame on this link generation, from 1"},
    {"payload", "map, or array of maps", "form ONE: one map. Form MANY: an array of them"},
};

static const char rules[] =
    "\n## Rules\n\n"
    "- The keys of a map are numbers from 0 to %d; each field has one for ever. No key\n"
    "  comes twice in a map, known or not. Their order does not matter.\n"
    "- A key that the reader does not know is passed over with its value: a later version\n"
    "  may add optional fields. A new required field, or a changed meaning, needs another\n"
    "  version.\n"
    "- An optional field that is absent means zero or empty, and those are sent as\n"
    "  absent.\n"
    "- Numbers may come in any msgpack width, also in the signed formats when not\n"
    "  negative; they are sent in the shortest.\n"
    "- `U64` is a number; `ID` and `PRINT` are bin of exactly 16 bytes; `STR` is str,\n"
    "  UTF-8 by RFC 3629 without U+0000; `BIN` is bin, any bytes. JSON inside a `STR` is\n"
    "  checked by who reads it.\n"
    "- A frame has at most %u bytes, %u maps, and values nested at most %u deep (the\n"
    "  frame itself is the first). An array of maps is never empty.\n"
    "- Nothing that a frame declares is believed before it was seen: the reader first\n"
    "  passes over the whole frame, without allocating, and refuses it when the values\n"
    "  and bytes that it promises are more than it holds. Only then are fields read.\n"
    "- A refused frame changes nothing, and has one reason; the first that is met counts.\n"
    "  The envelope's version is looked at before anything behind it, so that another\n"
    "  version is always called that.\n"
    "\n## Why a frame is refused\n\n| reason | the frame is, or |\n|---|---|\n";

static const char *const refusals[FRAME_ERROR_COUNT] = {
    [FRAME_OK] = "(taken)",
    [FRAME_TOO_LARGE] = "too large",
    [FRAME_NOT_MSGPACK] = "not msgpack",
    [FRAME_NESTING] = "nesting",
    [FRAME_COUNT] = "count",
    [FRAME_MAGIC] = "magic",
    [FRAME_VERSION] = "version",
    [FRAME_TYPE] = "type",
    [FRAME_SHAPE] = "shape",
    [FRAME_KIND] = "kind",
    [FRAME_TEXT] = "text",
    [FRAME_LIMIT] = "limit",
    [FRAME_MISSING] = "missing",
    [FRAME_REPEATED] = "repeated",
    [FRAME_TRAILING] = "trailing",
    [FRAME_ROOM] = "room",
};

static void add_limit(text_t *t, const field_spec_t *f)
{
    static const struct { uint64_t limit; const char *name; } known[] = {
        {UINT64_MAX, "2^64 - 1"}, {INT64_MAX, "2^63 - 1"}, {UINT32_MAX, "2^32 - 1"}};
    switch ((enum field_kind)f->kind) {
    case FIELD_ID:
    case FIELD_PRINT:
        add(t, "16 bytes");
        return;
    case FIELD_STR:
    case FIELD_BIN:
        add(t, "%llu bytes", (unsigned long long)f->limit);
        return;
    case FIELD_U64:
        for (size_t i = 0; i < COUNT_OF(known); i++)
            if (f->limit == known[i].limit) {
                add(t, "%s", known[i].name);
                return;
            }
        add(t, "%llu", (unsigned long long)f->limit);
    }
}

static void add_message(text_t *t, const message_spec_t *spec, const char *name)
{
    static const char *const kinds[] = {"U64", "ID", "PRINT", "STR", "BIN"};
    add(t, "\n### %u %s\n\n%s: %s. Form %s.\n\n", spec->type, name, spec->way, spec->meaning,
        spec->many ? "MANY" : "ONE");
    add(t, "| key | field | kind | | at most | meaning |\n|---|---|---|---|---|---|\n");
    for (unsigned i = 0; i < spec->field_count; i++) {
        const field_spec_t *f = &spec->fields[i];
        add(t, "| %u | `%s` | %s | %s | ", f->key, f->name, kinds[f->kind],
            f->required ? "required" : "optional");
        add_limit(t, f);
        add(t, " | %s |\n", f->meaning);
    }
}

static void add_words(text_t *t)
{
    add(t, "\n## Words\n\nNumbers of closed sets, as fields carry them.\n\n"
           "| set | number | word | meaning |\n|---|---|---|---|\n");
#define WORD(set, n, N, word, meaning) add(t, "| " #set " | %d | %s | %s |\n", n, word, meaning);
#include "core/words.def"
#undef WORD
}

static void add_retired(text_t *t)
{
    size_t before = t->len;
    add(t, "\n## Retired numbers\n\nNever used again.\n\n");
#define MESSAGE(number, NAME, name, form, way, meaning)
#define FIELD(name, key, kind, field, need, limit, meaning)
#define END(name)
#define RETIRED(number, name, since) \
    add(t, "- %d %s, since %s\n", number, name, since), before = 0;
#include "protocol/messages.def"
#undef MESSAGE
#undef FIELD
#undef END
    if (before)
        add(t, "None yet.\n");
}

static void make_document(text_t *t)
{
    t->len = 0;
    add(t, "%s", introduction);
    for (size_t i = 0; i < COUNT_OF(envelope); i++)
        add(t, "| %s | %s | %s |\n", envelope[i].name, envelope[i].kind, envelope[i].meaning);
    add(t, rules, FRAME_KEY_MAX, FRAME_BYTES_MAX, BATCH_ITEMS_MAX, FRAME_NESTING_MAX);
    for (unsigned e = FRAME_OK + 1; e < FRAME_ERROR_COUNT; e++)
        add(t, "| %s | %s |\n", refusals[e], frame_error_text(e));
    add(t, "\n## Messages\n");
#define MESSAGE(number, NAME, name, form, way, meaning) \
    add_message(t, message_spec(number), #NAME);
#define FIELD(name, key, kind, field, need, limit, meaning)
#define END(name)
#include "protocol/messages.def"
#undef MESSAGE
#undef FIELD
#undef END
    add_words(t);
    add_retired(t);
}

/* One entry a message: an envelope and a key before each value, for a fuzzer that does not know the
 * numbers. */
static void make_dictionary(text_t *t)
{
    t->len = 0;
    add(t, "# Made by protocol_document --write from the table, for libFuzzer and AFL.\n");
    for (unsigned type = 0; type < MESSAGE_TYPE_LIMIT; type++) {
        const message_spec_t *spec = message_spec(type);
        if (!spec)
            continue;
        add(t,
            "%s=\"\\x97\\xce\\x57\\x45\\x49\\x52\\x%02x\\x%02x\\x00\\x01\\x01%s"
            "\\xde\\x00\\x%02x\"\n",
            spec->name, PROTOCOL_VERSION, spec->type, spec->many ? "\\x91" : "", spec->field_count);
    }
    static const char *const heads[] = {"c410", "d9", "da", "db", "c4", "c5", "c6", "cc", "cd",
                                        "ce", "cf", "d3", "dc", "dd", "de", "df"};
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        add(t, "\"");
        for (const char *h = heads[i]; *h; h += 2)
            add(t, "\\x%.2s", h);
        add(t, "\"\n");
    }
}

static int write_file(const char *path, const text_t *t)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(t->bytes, 1, t->len, f) != t->len || fclose(f) != 0) {
        perror(path);
        return 1;
    }
    return 0;
}

static int check_file(const char *path, const text_t *t)
{
    static char there[DOCUMENT_BYTES_MAX];
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(there, 1, sizeof there, f) : 0;
    if (f)
        fclose(f);
    if (bytes_equal(bytes_of(there, n), bytes_of(t->bytes, t->len)))
        return 0;
    fprintf(stderr, "%s is stale: run protocol_document --write and commit it\n", path);
    return 1;
}

int main(int argc, char **argv)
{
    static text_t text;
    bool check = argc == 2 && strcmp(argv[1], "--check") == 0;
    if (!check && (argc != 2 || strcmp(argv[1], "--write") != 0)) {
        fprintf(stderr, "usage: protocol_document --check | --write\n");
        return 64;
    }
    int (*act)(const char *, const text_t *) = check ? check_file : write_file;
    make_document(&text);
    int failed = act(DOCUMENT_PATH, &text);
    make_dictionary(&text);
    return act(DICTIONARY_PATH, &text) | failed;
}
