#include <stdio.h>

#include "sys/http_server_inside.h"

struct refusal {
    unsigned status;
    const char *reason, *code, *detail;
    char raw[640];
};

static struct refusal refusals[] = {
    {400, "Bad Request", "malformed",
     "The request is not beyond doubt as HTTP/1.1; the connection is closed."},
    {408, "Request Timeout", "timeout", "The request did not arrive in time."},
    {413, "Content Too Large", "too_large", "The body is larger than is taken here."},
    {417, "Expectation Failed", "expectation", "Only 100-continue can be expected."},
    {431, "Request Header Fields Too Large", "head_too_large",
     "The head is larger than is taken here."},
    {501, "Not Implemented", "not_implemented", "This method is not known here."},
    {505, "HTTP Version Not Supported", "version", "This version of HTTP is not spoken here."},
    {503, "Service Unavailable", "connections", "No connection is free; come back in a second."},
};

static void fill(struct refusal *r)
{
    char body[320];
    int n = snprintf(body, sizeof body,
                     "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%u,\"code\":\"%s\","
                     "\"detail\":\"%s\"}\n",
                     r->reason, r->status, r->code, r->detail);
    must(n > 0 && (size_t)n < sizeof body);
    int m = snprintf(r->raw, sizeof r->raw,
                     "HTTP/1.1 %u %s\r\nContent-Type: application/problem+json\r\n%s"
                     "Content-Length: %d\r\nConnection: close\r\n\r\n%s",
                     r->status, r->reason, r->status == 503 ? "Retry-After: 1\r\n" : "", n, body);
    must(m > 0 && (size_t)m < sizeof r->raw);
}

static struct refusal *find(unsigned status)
{
    for (size_t i = 0; i < COUNT_OF(refusals); i++)
        if (refusals[i].status == status) {
            if (!refusals[i].raw[0])
                fill(&refusals[i]);
            return &refusals[i];
        }
    must(!"a refusal without a text");
    return NULL;
}

bytes_t http_refusal_raw(unsigned status) { return bytes_str(find(status)->raw); }
