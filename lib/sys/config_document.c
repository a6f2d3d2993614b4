#include "sys/api_key.h"
#include "sys/config_table.h"

/* ---- docs/CONFIGURATION.md ---- */

/* clang-format off */
static const char intro[] =
    "# Configuration\n"
    "\n"
    "<!-- written from lib/sys/config_keys.def; a test fails when it is stale:\n"
    "     WEIR_UPDATE=1 test_config -->\n"
    "\n"
    "Weir reads one YAML file, `/etc/weir/weir.yaml` unless told otherwise, and then its\n"
    "drop-ins: every `*.yaml` of `/usr/lib/weir/conf.d`, `/run/weir/conf.d` and\n"
    "`/etc/weir/conf.d`, in the order of their names over all three. A name that several of\n"
    "them have counts once: `/etc` before `/run` before `/usr/lib`. A link to `/dev/null`\n"
    "disables its name. A file `DIR/etc/weir/weir.yaml` has the three directories below the\n"
    "same DIR, a file elsewhere only the `conf.d` beside it. Drop-ins belong to root or to the\n"
    "owner of the first file.\n"
    "\n"
    "What a later file says counts: tables merge, everything else replaces. `null` puts a key\n"
    "back to its default and takes a named entry out (a route, a limit); a key with nothing\n"
    "behind it changes nothing. A key that is not listed here is refused, as is a key given\n"
    "twice in one file.\n"
    "\n"
    "| command | what it tells |\n"
    "|---|---|\n"
    "| `weirctl check` | everything that is wrong, with file, line, column and what to do |\n"
    "| `weirctl config explain KEY` | what a key means, its range and default, its value now |\n"
    "| `weirctl config effective` | every value that counts, and where it came from |\n"
    "| `weirctl config diff` | what the files say otherwise, and whether a reload is enough |\n"
    "| `weirctl config schema` | all keys as JSON Schema, for editors |\n"
    "\n"
    "- `${NAME}` and `${NAME:-default}` in a value are filled in from the environment of the\n"
    "  supervisor, in numbers too: `slots: ${CALLS_MAX:-100}`. The default counts when the\n"
    "  variable is not set or empty; not set and without a default is an error. `$${` stands\n"
    "  for `${`. With systemd the variables are lines `NAME=value` of `/etc/weir/env`, and a\n"
    "  change needs `systemctl restart weir`; by hand: `set -a; . ./.env; set +a`, also\n"
    "  before `weirctl check`. Secrets do not belong there.\n"
    "- Numbers of bytes may end in `KiB`, `MiB` or `GiB`.\n"
    "- Names are up to 64 letters, digits, `-` and `_`.\n"
    "- Secrets are only named here. Their values are files of that name in\n"
    "  `$CREDENTIALS_DIRECTORY` (systemd) or in `credentials` beside the configuration\n"
    "  file; a file that everybody may read is refused.\n"
    "\n"
    "## The message document\n"
    "\n"
    "Keys, ids, labels, conditions and templates point into one document per message, by\n"
    "JSON pointer (RFC 6901):\n"
    "\n"
    "| pointer | what is there |\n"
    "|---|---|\n"
    "| `/message/...` | the parsed body |\n"
    "| `/headers/<name>` | a header, its name in lower case |\n"
    "| `/results/<step>/outcome` | what an earlier classify step chose |\n"
    "| `/results/<step>/status`, `/results/<step>/body/...` | what an earlier call was answered |\n"
    "| `/labels/<name>` | a label of the route |\n"
    "| `/id`, `/key`, `/route`, `/source`, `/attempt` | of the message itself |\n"
    "\n"
    "A **template** is text, or JSON with text in it, with places `${/pointer}` or\n"
    "`${/pointer:-fallback}`. A place alone in a JSON string becomes the value with its\n"
    "type; inside text it becomes text. When a value is absent and there is no fallback,\n"
    "the step fails for good rather than send something wrong. In a path values are\n"
    "percent-encoded, and cannot be empty, `.` or `..`. A template never chooses the host.\n"
    "\n"
    "A **condition** is a pointer with a pattern or a list of patterns, of which one must\n"
    "match: strings may hold `*` for any text, other scalars compare exactly, `null`\n"
    "matches what is absent. When the message has a list there, one of its elements must\n"
    "match.\n"
    "\n"
    "## Senders\n"
    "\n"
    "A source says how its sender is believed; the signature is checked over the raw body\n"
    "before anything reads it. `docs/openapi.yaml` has requests that can be tried.\n"
    "\n"
    "| auth | what is checked | `id`, by which a second delivery is known |\n"
    "|---|---|---|\n"
    "| `github` | `X-Hub-Signature-256` | `/headers/x-github-delivery` |\n"
    "| `slack` | `X-Slack-Signature` and its time; `url_verification` is answered "
    "| `/message/event_id` |\n"
    "| `standard-webhooks` | `webhook-signature`, one of several, and its time "
    "| `/headers/webhook-id` |\n"
    "| `bearer` | `Authorization: Bearer` | one in the message, else its bytes count |\n"
    "| `header` | the secret itself in the header that `header` names | the same |\n"
    "| `api-key` | an API key with `submit:SOURCE` | the same |\n"
    "| `none-on-loopback` | the sender is on this host | the same |\n"
    "\n"
    "A wrong or missing signature is answered 401. One that is right but whose signed time\n"
    "is more than five minutes away from ours is answered 403, so keep the clock right.\n"
    "\n"
    "A secret is changed without a refusal in three steps. Put the new one into a second file\n"
    "and name it with `secret_next`: from now on either is believed. Change it at the sender.\n"
    "When nothing comes with the old one any more, make the second file `secret` and leave\n"
    "`secret_next` out. A file's new content counts from the next start of the ingress on:\n"
    "`weirctl actors restart ingress`; requests wait meanwhile.\n"
    "\n"
    "A route with `body: form` takes `application/x-www-form-urlencoded`: `/message` is then\n"
    "an object of texts, with lists for names sent more than once. At most 1024 fields, names\n"
    "of 256 bytes and values of 1 MiB. The bytes are stored, signed and passed on as they\n"
    "came.\n"
    "\n"
    "## API keys\n"
    "\n"
    "Programs and people that ask, take leases or change things over HTTP send a key, as\n"
    "`Authorization: Bearer KEY` or `X-Api-Key: KEY`. What it may is its `scopes`; what was\n"
    "changed with it is told as done by `key:NAME`. On this host reading needs no key;\n"
    "changing always does. `secret_next` rotates a key as it does a sender's secret.\n"
    "\n"
    "| scope | what it allows |\n"
    "|---|---|\n";
