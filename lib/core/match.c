#include "core/match.h"

/* Greedy with one point of return: after a mismatch only the last '*' can take one byte more. */
bool glob_matches(bytes_t pattern, bytes_t text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, from = 0;
    while (t < text.len) {
        if (p < pattern.len && pattern.data[p] == '*') {
            star = p++;
            from = t;
        } else if (p < pattern.len && pattern.data[p] == text.data[t]) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.data[p] == '*')
        p++;
    return p == pattern.len;
}

static bytes_t text_of(const json_t *string)
{
    return bytes_of(json_string_value(string), json_string_length(string));
}

static bool scalar_matches(const json_t *pattern, const json_t *value)
{
    if (json_is_string(pattern) && json_is_string(value))
        return glob_matches(text_of(pattern), text_of(value));
    if (json_is_number(pattern) && json_is_number(value) &&
        (json_is_real(pattern) || json_is_real(value)))
        return json_number_value(pattern) == json_number_value(value);
    return json_equal(pattern, value);
}

bool match_value(const json_t *pattern, const json_t *value)
{
    if (!value || json_is_null(value))
        return json_is_null(pattern);
    if (!json_is_array(value))
        return scalar_matches(pattern, value);
    for (size_t i = 0; i < json_array_size(value); i++)
        if (scalar_matches(pattern, json_array_get(value, i)))
            return true;
    return false;
}

bool match_holds(const match_t *match, document_t *document)
{
    for (size_t i = 0; i < match->count; i++) {
        const condition_t *condition = &match->conditions[i];
        const json_t *value = document_get(document, bytes_str(condition->pointer));
        bool found = false;
        for (size_t k = 0; k < json_array_size(condition->patterns) && !found; k++)
            found = match_value(json_array_get(condition->patterns, k), value);
        if (!found)
            return false;
    }
    return true;
}
