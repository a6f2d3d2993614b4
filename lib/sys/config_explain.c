#include "sys/config_explain.h"

#include <stdio.h>

#include "core/slip.h"

/* ---- paths ---- */

/* The next part of a path: "steps", "*", "[tag]" with its brackets. Empty: no more. */
static bytes_t next_part(const char **at)
{
    const char *from = *at += **at == '.';
    size_t len = *from == '[' ? strcspn(from, "]") : strcspn(from, ".[");
    len += *from == '[' && from[len] == ']';
    *at = from + len;
    return bytes_of(from, len);
}

static bool is_item(bytes_t part) { return part.len > 0 && part.data[0] == '['; }

static bool is_any(bytes_t part)
{
    return bytes_is(part, "*") || bytes_is(part, "[]") || bytes_is(part, "[*]");
}

static bool same_bytes(bytes_t a, bytes_t b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

/* `path` is of the table or of a value. What is left of `typed` when `path` is used up; NULL: they
 * differ. all: `typed` may be used up before. */
static const char *follow(const char *typed, const char *path, bool all)
{
    for (;;) {
        const char *next = typed;
        bytes_t part = next_part(&path), with = next_part(&next);
        if (part.len == 0 || (with.len == 0 && all))
            return typed;
        if (is_item(part) && !is_item(with))
            continue; /* brackets may be left out */
        if (with.len == 0 || is_item(part) != is_item(with) ||
            (!is_any(part) && !is_any(with) && !same_bytes(part, with)))
            return NULL;
        typed = next;
    }
}

bool config_path_is_meant(const char *typed, const char *path)
{
    const char *left = follow(typed, path, true);
    return left && next_part(&left).len == 0;
}

const config_key_t *config_key_meant(const char *typed)
{
    const config_key_t *holder = NULL;
    for (size_t i = 0; i < config_key_count(); i++) {
        const config_key_t *key = config_key_at(i);
        const char *left = follow(typed, key->path, false);
        if (!left)
            continue;
        bytes_t more = next_part(&left);
        if (more.len == 0)
            return key;
        bool is_entry = key->kind == (is_item(more) ? KIND_ITEMS : KIND_NAMED);
        if (is_entry && next_part(&left).len == 0)
            holder = key;
    }
    return holder;
}

size_t config_keys_like(const char *typed, const config_key_t *out[CONFIG_LIKE_MAX])
{
    const char *last = strrchr(typed, '.');
    const char *leaf = last ? last + 1 : typed;
    size_t count = 0, least = strlen(leaf) / 3 + 1;
    for (size_t d = 0; d <= least && count == 0; d++)
        for (size_t i = 0; i < config_key_count() && count < CONFIG_LIKE_MAX; i++)
            if (word_distance(leaf, config_key_leaf(config_key_at(i))) == d)
                out[count++] = config_key_at(i);
    return count;
}

/* ---- one key ---- */

static void set(json_t *object, const char *name, json_t *value)
{
    must(value && json_object_set_new(object, name, value) == 0);
}

static json_t *words_of(const char *words)
{
    json_t *list = json_array();
    while (*words) {
        size_t len = strcspn(words, "|");
        must(json_array_append_new(list, json_stringn(words, len)) == 0);
        words += len + (words[len] == '|');
    }
    return list;
}

static json_t *keys_below(const config_key_t *key)
{
    char prefix[160];
    json_t *list = json_array();
    const char *end = key->kind == KIND_NAMED ? ".*" : key->kind == KIND_ITEMS ? "[]" : "";
    snprintf(prefix, sizeof prefix, "%s%s", key->path, end);
    for (size_t i = 0; i < config_key_count(); i++) {
        const config_key_t *below = config_key_at(i);
        if (config_key_is_below(below, prefix))
            must(json_array_append_new(list, json_pack("{s:s, s:s}", "key", below->path, "meaning",
                                                       below->meaning)) == 0);
    }
    return list;
}

json_t *config_explain(const config_key_t *key)
{
    json_t *j = json_pack("{s:s, s:s, s:s, s:b}", "key", key->path, "meaning", key->meaning, "kind",
                          config_kind_text(key->kind), "required", (int)key->required);
    must(j);
    if (key->max) {
        set(j, "min", json_integer((json_int_t)key->min));
        set(j, "max", json_integer((json_int_t)key->max));
    }
    if (key->kind == KIND_CHOICE)
        set(j, "words", words_of(key->unit));
    else if (*key->unit)
        set(j, "unit", json_string(key->unit));
    if (config_key_has_keys(key)) {
        set(j, "keys", keys_below(key));
        return j;
    }
    if (key->preset)
        set(j, "default", json_string(key->preset));
    set(j, "change", json_string(key->reloadable ? "reload" : "restart"));
    set(j, "example", json_sprintf("%s: %s", config_key_leaf(key), config_key_example(key)));
    return j;
}