static const char keys[] =
    "\n"
    "`submit:*` and `leases:*` stand for all.\n"
    "\n"
    "## Keys\n"
    "\n"
    "`*` is a name of your choice, `[]` an item of a list.\n";
/* clang-format on */

static void write_scopes(FILE *to)
{
#define SCOPE(KIND, word, of, meaning)                                                             \
    fprintf(to, "| `%s%s%s` | %s |\n", word, *(of) ? ":" : "", of, meaning);
    SCOPE_TABLE(SCOPE)
#undef SCOPE
}

static void write_range(FILE *to, const config_key_t *key)
{
    if (key->kind == KIND_UNSIGNED)
        fprintf(to, "%llu to %llu", (unsigned long long)key->min, (unsigned long long)key->max);
    else if (key->kind == KIND_TEXT || key->kind == KIND_PATH_TEMPLATE ||
             key->kind == KIND_TEMPLATE)
        fprintf(to, "%llu to %llu bytes", (unsigned long long)key->min,
                (unsigned long long)key->max);
    else if (key->kind != KIND_CHOICE && key->kind != KIND_SECTION && key->max &&
             (key->kind == KIND_NAMED || key->kind == KIND_ITEMS || key->kind == KIND_TEXTS ||
              key->kind == KIND_NAMES || key->kind == KIND_HEADERS ||
              key->kind == KIND_CONDITIONS || key->kind == KIND_POINTERS ||
              key->kind == KIND_NUMBERS || key->kind == KIND_OVERRIDES))
        fprintf(to, "%llu to %llu of them", (unsigned long long)key->min,
                (unsigned long long)key->max);
}

static void write_words(FILE *to, const char *words, const char *separator)
{
    for (; *words; words++)
        if (*words == '|')
            fputs(separator, to);
        else
            fputc(*words, to);
}

static void write_key(FILE *to, const config_key_t *key)
{
    fprintf(to, "| `%s` | ", key->path);
    if (key->kind == KIND_CHOICE)
        write_words(to, key->unit, ", ");
    else
        fputs(config_kind_text(key->kind), to);
    if (key->kind == KIND_UNSIGNED && *key->unit)
        fprintf(to, ", %s", key->unit);
    fputs(" | ", to);
    write_range(to, key);
    fputs(" | ", to);
    if (key->required)
        fputs("required", to);
    else if (key->preset && key->kind != KIND_SECTION)
        fprintf(to, "`%s`", *key->preset ? key->preset : "\"\"");
    fputs(" | ", to);
    write_words(to, key->meaning, "\\|");
    fprintf(to, "%s |\n",
            key->reloadable || config_key_has_keys(key) ? "" : "; a change needs a restart");
}

static bool begins_section(const config_key_t *key)
{
    return !strchr(key->path, '.') && (key->kind == KIND_SECTION || key->kind == KIND_NAMED);
}

void config_write_reference(FILE *to)
{
    static const char head[] =
        "\n| key | kind | range | default | meaning |\n|---|---|---|---|---|\n";
    fputs(intro, to);
    write_scopes(to);
    fputs(keys, to);
    fputs(head, to);
    for (size_t i = 0; i < config_key_count(); i++) {
        const config_key_t *key = config_key_at(i);
        if (begins_section(key))
            fprintf(to, "\n### %s: %s\n%s", key->path, key->meaning, head);
        else
            write_key(to, key);
    }
}

/* ---- etc/weir.yaml ---- */

