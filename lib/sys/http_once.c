#include "sys/http_once.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static size_t on_body(char *data, size_t one, size_t count, void *arg)
{
    http_once_answer_t *a = arg;
    size_t len = one * count, room = HTTP_ONCE_ANSWER_MAX - a->len, kept = len < room ? len : room;
    memcpy(a->body + a->len, data, kept);
    a->len += kept;
    a->body[a->len] = '\0';
    return len; /* what does not fit is read and forgotten */
}

static struct curl_slist *list_of(const http_once_t *request)
{
    struct curl_slist *list = NULL;
    for (size_t i = 0; i < request->header_count; i++) {
        struct curl_slist *longer = curl_slist_append(list, request->headers[i]);
        must(longer);
        list = longer;
    }
    return list;
}

static void set_options(CURL *curl, const http_once_t *request, struct curl_slist *headers,
                        http_once_answer_t *a)
{
    must(curl_easy_setopt(curl, CURLOPT_URL, request->url) == CURLE_OK);
    must(curl_easy_setopt(curl, CURLOPT_POST, 1L) == CURLE_OK);
    must(curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
                          request->body.len ? (const char *)request->body.data : "") == CURLE_OK);
    must(curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len) ==
         CURLE_OK);
    must(curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK);
    must(curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK);
    must(curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK);
    must(curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK);
    must(curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms) == CURLE_OK);
    must(curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK);
    must(curl_easy_setopt(curl, CURLOPT_WRITEDATA, a) == CURLE_OK);
}

int http_once(const http_once_t *request, http_once_answer_t *answer)
{
    if (request->header_count > HTTP_ONCE_HEADERS_MAX)
        return -E2BIG;
    *answer = (http_once_answer_t){.body = calloc(1, HTTP_ONCE_ANSWER_MAX + 1)};
    must(answer->body && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    CURL *curl = curl_easy_init();
    must(curl);
    struct curl_slist *headers = list_of(request);
    set_options(curl, request, headers, answer);
    CURLcode code = curl_easy_perform(curl);
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    answer->status = (unsigned)status;
    snprintf(answer->error, sizeof answer->error, "%s",
             code == CURLE_OK ? "" : curl_easy_strerror(code));
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    curl_global_cleanup();
    return code == CURLE_OK ? 0 : code == CURLE_COULDNT_CONNECT ? -ECONNREFUSED : -EIO;
}

void http_once_clear(http_once_answer_t *answer)
{
    free(answer->body);
    *answer = (http_once_answer_t){0};
}
