#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/slip.h"
#include "core/template.h"
#include "sys/config_explain.h"
#include "sys/config_limit.h"
#include "sys/config_value.h"

json_t *value_refuse(const value_t *v, const char *why)
{
    config_complain(v->tree, v->node, "%s: %.120s %s", config_key_leaf(v->key),
                    v->node->kind == NODE_SCALAR ? v->node->text : "this", why);
    return NULL;
}

static bool is_scalar(const value_t *v)
{
    if (v->node->kind == NODE_SCALAR)
        return true;
    config_complain(v->tree, v->node, "%s must be %s", config_key_leaf(v->key),
                    config_kind_text(v->key->kind));
    return false;
}

bool config_is_name(const char *text)
{
    size_t len = strlen(text);
    if (len == 0 || len > 64 || !isalnum((unsigned char)*text))
        return false;
    for (; *text; text++)
        if (!isalnum((unsigned char)*text) && *text != '-' && *text != '_')
            return false;
    return true;
}

/* ---- scalars ---- */

static json_t *bool_value(const value_t *v)
{
    const char *text = v->node->text;
    if (v->node->plain && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0))
        return json_boolean(*text == 't');
    return value_refuse(v, "is neither true nor false; write one of them, without quotes");
}

static uint64_t multiplier(const char *suffix, bool bytes)
{
    if (!*suffix)
        return 1;
    if (bytes && strcmp(suffix, "KiB") == 0)
        return 1024;
    if (bytes && strcmp(suffix, "MiB") == 0)
        return 1024 * 1024;
    return bytes && strcmp(suffix, "GiB") == 0 ? 1024 * 1024 * 1024 : 0;
}

/* For a number with something behind it: "5s", "4GB", "1.5". */
static const char *number_hint(const config_key_t *key, const char *rest)
{
    if (!*rest)
        return "";
    if (strcmp(key->unit, "bytes") == 0)
        return "; write KiB, MiB or GiB behind it, or nothing";
    return *key->unit ? "; write the number alone, in this unit" : "; write the number alone";
}

static json_t *unsigned_value(const value_t *v)
{
    const config_key_t *key = v->key;
    char why[200], *end = NULL;
    errno = 0;
    uint64_t number = strtoull(v->node->text, &end, 10);
    uint64_t times = multiplier(end, strcmp(key->unit, "bytes") == 0);
    if (!isdigit((unsigned char)*v->node->text) || errno || times == 0 ||
        number > UINT64_MAX / times || number * times < key->min || number * times > key->max) {
        bool digits = isdigit((unsigned char)*v->node->text);
        snprintf(why, sizeof why, "is not a whole number from %llu to %llu%s%s%s",
                 (unsigned long long)key->min, (unsigned long long)key->max, *key->unit ? " " : "",
                 key->unit, digits && times == 0 ? number_hint(key, end) : "");
        return value_refuse(v, why);
    }
    return json_integer((json_int_t)(number * times));
}

static bool has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

static const char no_place[] = "has a place ${...} that means nothing here; ${NAME} and "
                               "${NAME:-default} come from the environment, $${ stands for ${";

/* Without the escape: "$${" becomes "${". NULL: there is a place. Those of the environment are
 * filled in already. */
static char *unescaped(const char *text)
{
    char *out = malloc(strlen(text) + 1), *to = out;
    must(out);
    while (*text) {
        if (strncmp(text, "$${", 3) == 0) {
            text++;
            *to++ = *text++;
        } else if (strncmp(text, "${", 2) == 0) {
            free(out);
            return NULL;
        }
        *to++ = *text++;
    }
    *to = '\0';
    return out;
}

json_t *value_text(const value_t *v)
{
    size_t len = strlen(v->node->text);
    char why[80];
    if (len < v->key->min || len > v->key->max) {
        snprintf(why, sizeof why, "is too %s; it may have %llu to %llu bytes",
                 len < v->key->min ? "short" : "long", (unsigned long long)v->key->min,
                 (unsigned long long)v->key->max);
        return value_refuse(v, why);
    }
    if (has_control(v->node->text))
        return value_refuse(v, "has a control character; take it out");
    char *plain = unescaped(v->node->text);
    json_t *made = plain ? json_string(plain) : NULL;
    if (!made)
        value_refuse(v, plain ? "is not UTF-8" : no_place);
    free(plain);
    return made;
}