static size_t depth_of(const char *path)
{
    size_t depth = 0;
    for (; *path; path++)
        depth += *path == '.';
    return depth;
}

const char *config_key_example(const config_key_t *key)
{
    if (key->preset)
        return *key->preset ? key->preset : "\"\"";
    switch (key->kind) {
    case KIND_SECRET:
        return "NAME";
    case KIND_CHOICE:
        return key->unit;
    case KIND_NAME:
        return "NAME";
    case KIND_NAMES:
        return "[NAME]";
    case KIND_TEXTS:
        return "[text, another]";
    case KIND_POINTER:
        return "/message/id";
    case KIND_POINTERS:
        return "{NAME: /message/id}";
    case KIND_PATH:
        return "/tickets";
    case KIND_PATH_TEMPLATE:
        return "/v1/tickets/${/message/id}";
    case KIND_JSON:
        return "{id: \"${/message/id}\"}";
    case KIND_HEADERS:
        return "{X-Name: text}";
    case KIND_CONDITIONS:
        return "{/message/type: [a, \"b*\"]}";
    case KIND_URL:
        return "https://api.example.com";
    case KIND_NUMBERS:
    case KIND_OVERRIDES:
        return "{NAME: 1}";
    case KIND_TEMPLATE:
        return "${/message/id}";
    case KIND_TEXT:
        return "text";
    default:
        return "1";
    }
}

static void write_sample_value(FILE *to, const config_key_t *key)
{
    bool is_list = key->kind == KIND_TEXTS && key->preset;
    fprintf(to, is_list ? " [\"%s\"]" : " %s", config_key_example(key));
}

/* In or at a section that may be left out. */
static bool is_optional(const config_key_t *key)
{
    for (size_t i = 0; i < config_key_count(); i++) {
        const config_key_t *at = config_key_at(i);
        size_t length = strlen(at->path);
        if (at->kind == KIND_SECTION && !at->preset && strncmp(key->path, at->path, length) == 0 &&
            (!key->path[length] || key->path[length] == '.'))
            return true;
    }
    return false;
}

/* Written as a comment: what hangs on a name of the operator's choice, or may be left out whole. */
static bool is_commented(const config_key_t *key)
{
    return strchr(key->path, '*') || is_optional(key);
}

/* Where a line of the sample begins: "#" or not, then the indent. */
static void write_indent(FILE *to, const config_key_t *key)
{
    fprintf(to, "%s%*s", is_commented(key) ? "#" : "", (int)(2 * depth_of(key->path)), "");
}

static void compose_comment(const config_key_t *key, char *out, size_t size)
{
    FILE *to = fmemopen(out, size, "w");
    must(to);
    fputs(key->meaning, to);
    if (key->kind == KIND_UNSIGNED)
        fprintf(to, " (%llu to %llu%s%s)", (unsigned long long)key->min,
                (unsigned long long)key->max, *key->unit ? " " : "", key->unit);
    if (key->kind == KIND_CHOICE) {
        fputs(" (", to);
        write_words(to, key->unit, ", ");
        fputs(")", to);
    }
    if (key->required)
        fputs(" (required)", to);
    fclose(to);
}

#define COMMENT_COLUMNS 88

static void write_comment(FILE *to, const config_key_t *key)
{
    char text[1024] = "", *rest = NULL;
    size_t column = SIZE_MAX;
    compose_comment(key, text, sizeof text - 1);
    for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        if (column > COMMENT_COLUMNS - strlen(word)) {
            if (column != SIZE_MAX)
                fputs("\n", to);
            write_indent(to, key);
            fputs("#", to);
            column = 0;
        }
        column += (size_t)fprintf(to, " %s", word);
    }
    fputs("\n", to);
}

/* The first key inside a NAMED or an ITEMS opens its name or its dash. */
static void write_opening(FILE *to, const config_key_t *key, const config_key_t *before)
{
    int indent = (int)(2 * depth_of(key->path)) - 2;
    if (before->kind == KIND_NAMED)
        fprintf(to, "#%*sNAME:\n", indent, "");
    if (before->kind == KIND_ITEMS)
        fprintf(to, "#%*s-\n", indent, "");
}

void config_write_sample(FILE *to)
{
    fputs("# Every key of Weir's configuration with its default. Commented keys have no default, "
          "or stand for\n"
          "# names of your choice. Written from lib/sys/config_keys.def; docs/CONFIGURATION.md "
          "says more.\n",
          to);
    for (size_t i = 0; i < config_key_count(); i++) {
        const config_key_t *key = config_key_at(i);
        bool named = strchr(key->path, '*') != NULL;
        if (depth_of(key->path) == 0)
            fputs("\n", to);
        if (named)
            write_opening(to, key, config_key_at(i - 1));
        write_comment(to, key);
        write_indent(to, key);
        if (!is_commented(key) &&
            (key->kind == KIND_NAMED || (!key->preset && !config_key_has_keys(key))))
            fputs("#", to);
        fprintf(to, "%s:", config_key_leaf(key));
        if (!config_key_has_keys(key))
            write_sample_value(to, key);
        fputs("\n", to);
    }
}
