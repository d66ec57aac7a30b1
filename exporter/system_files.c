/* system_files.c - what files of the system say about this process and its host. */
#include "system_files.h"

static const struct slice absent = {NULL, 0};

bool stat_start_ticks(struct slice file, uint64_t *ticks)
{
    enum { STATE = 3, STARTTIME = 22 };
    size_t name_end = file.len; /* the name stands in parentheses and may itself hold some, and blanks */
    unsigned long long number;
    struct slice field;
    while (name_end && file.ptr[name_end - 1] != ')')
        name_end--;
    if (!name_end)
        return false;
    struct slice rest = slice_trim(slice_after(file, name_end));
    for (int i = STATE; slice_next(&rest, ' ', &field); i++)
        if (i == STARTTIME && rest.ptr && slice_to_number(field, UINT64_MAX, &number)) {
            *ticks = number;
            return true;
        }
    return false;
}

/* Cuts the next whole line off; what is behind the last line feed is none. */
static bool next_line(struct slice *rest, struct slice *line)
{
    size_t n = slice_find(*rest, '\n');
    if (n == rest->len)
        return false;
    *line = (struct slice){rest->ptr, n};
    *rest = slice_after(*rest, n + 1);
    return true;
}

struct slice passwd_user(struct slice file, uint32_t uid)
{
    struct slice line, name, password, number;
    while (next_line(&file, &line)) {
        unsigned long long value;
        if (slice_next(&line, ':', &name) && slice_next(&line, ':', &password) && slice_next(&line, ':', &number) &&
            line.ptr && name.len && slice_to_number(number, UINT32_MAX, &value) && value == uid)
            return name;
    }
    return absent;
}

/* A value as a shell would read it (os-release(5)): quoted or not, with backslashes before what is special. */
static void append_unquoted(struct text *out, struct slice value)
{
    char quote = value.len ? value.ptr[0] : 0;
    bool has_quotes = quote == '"' || quote == '\'';
    for (size_t i = has_quotes; i < value.len && !(has_quotes && value.ptr[i] == quote); i++) {
        if (value.ptr[i] == '\\' && quote != '\'' && i + 1 < value.len)
            i++;
        text_char(out, value.ptr[i]);
    }
}

bool os_release_append(struct text *out, struct slice file, struct slice name)
{
    struct text before = *out;
    while (file.len) {
        struct slice line = {file.ptr, slice_find(file, '\n')};
        file = slice_after(file, line.len + 1);
        line = slice_trim(line);
        if (!slice_starts_with(line, name) || line.len == name.len || line.ptr[name.len] != '=')
            continue;
        *out = before; /* the last one counts, as in a shell */
        append_unquoted(out, slice_after(line, name.len + 1));
    }
    if (out->overflowed)
        *out = before;
    return out->len > before.len;
}

struct slice machine_id(struct slice file)
{
    struct slice id = {file.ptr, slice_find(file, '\n')};
    if (id.len != 32)
        return absent;
    for (size_t i = 0; i < id.len; i++)
        if (!((id.ptr[i] >= '0' && id.ptr[i] <= '9') || (id.ptr[i] >= 'a' && id.ptr[i] <= 'f')))
            return absent;
    return id;
}
