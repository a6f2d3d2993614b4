/* send.c: weirctl send: a file to a route, signed as the route's source demands, as a sender would.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "commands.h"
#include "input.h"
#include "show.h"
#include "sys/config.h"
#include "sys/credentials.h"
#include "sys/http_once.h"
#include "sys/signature.h"

#define HEADER_BYTES 1024
#define TIMEOUT_MS 30000

typedef struct sending {
    const cli_t *cli;
    config_t *config;
    const route_t *route;
    const char *config_file;
    uint8_t *body;
    size_t body_len;
    char headers[HTTP_ONCE_HEADERS_MAX][HEADER_BYTES];
    size_t header_count;
} sending_t;

/* ---- what is sent ----------------------------------------------------------------------- */

static int read_body(sending_t *s)
{
    return input_body(cli_value(s->cli, "file"), &s->body, &s->body_len);
}

static bool has_header(const sending_t *s, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < s->header_count; i++)
        if (strncasecmp(s->headers[i], name, len) == 0 && s->headers[i][len] == ':')
            return true;
    return false;
}

static int add_header(sending_t *s, const char *name, const char *value)
{
    if (s->header_count == HTTP_ONCE_HEADERS_MAX)
        return cli_complain(EXIT_USAGE, "too many headers");
    int n = snprintf(s->headers[s->header_count], HEADER_BYTES, "%s: %s", name, value);
    if (n >= HEADER_BYTES || strpbrk(s->headers[s->header_count], "\r\n"))
        return cli_complain(EXIT_USAGE, "the header %s is too long, or not one line", name);
    s->header_count++;
    return EXIT_OK;
}

static int add_typed_headers(sending_t *s)
{
    for (size_t i = 0; i < s->cli->value_count; i++) {
        const cli_value_t *v = &s->cli->values[i];
        if (strcmp(v->name, "header") != 0)
            continue;
        char name[128];
        const char *value;
        int code = input_header(v->value, name, sizeof name, &value);
        if (code == EXIT_OK)
            code = add_header(s, name, value);
        if (code)
            return code;
    }
    const char *type =
        s->route->body == BODY_FORM ? "application/x-www-form-urlencoded" : "application/json";
    return has_header(s, "content-type") ? EXIT_OK : add_header(s, "Content-Type", type);
}

/* The id belongs into the header that the route's pointer names. */
static int add_id(sending_t *s)
{
    static const char prefix[] = "/headers/";
    const char *id = cli_value(s->cli, "id"), *pointer = s->route->id;
    if (!id)
        return EXIT_OK;
    if (!pointer || strncmp(pointer, prefix, strlen(prefix)) != 0)
        return cli_complain(
            EXIT_USAGE, "the id of route %s is %s%s, not a header: change the file instead of --id",
            s->route->name, pointer ? "" : "the body's hash", pointer ? pointer : "");
    return add_header(s, pointer + strlen(prefix), id);
}

/* A webhook's id is signed too: the one that was typed, else one of this moment. */
static int webhook_id(sending_t *s, wall_t now, bytes_t *id)
{
    static const char name[] = "webhook-id";
    char made[40];
    snprintf(made, sizeof made, "msg_%lld", (long long)now.us);
    if (!has_header(s, name) && add_header(s, name, made) != EXIT_OK)
        return EXIT_USAGE;
    for (size_t i = 0; i < s->header_count; i++)
        if (strncasecmp(s->headers[i], name, sizeof name - 1) == 0)
            *id = bytes_str(s->headers[i] + sizeof name + strspn(s->headers[i] + sizeof name, " "));
    return EXIT_OK;
}

static int sign(sending_t *s, bytes_t secret)
{
    static signed_fields_t fields;
    const source_t *source = s->route->source;
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    const wall_t now = {ts.tv_sec * US_PER_S + ts.tv_nsec / 1000};
    bytes_t id = {0};
    int code = source->auth == AUTH_STANDARD_WEBHOOKS ? webhook_id(s, now, &id) : EXIT_OK;
    if (code == EXIT_OK &&
        !signature_make(source, secret, id, bytes_of(s->body, s->body_len), now, &fields))
        code = cli_complain(EXIT_CONFIG, "the secret of source %s cannot sign", source->name);
    for (size_t i = 0; i < fields.count && code == EXIT_OK; i++)
        code = add_header(s, fields.field[i].name, fields.field[i].value);
    explicit_bzero(&fields, sizeof fields);
    return code;
}

/* Where API keys are believed, the first that may send; NULL: none. */
static const char *secret_of(const config_t *config, const source_t *source)
{
    for (size_t i = 0; source->auth == AUTH_API_KEY && i < config->api_key_count; i++)
        if (api_key_may(&config->api_keys[i], SCOPE_SUBMIT, bytes_str(source->name)))
            return config->api_keys[i].secret;
    return source->secret;
}

