/* Any body through the ingress's reading of it: what is taken can be taken again by every later
 * actor, and what is refused says why. Input: a byte of choices, then the body. */
#include "actors/ingress/extract.h"

#include <jansson.h>
#include <stdlib.h>

#include "core/document.h"
#include "core/json_text.h"
#include "core/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *pointers[] = {"/message/id", "/message/a/0/b", "/message", "/message/~1",
                                 "/headers/x"};
static const header_t labels[] = {{"one", "/message/l"}, {"two", "/headers/x"}};
static const source_t source = {.name = "s"};

static void check_taken(const route_t *route, const http_request_t *request, const extracted_t *e)
{
    must(utf8_valid(bytes_of(e->key, e->key_len)) && e->key_len <= KEY_BYTES_MAX);
    if (e->labels)
        must(strlen(e->labels) <= LABELS_BYTES_MAX && utf8_valid(bytes_str(e->labels)));
    if (!e->fields)
        return;
    must(strlen(e->fields) <= FIELDS_BYTES_MAX && utf8_valid(bytes_str(e->fields)));
    document_t *later = document_new(&(document_parts_t){
        .fields = bytes_str(e->fields), .labels = bytes_str(e->labels), .body = request->body});
    json_t *fields = json_loads(e->fields, DOCUMENT_JSON_FLAGS, NULL);
    must(json_is_object(fields) && json_object_size(fields) == route->pointer_count);
    for (size_t i = 0; i < route->pointer_count; i++) {
        json_t *sent = json_object_get(fields, route->pointers[i]);
        json_t *read = document_get(later, bytes_str(route->pointers[i]));
        must(sent && (json_is_null(sent) ? !read : json_equal(sent, read)));
    }
    json_decref(fields);
    document_destroy(&later);
}

static void check_refused(const refusal_t *why)
{
    must(why->problem.detail.len > 0 && why->problem.detail.len < sizeof why->detail);
    char *text = problem_text(&why->problem);
    json_t *body = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    must(json_is_object(body));
    json_decref(body);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static extracted_t extracted;
    refusal_t why;
    if (size < 1)
        return 0;
    const http_field_t headers[] = {{bytes_str("content-type"), bytes_str("application/json")},
                                    {bytes_str("x"), bytes_of(data, size < 9 ? size : 9)}};
    const http_request_t request = {.headers = headers,
                                    .header_count = data[0] & 1 ? 2 : 1,
                                    .body = bytes_of(data + 1, size - 1)};
    const route_t route = {.name = "r",
                           .source = &source,
                           .key = data[0] & 2 ? "/message/k" : NULL,
                           .id = data[0] & 4 ? "/message/id" : NULL,
                           .labels = labels,
                           .label_count = data[0] & 8 ? 2 : 0,
                           .pointers = pointers,
                           .pointer_count = data[0] & 16 ? COUNT_OF(pointers) : 0,
                           .body_bytes_max = 1u << 20};
    if (extract(&route, &request, &extracted, &why))
        check_taken(&route, &request, &extracted);
    else
        check_refused(&why);
    extracted_clear(&extracted);
    return 0;
}