static json_t *name_value(const value_t *v)
{
    if (config_is_name(v->node->text))
        return json_string(v->node->text);
    return value_refuse(v,
                        "cannot be a name; use up to 64 letters, digits, - and _, starting with a "
                        "letter or digit");
}

/* The words with commas, and which of them was meant. */
static json_t *refuse_word(const value_t *v)
{
    char why[240] = "is not one of", near[64] = "";
    size_t least = strlen(v->node->text) / 3 + 2;
    for (const char *at = v->key->unit; *at; at += *at == '|') {
        char word[64];
        size_t used = strlen(why), len = strcspn(at, "|");
        snprintf(word, sizeof word, "%.*s", (int)len, at);
        snprintf(why + used, sizeof why - used, "%s %s", at == v->key->unit ? "" : ",", word);
        size_t distance = word_distance(v->node->text, word);
        if (distance < least) {
            least = distance;
            strcpy(near, word);
        }
        at += len;
    }
    size_t used = strlen(why);
    if (*near)
        snprintf(why + used, sizeof why - used, "; did you mean %s?", near);
    return value_refuse(v, why);
}

static json_t *choice_value(const value_t *v)
{
    size_t len = strlen(v->node->text);
    for (const char *at = v->key->unit; len && at;
         at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
        if (strncmp(at, v->node->text, len) == 0 && (at[len] == '|' || !at[len]))
            return json_string(v->node->text);
    return refuse_word(v);
}

static json_t *pointer_value(const value_t *v)
{
    bytes_t text = bytes_str(v->node->text);
    if (text.len < 2 || !pointer_is_valid(text))
        return value_refuse(v, "is not a JSON pointer such as /message/id");
    return value_text(v);
}

/* ---- lists and tables ---- */

static json_t *list_value(const value_t *v, json_t *(*item_value)(const value_t *))
{
    json_t *made = json_array(), *item;
    node_t *one = (node_t *)v->node;
    bool single = v->node->kind == NODE_SCALAR; /* one item may stand alone */
    size_t count = single ? 1 : v->node->count;
    config_key_t key = *v->key;
    key.min = 1;
    key.max = 255;
    if (v->node->kind == NODE_MAP || count < v->key->min || count > v->key->max) {
        json_decref(made);
        config_complain(v->tree, v->node, "%s must be %s, %llu to %llu of them",
                        config_key_leaf(v->key), config_kind_text(v->key->kind),
                        (unsigned long long)v->key->min, (unsigned long long)v->key->max);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        value_t of = {v->tree, &key, single ? one : v->node->items[i]};
        if (is_scalar(&of) && (item = item_value(&of)))
            json_array_append_new(made, item);
    }
    return made;
}

static json_t *names_of(const value_t *v) { return list_value(v, name_value); }
static json_t *texts_of(const value_t *v) { return list_value(v, value_text); }

/* Calls check for every entry; an entry it returns NULL for was refused. */
static json_t *table_value(const value_t *v, json_t *(*check)(const value_t *, const node_t *name))
{
    json_t *made = json_object(), *item;
    if (v->node->kind != NODE_MAP || v->node->count < v->key->min || v->node->count > v->key->max) {
        json_decref(made);
        config_complain(v->tree, v->node, "%s must be %s, %llu to %llu of them",
                        config_key_leaf(v->key), config_kind_text(v->key->kind),
                        (unsigned long long)v->key->min, (unsigned long long)v->key->max);
        return NULL;
    }
    for (size_t i = 0; i < v->node->count; i++) {
        value_t of = {v->tree, v->key, v->node->items[i]};
        if ((item = check(&of, v->node->names[i])) &&
            json_object_set_new(made, v->node->names[i]->text, item))
            config_complain(v->tree, v->node->names[i], "is not UTF-8");
    }
    return made;
}

static json_t *label_value(const value_t *v, const node_t *name)
{
    config_key_t key = *v->key;
    value_t of = {v->tree, &key, v->node};
    key.max = POINTER_BYTES_MAX;
    if (!config_is_name(name->text)) {
        config_complain(v->tree, name, "%.64s cannot be a label's name", name->text);
        return NULL;
    }
    return is_scalar(&of) ? pointer_value(&of) : NULL;
}

bool config_is_token(const char *text)
{
    size_t n = 0;
    while (text[n] && (isalnum((unsigned char)text[n]) || strchr("!#$%&'*+-.^_`|~", text[n])))
        n++;
    return n > 0 && n <= 64 && !text[n];
}

/* Framing is the client's business, and a credential in the file is no secret any more. */
static const char *header_hint(const char *name)
{
    static const char *const own[] = {"host",       "content-length", "transfer-encoding",
                                      "connection", "expect",         "upgrade",
                                      "te",         "trailer",        "keep-alive"};
    for (size_t i = 0; i < COUNT_OF(own); i++)
        if (strcasecmp(own[i], name) == 0)
            return "is set by Weir itself; leave it out";
    if (strcasecmp(name, "authorization") == 0 || strcasecmp(name, "proxy-authorization") == 0)
        return "is a secret; name it with the downstream's key secret instead";
    return NULL;
}

static json_t *header_value(const value_t *v, const node_t *name)
{
    const char *error = NULL;
    if (!config_is_token(name->text) || (error = header_hint(name->text))) {
        config_complain(v->tree, name, "%.64s %s", name->text,
                        error ? error : "cannot be a header's name");
        return NULL;
    }
    if (!is_scalar(v))
        return NULL;
    if (has_control(v->node->text) || strlen(v->node->text) > 4096)
        return value_refuse(v, "has a control character or more than 4096 bytes");
    if (template_check(bytes_str(v->node->text), &error))
        return value_refuse(v, error);
    json_t *made = json_string(v->node->text);
    return made ? made : value_refuse(v, "is not UTF-8");
}

/* A text, number, boolean or null; no template. NULL: refused. */
static json_t *pattern_value(const value_t *v)
{
    json_t *json = node_json(v->node);
    if (!json_is_string(json))
        return json ? json : value_refuse(v, "is not UTF-8");
    char *plain = unescaped(json_string_value(json));
    json_decref(json);
    json = plain ? json_string(plain) : value_refuse(v, no_place);
    free(plain);
    return json;
}

static json_t *condition_value(const value_t *v, const node_t *name)
{
    bool is_list = v->node->kind == NODE_LIST;
    size_t count = is_list ? v->node->count : 1;
    if (strlen(name->text) < 2 || !pointer_is_valid(bytes_str(name->text))) {
        config_complain(v->tree, name, "%.64s is not a JSON pointer such as /message/id",
                        name->text);
        return NULL;
    }
    bool scalars = v->node->kind != NODE_MAP && count > 0 && count <= 256;
    for (size_t i = 0; scalars && is_list && i < count; i++)
        scalars = v->node->items[i]->kind == NODE_SCALAR;
    if (!scalars) {
        config_complain(
            v->tree, v->node,
            "a condition is a pattern or a list of 1 to 256 patterns, such as  /message/type: "
            "[a, \"b*\"]");
        return NULL;
    }
    json_t *list = json_array(), *pattern;
    for (size_t i = 0; i < count; i++) {
        value_t of = {v->tree, v->key, is_list ? v->node->items[i] : v->node};
        if ((pattern = pattern_value(&of)))
            json_array_append_new(list, pattern);
    }
    return list;
}

/* Any text may be a name here: a label's value, a pattern of it. */
static json_t *number_value(const value_t *v, const node_t *name)
{
    config_key_t key = *v->key;
    value_t of = {v->tree, &key, v->node};
    key.min = 0;
    key.max = UINT32_MAX / 2;
    if (strlen(name->text) > 256 || has_control(name->text)) {
        config_complain(v->tree, name, "%.64s has more than 256 bytes or a control character",
                        name->text);
        return NULL;
    }
    return is_scalar(&of) ? unsigned_value(&of) : NULL;
}

/* One number, or those of slots, rate and cap that are other ones. */
static json_t *override_value(const value_t *v, const node_t *name)
{
    if (v->node->kind != NODE_MAP)
        return number_value(v, name);
    json_t *made = json_object(), *number;
    for (size_t i = 0; i < v->node->count; i++) {
        const node_t *word = v->node->names[i];
        value_t of = {v->tree, v->key, v->node->items[i]};
        size_t n = 0;
        while (n < LIMIT_NUMBERS && strcmp(word->text, limit_words[n].text) != 0)
            n++;
        if (n == LIMIT_NUMBERS)
            config_complain(v->tree, word, "%.64s is none of slots, rate and cap", word->text);
        else if ((number = number_value(&of, name)))
            json_object_set_new(made, word->text, number);
    }
    if (v->node->count == 0)
        config_complain(v->tree, v->node, "say one of slots, rate and cap, or one number");
    return made;
}

static json_t *template_value(const value_t *v)
{
    const char *error = NULL;
    size_t length = strlen(v->node->text);
    if (length == 0 || length > v->key->max || has_control(v->node->text))
        return value_refuse(v, length == 0 ? "is empty" : "is too long or has a control character");
    if (template_check(bytes_str(v->node->text), &error))
        return value_refuse(v, error);
    json_t *made = json_string(v->node->text);
    return made ? made : value_refuse(v, "is not UTF-8");
}

/* Every string of a JSON template, at its own place. */
static void check_places(const value_t *v)
{
    const char *error = NULL;
    if (v->node->kind == NODE_SCALAR && template_check(bytes_str(v->node->text), &error))
        value_refuse(v, error);
    for (size_t i = 0; i < v->node->count; i++) {
        value_t of = {v->tree, v->key, v->node->items[i]};
        check_places(&of);
        if (v->node->kind == NODE_MAP && strstr(v->node->names[i]->text, "${"))
            config_complain(v->tree, v->node->names[i],
                            "a place ${...} can only be in a value, not in a name");
    }
}

static json_t *json_value(const value_t *v)
{
    unsigned errors = v->tree->errors;
    check_places(v);
    return v->tree->errors == errors ? node_json(v->node) : NULL;
}

json_t *config_value(config_tree_t *tree, const config_key_t *key, const node_t *node)
{
    value_t v = {tree, key, node};
    switch (key->kind) {
    case KIND_TEXTS:
        return texts_of(&v);
    case KIND_NAMES:
        return names_of(&v);
    case KIND_POINTERS:
        return table_value(&v, label_value);
    case KIND_HEADERS:
        return table_value(&v, header_value);
    case KIND_CONDITIONS:
        return table_value(&v, condition_value);
    case KIND_NUMBERS:
        return table_value(&v, number_value);
    case KIND_OVERRIDES:
        return table_value(&v, override_value);
    case KIND_JSON:
        return json_value(&v);
    default:
        break;
    }
    if (!is_scalar(&v))
        return NULL;
    switch (key->kind) {
    case KIND_BOOL:
        return bool_value(&v);
    case KIND_UNSIGNED:
        return unsigned_value(&v);
    case KIND_TEXT:
        return value_text(&v);
    case KIND_NAME:
    case KIND_SECRET:
        return name_value(&v);
    case KIND_CHOICE:
        return choice_value(&v);
    case KIND_POINTER:
        return pointer_value(&v);
    case KIND_PATH:
        return value_path(&v);
    case KIND_PATH_TEMPLATE:
        return value_path_template(&v);
    case KIND_URL:
        return value_url(&v);
    case KIND_TEMPLATE:
        return template_value(&v);
    default:
        must(!"a kind of the table without a parser");
        return NULL;
    }
}
