#include "sys/config_schema.h"

#include <stdio.h>
#include <stdlib.h>

#include "sys/config_limit.h"
#include "sys/config_table.h"

static json_t *schema_of_section(const char *prefix);

static json_t *made(json_t *json)
{
    must(json);
    return json;
}

static void set(json_t *object, const char *name, json_t *value)
{
    must(json_object_set_new(object, name, made(value)) == 0);
}

/* Something under $defs, below. */
static json_t *of(const char *name)
{
    json_t *schema = json_object();
    set(schema, "$ref", json_sprintf("#/$defs/%s", name));
    return schema;
}

/* Takes both; b may be NULL. */
static json_t *either(json_t *a, json_t *b)
{
    return made(b ? json_pack("{s:[o, o]}", "anyOf", a, b) : a);
}

/* ---- scalars ---- */

/* ${NAME} of the environment stands anywhere in a text, "scalar" is what YAML may read as a number
 * or a boolean though it is meant as a text. */
static const char definitions[] =
    "{"
    "\"place\": {\"type\": \"string\", \"pattern\": "
    "\"\\\\$\\\\{[A-Za-z_][A-Za-z0-9_]*(:-|\\\\})\"},"
    "\"scalar\": {\"type\": [\"string\", \"number\", \"boolean\"]},"
    "\"name\": {\"anyOf\": [{\"type\": \"string\","
    " \"pattern\": \"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$\"},"
    " {\"type\": \"integer\", \"minimum\": 0}, {\"type\": \"boolean\"},"
    " {\"$ref\": \"#/$defs/place\"}]},"
    "\"pointer\": {\"anyOf\": [{\"type\": \"string\", \"pattern\": \"^/([^~]|~[01])+$\"},"
    " {\"$ref\": \"#/$defs/place\"}]},"
    "\"path\": {\"anyOf\": [{\"type\": \"string\", \"pattern\":"
    " \"^/[A-Za-z0-9/._~!$&'()*+,;=:@%-]*$\"}, {\"$ref\": \"#/$defs/place\"}]},"
    "\"pathTemplate\": {\"anyOf\": [{\"type\": \"string\", \"pattern\": \"^/([^/]|$)\"},"
    " {\"$ref\": \"#/$defs/place\"}]},"
    "\"url\": {\"anyOf\": [{\"type\": \"string\", \"pattern\": \"^https?://[^/?#@]+$\"},"
    " {\"$ref\": \"#/$defs/place\"}]},"
    "\"pattern\": {\"type\": [\"string\", \"number\", \"boolean\", \"null\"]}"
    "}";

static json_t *number_schema(const config_key_t *key)
{
    bool bytes = strcmp(key->unit, "bytes") == 0;
    json_t *number = json_pack("{s:s, s:I, s:I}", "type", "integer", "minimum",
                               (json_int_t)key->min, "maximum", (json_int_t)key->max);
    json_t *text = json_pack("{s:s, s:s}", "type", "string", "pattern",
                             bytes ? "^[0-9]+([KMG]iB)?$" : "^[0-9]+$");
    return made(json_pack("{s:[o, o, o]}", "anyOf", number, text, of("place")));
}

static bool is_number(const char *word) { return !word[strspn(word, "0123456789")]; }

static json_t *choice_schema(const config_key_t *key)
{
    json_t *list = json_array();
    for (const char *at = key->unit; *at; at += *at == '|') {
        char word[64];
        size_t len = strcspn(at, "|");
        snprintf(word, sizeof word, "%.*s", (int)len, at);
        must(json_array_append_new(list, json_string(word)) == 0);
        if (is_number(word))
            must(json_array_append_new(list, json_integer(strtoll(word, NULL, 10))) == 0);
        at += len;
    }
    return either(made(json_pack("{s:o}", "enum", list)), of("place"));
}

static json_t *text_schema(const config_key_t *key)
{
    json_t *text = json_pack("{s:s, s:I}", "type", "string", "maxLength", (json_int_t)key->max);
    return made(json_pack("{s:[o, {s:[s, s]}, o]}", "anyOf", text, "type", "number", "boolean",
                          of("place")));
}

/* ---- lists and tables ---- */

/* One item may stand alone. Takes `item`. */
static json_t *list_schema(const config_key_t *key, json_t *item)
{
    json_t *list = json_pack("{s:s, s:O, s:I, s:I}", "type", "array", "items", item, "minItems",
                             (json_int_t)key->min, "maxItems", (json_int_t)key->max);
    return either(made(list), item);
}

/* names: the pattern of the names; NULL: any text. Takes `value`. */
static json_t *table_schema(const config_key_t *key, const char *names, json_t *value)
{
    json_t *table = made(json_pack("{s:s, s:o, s:I, s:I}", "type", "object", "additionalProperties",
                                   value, "minProperties", (json_int_t)key->min, "maxProperties",
                                   (json_int_t)key->max));
    if (names)
        set(table, "propertyNames", json_pack("{s:s}", "pattern", names));
    return table;
}

#define NAMES "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
#define TOKENS "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$"