static int add_proof(sending_t *s)
{
    const source_t *source = s->route->source;
    const char *name = secret_of(s->config, source);
    char directory[1024], why[512];
    uint8_t *secret = NULL;
    size_t len = 0;
    if (source->auth == AUTH_NONE_ON_LOOPBACK)
        return EXIT_OK;
    if (!name || !credentials_directory(s->config_file, directory, sizeof directory))
        return cli_complain(EXIT_CONFIG, "source %s has no secret to sign with", source->name);
    int error = credential_read(directory, name, &secret, &len);
    if (error) {
        credential_explain(directory, name, error, why, sizeof why);
        return cli_complain(error == -EACCES ? EXIT_NOT_PERMITTED : EXIT_CONFIG, "%s", why);
    }
    int code = sign(s, bytes_of(secret, len));
    credential_free(&secret, len);
    return code;
}

/* ---- where to --------------------------------------------------------------------------- */

/* What Weir says it listens on (the configuration may say port 0); the configuration, when it does
 * not run. */
static void find_address(const sending_t *s, char *out, size_t size)
{
    cli_t quiet = *s->cli;
    quiet.config = s->config_file;
    snprintf(out, size, "%s", s->config->http.listen[0]);
    json_t *answer = client_ask_quietly(&quiet, ctl_verbs[CTL_VERB_STATUS].name, json_object());
    const char *first = json_string_value(json_array_get(json_object_get(answer, "listen"), 0));
    if (first)
        snprintf(out, size, "%s", first);
    json_decref(answer);
}

static void url_of(const sending_t *s, char *out, size_t size)
{
    char address[256];
    find_address(s, address, sizeof address);
    const char *port = strrchr(address, ':');
    if (port && strncmp(address, "0.0.0.0:", 8) == 0)
        snprintf(out, size, "http://127.0.0.1%s%s", port, s->route->path);
    else if (port && strncmp(address, "[::]:", 5) == 0)
        snprintf(out, size, "http://[::1]%s%s", port, s->route->path);
    else
        snprintf(out, size, "http://%s%s", address, s->route->path);
}

/* ---- the answer ------------------------------------------------------------------------- */

static int code_of(unsigned status)
{
    if (status >= 200 && status < 300)
        return EXIT_OK;
    if (status == 401 || status == 403)
        return EXIT_NOT_PERMITTED;
    return status == 429 || status == 503 ? EXIT_AGAIN : EXIT_REFUSED;
}

static int report(const sending_t *s, const http_once_answer_t *a)
{
    json_t *body = json_loads(a->body, 0, NULL);
    int code = code_of(a->status);
    if (s->cli->json) {
        json_t *line = json_is_object(body) ? json_incref(body) : json_object();
        must(json_object_set_new(line, "schema", json_string("weir.send/1")) == 0 &&
             json_object_set_new(line, "ok", json_boolean(code == EXIT_OK)) == 0 &&
             json_object_set_new(line, "http_status", json_integer(a->status)) == 0);
        cli_print_json(line);
    } else if (code == EXIT_OK) {
        printf("%s %s\n", text_at(body, "id"), text_at(body, "status"));
    } else {
        const char *detail = text_at(body, "detail");
        cli_complain(0, "refused with %u: %s", a->status,
                     strcmp(detail, "-") ? detail : text_at(body, "title"));
    }
    json_decref(body);
    return code;
}

static int post(sending_t *s)
{
    char url[1024];
    const char *headers[HTTP_ONCE_HEADERS_MAX];
    http_once_answer_t answer;
    for (size_t i = 0; i < s->header_count; i++)
        headers[i] = s->headers[i];
    url_of(s, url, sizeof url);
    http_once_t request = {.url = url,
                           .headers = headers,
                           .header_count = s->header_count,
                           .body = bytes_of(s->body, s->body_len),
                           .timeout_ms = TIMEOUT_MS};
    int error = http_once(&request, &answer);
    int code;
    if (error == -ECONNREFUSED)
        code = cli_complain(EXIT_NOT_RUNNING,
                            "Weir does not listen at %s; start it with ./run or systemctl start "
                            "weir",
                            url);
    else if (error)
        code = cli_complain(EXIT_AGAIN, "no answer from %s: %s; it may have been accepted", url,
                            answer.error);
    else
        code = report(s, &answer);
    http_once_clear(&answer);
    return code;
}

/* ---- the command ------------------------------------------------------------------------ */

static int find_route(sending_t *s)
{
    s->config = input_config(s->cli);
    if (!s->config)
        return EXIT_CONFIG;
    s->route = input_route(s->cli, s->config);
    return s->route ? EXIT_OK : EXIT_REFUSED;
}

int run_send(const cli_t *cli)
{
    static sending_t s;
    int (*const steps[])(sending_t *) = {find_route, read_body, add_typed_headers,
                                         add_id,     add_proof, post};
    s = (sending_t){.cli = cli, .config_file = input_config_file(cli)};
    int code = EXIT_OK;
    for (size_t i = 0; i < COUNT_OF(steps) && code == EXIT_OK; i++)
        code = steps[i](&s);
    explicit_bzero(s.headers, sizeof s.headers); /* one may be a token */
    free(s.body);
    config_destroy(&s.config);
    return code;
}
