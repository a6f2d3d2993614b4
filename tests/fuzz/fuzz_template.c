/* Template, a newline, then the message: rendered in every way, within its room and fit for its
 * use. */
#include <stdlib.h>

#include "core/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROOM 300

static void check_text(bytes_t template, document_t *document, enum template_escape escape)
{
    char *out = malloc(ROOM), why[64];
    long len = template_text(template, document, escape, out, ROOM, why, sizeof why);
    must(len < ROOM && (len < 0 || out[len] == '\0'));
    for (long i = 0; i < len && escape == TEMPLATE_HEADER; i++)
        must(((unsigned char)out[i] >= 0x20 || out[i] == '\t') && out[i] != 0x7f);
    if (len >= 0 && escape == TEMPLATE_PATH && !strchr(out, '?'))
        must(!strstr(out, "/../") && !strstr(out, "/./"));
    free(out);
}

static void count(void *arg, bytes_t pointer)
{
    must(pointer_is_valid(pointer));
    ++*(size_t *)arg;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *cut = size ? memchr(data, '\n', size) : NULL;
    bytes_t template = bytes_of(data, cut ? (size_t)(cut - data) : size);
    bytes_t body = cut ? bytes_of(cut + 1, size - template.len - 1) : bytes_of(NULL, 0);
    document_t *document =
        document_new(&(document_parts_t){.body = body, .id = bytes_str("id"), .attempt = 1});
    const char *error = NULL;
    char why[64];
    size_t places = 0;
    int bad = template_check(template, &error);
    must(!bad == !error);
    template_each(template, count, &places);
    for (enum template_escape e = TEMPLATE_PLAIN; e <= TEMPLATE_HEADER; e++)
        check_text(template, document, e);
    json_t *json = json_stringn((const char *)template.data, template.len);
    json_t *made = json ? template_json(json, document, why, sizeof why) : NULL;
    must(!bad || !made || places == 0);
    json_decref(made);
    json_decref(json);
    document_destroy(&document);
    return 0;
}
