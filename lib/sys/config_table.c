#include "sys/config_table.h"

#define NONE NULL, false
#define REQUIRED NULL, true
#define RELOAD true
#define RESTART false
/* NONE and REQUIRED stand for two members, a text default for one: the second layer lets them
 * unfold. */
#define PRESET_OF(preset, required, ...) preset
#define REQUIRED_OF(preset, required, ...) required
#define FIRST(...) PRESET_OF(__VA_ARGS__, false, false)
#define SECOND(...) REQUIRED_OF(__VA_ARGS__, false, false)

static const config_key_t keys[] = {
#define KEY(path, kind, preset, min, max, unit, reload, meaning)                                   \
    {path, KIND_##kind, FIRST(preset), SECOND(preset), min, max, unit, reload, meaning},
#include "sys/config_keys.def"
#undef KEY
};

static const char *const kind_texts[KIND_COUNT] = {
    [KIND_SECTION] = "a section of keys",
    [KIND_NAMED] = "a table of names, each with keys",
    [KIND_ITEMS] = "a list of items, each with keys",
    [KIND_BOOL] = "true or false",
    [KIND_UNSIGNED] = "a whole number",
    [KIND_TEXT] = "a text",
    [KIND_NAME] = "a name",
    [KIND_SECRET] = "the name of a secret",
    [KIND_CHOICE] = "one of the words",
    [KIND_TEXTS] = "a list of texts",
    [KIND_NAMES] = "a list of names",
    [KIND_POINTER] = "a JSON pointer",
    [KIND_POINTERS] = "a table of names and JSON pointers",
    [KIND_PATH] = "a path",
    [KIND_PATH_TEMPLATE] = "a path template",
    [KIND_JSON] = "a JSON template",
    [KIND_HEADERS] = "a table of header names and values",
    [KIND_CONDITIONS] = "a table of conditions",
    [KIND_URL] = "a URL of scheme, host and port",
    [KIND_NUMBERS] = "a table of texts and whole numbers",
    [KIND_OVERRIDES] = "a table of texts and whole numbers, or {slots, rate, cap} of such",
    [KIND_TEMPLATE] = "a text template",
};

size_t config_key_count(void) { return COUNT_OF(keys); }

const config_key_t *config_key_at(size_t index)
{
    must(index < COUNT_OF(keys));
    return &keys[index];
}

const char *config_key_leaf(const config_key_t *key)
{
    const char *dot = strrchr(key->path, '.');
    return dot ? dot + 1 : key->path;
}

bool config_key_has_keys(const config_key_t *key)
{
    return key->kind == KIND_SECTION || key->kind == KIND_NAMED || key->kind == KIND_ITEMS;
}

bool config_key_is_below(const config_key_t *key, const char *prefix)
{
    size_t len = strlen(prefix);
    if (len == 0)
        return !strchr(key->path, '.');
    return strncmp(key->path, prefix, len) == 0 && key->path[len] == '.' &&
           !strchr(key->path + len + 1, '.');
}

const char *config_kind_text(enum config_kind kind)
{
    return kind < KIND_COUNT ? kind_texts[kind] : "?";
}