static json_t *conditions_schema(const config_key_t *key)
{
    json_t *list = json_pack("{s:s, s:o, s:i, s:i}", "type", "array", "items", of("pattern"),
                             "minItems", 1, "maxItems", 256);
    return table_schema(key, "^/.", either(of("pattern"), made(list)));
}

static json_t *count_schema(void)
{
    return either(json_pack("{s:s, s:i}", "type", "integer", "minimum", 0), of("place"));
}

static json_t *override_schema(void)
{
    json_t *object = made(json_pack("{s:s, s:b, s:i, s:{}}", "type", "object",
                                    "additionalProperties", 0, "minProperties", 1, "properties"));
    for (size_t n = 0; n < LIMIT_NUMBERS; n++)
        set(json_object_get(object, "properties"), limit_words[n].text, count_schema());
    return either(count_schema(), object);
}

/* What is inside stands for an entry; null takes out one of an earlier file. */
static json_t *holder_schema(const config_key_t *key)
{
    char prefix[160];
    snprintf(prefix, sizeof prefix, "%s%s", key->path,
             key->kind == KIND_NAMED   ? ".*"
             : key->kind == KIND_ITEMS ? "[]"
                                       : "");
    json_t *inside = schema_of_section(prefix);
    if (key->kind == KIND_SECTION)
        return inside;
    if (key->kind == KIND_NAMED)
        return table_schema(key, NAMES, either(inside, json_pack("{s:s}", "type", "null")));
    return made(json_pack("{s:s, s:o, s:I, s:I}", "type", "array", "items", inside, "minItems",
                          (json_int_t)key->min, "maxItems", (json_int_t)key->max));
}

static json_t *kind_schema(const config_key_t *key)
{
    switch (key->kind) {
    case KIND_SECTION:
    case KIND_NAMED:
    case KIND_ITEMS:
        return holder_schema(key);
    case KIND_BOOL:
        return either(made(json_pack("{s:s}", "type", "boolean")), of("place"));
    case KIND_UNSIGNED:
        return number_schema(key);
    case KIND_TEXT:
        return text_schema(key);
    case KIND_TEMPLATE:
        return of("scalar");
    case KIND_NAME:
    case KIND_SECRET:
        return of("name");
    case KIND_CHOICE:
        return choice_schema(key);
    case KIND_TEXTS:
        return list_schema(key, of("scalar"));
    case KIND_NAMES:
        return list_schema(key, of("name"));
    case KIND_POINTER:
        return of("pointer");
    case KIND_POINTERS:
        return table_schema(key, NAMES, of("pointer"));
    case KIND_PATH:
        return of("path");
    case KIND_PATH_TEMPLATE:
        return of("pathTemplate");
    case KIND_URL:
        return of("url");
    case KIND_JSON:
        return made(json_true());
    case KIND_HEADERS:
        return table_schema(key, TOKENS, of("scalar"));
    case KIND_CONDITIONS:
        return conditions_schema(key);
    case KIND_NUMBERS:
        return table_schema(key, NULL, count_schema());
    case KIND_OVERRIDES:
        return table_schema(key, NULL, override_schema());
    case KIND_COUNT:
        break;
    }
    must(!"a kind of the table without a schema");
    return NULL;
}

/* ---- the whole ---- */

static json_t *default_of(const config_key_t *key)
{
    bool written = *key->preset && !key->preset[strspn(key->preset, "0123456789")];
    if (key->kind == KIND_BOOL)
        return json_boolean(*key->preset == 't');
    return key->kind == KIND_UNSIGNED && written ? json_integer(strtoll(key->preset, NULL, 10))
                                                 : json_string(key->preset);
}

/* null is as good as nothing, unless something must be there. */
static json_t *key_schema(const config_key_t *key)
{
    json_t *schema = kind_schema(key);
    if (!key->required && !json_is_true(schema))
        schema = either(schema, json_pack("{s:s}", "type", "null"));
    if (json_is_true(schema))
        schema = json_object();
    set(schema, "description", json_string(key->meaning));
    if (key->preset && !config_key_has_keys(key))
        set(schema, "default", default_of(key));
    return schema;
}

static json_t *schema_of_section(const char *prefix)
{
    json_t *properties = json_object(), *required = json_array();
    for (size_t i = 0; i < config_key_count(); i++) {
        const config_key_t *key = config_key_at(i);
        if (!config_key_is_below(key, prefix))
            continue;
        set(properties, config_key_leaf(key), key_schema(key));
        if (key->required)
            must(json_array_append_new(required, json_string(config_key_leaf(key))) == 0);
    }
    return made(json_pack("{s:s, s:o, s:o, s:b}", "type", "object", "properties", properties,
                          "required", required, "additionalProperties", 0));
}

json_t *config_schema(void)
{
    json_t *schema =
        json_pack("{s:s, s:s, s:s}", "$schema", "https://json-schema.org/draft/2020-12/schema",
                  "title", "weir.yaml", "description",
                  "Configuration of Weir " WEIR_VERSION
                  ". In a drop-in, what is required may stand in an earlier file.");
    json_t *top = schema_of_section("");
    must(schema && json_object_update(schema, top) == 0);
    json_decref(top);
    set(schema, "$defs", json_loads(definitions, 0, NULL));
    return schema;
}
