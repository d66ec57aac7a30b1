/* dns.c - queries written and answers read, as RFC 1035 section 4 lays them out.
 *
 * An answer is read only after it has proved to be one: the id, the opcode and the whole question must be ours (RFC
 * 5452 section 9). Names are unpacked before they are compared. A pointer must lead backward and a name has 255 bytes
 * at most, so no name can be read for ever. One record that breaks a rule makes the whole message nonsense: half of an
 * answer could send spans to a wrong host.
 *
 * Not here: EDNS0 (addresses of one host fit into 512 bytes), TCP, DNSSEC, caching.
 */
#include "dns.h"

#include "hostname.h"

#include <errno.h>
#include <sys/socket.h>

enum { HEADER = 12, CLASS_IN = 1, TYPE_CNAME = 5, NAME_MAX_BYTES = 255, POINTERS_MAX = 127, CHAIN_MAX = 16 };
enum { RCODE_NO_ERROR = 0, RCODE_NAME_ERROR = 3 };

/* Header, section 4.1.1: bytes 2 and 3. */
enum { RESPONSE = 0x80, OPCODE = 0x78, AUTHORITATIVE = 0x04, TRUNCATED = 0x02, RECURSION_DESIRED = 0x01 };
enum { RECURSION_AVAILABLE = 0x80, RCODE = 0x0f };

/* A name unpacked: labels with their lengths, in lower case, without the root. */
struct name {
    size_t len;
    char bytes[NAME_MAX_BYTES];
};

struct record {
    struct name owner;
    unsigned type, class;
    size_t data_at, data_len;
};

static unsigned byte_at(struct slice message, size_t at)
{
    return (unsigned char)message.ptr[at];
}

static unsigned number_at(struct slice message, size_t at)
{
    return byte_at(message, at) << 8 | byte_at(message, at + 1);
}

static uint8_t *put_number(uint8_t *to, unsigned number)
{
    to[0] = (uint8_t)(number >> 8);
    to[1] = (uint8_t)number;
    return to + 2;
}

size_t dns_write_query(uint8_t query[DNS_QUERY_MAX], struct slice name, uint16_t id, enum dns_type type)
{
    if (!hostname_is_valid(name))
        return 0;
    if (name.ptr[name.len - 1] == '.')
        name.len--;
    memset(query, 0, HEADER);
    put_number(query, id);
    query[2] = RECURSION_DESIRED;
    put_number(query + 4, 1);
    uint8_t *to = query + HEADER;
    for (struct slice label; slice_next(&name, '.', &label);) {
        *to++ = (uint8_t)label.len;
        memcpy(to, label.ptr, label.len);
        to += label.len;
    }
    *to++ = 0;
    to = put_number(to, type);
    to = put_number(to, CLASS_IN);
    return (size_t)(to - query);
}

/* Appends one label, its length byte first. False when the name grows too long. */
static bool add_label(struct name *name, struct slice label)
{
    if (label.len + 2 > sizeof name->bytes - name->len) /* the root's byte counts (section 2.3.4) */
        return false;
    name->bytes[name->len++] = (char)label.len;
    for (size_t i = 0; i < label.len; i++)
        name->bytes[name->len++] = ascii_lower(label.ptr[i]);
    return true;
}

/* Unpacks the name at `*at` (section 4.1.4) and moves `*at` behind it. False for what is not a name. */
static bool read_name(struct slice message, size_t *at, struct name *name)
{
    size_t here = *at, floor = *at; /* a pointer must lead below `floor`: to a prior occurrence */
    unsigned pointers = 0;
    name->len = 0;
    while (here < message.len) {
        unsigned length = byte_at(message, here);
        if (length == 0) {
            if (!pointers)
                *at = here + 1;
            return true;
        }
        if (length >= 0xc0) {
            if (message.len - here < 2 || ++pointers > POINTERS_MAX)
                return false;
            if (pointers == 1)
                *at = here + 2;
            here = number_at(message, here) & 0x3fff;
            if (here < HEADER || here >= floor)
                return false;
            floor = here;
        } else {
            if (length > 63 || length > message.len - here - 1)
                return false; /* 01 and 10 are reserved; or the message ends in the label */
            if (!add_label(name, (struct slice){message.ptr + here + 1, length}))
                return false;
            here += 1 + length;
        }
    }
    return false;
}

static bool names_equal(const struct name *a, const struct name *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* Reads the record at `*at` (section 4.1.3) and moves `*at` behind it. False for what is not a record. */
static bool read_record(struct slice message, size_t *at, struct record *record)
{
    if (!read_name(message, at, &record->owner) || message.len - *at < 10)
        return false;
    record->type = number_at(message, *at);
    record->class = number_at(message, *at + 2);
    record->data_len = number_at(message, *at + 8);
    record->data_at = *at + 10;
    if (record->data_len > message.len - record->data_at)
        return false;
    *at = record->data_at + record->data_len;
    return true;
}

/* The alias's target: a name that fills the data exactly. */
static bool read_alias(struct slice message, const struct record *record, struct name *target)
{
    size_t at = record->data_at;
    return read_name(message, &at, target) && at == record->data_at + record->data_len;
}

static bool read_address(struct slice message, const struct record *record, struct address *address)
{
    size_t size = record->type == DNS_A ? 4 : 16;
    if (record->data_len != size)
        return false;
    *address = (struct address){.family = record->type == DNS_A ? AF_INET : AF_INET6};
    memcpy(address->bytes, message.ptr + record->data_at, size);
    return true;
}

/* What one pass over the answer section looks for, and what it found. */
struct search {
    struct name wanted;
    struct name alias; /* of `wanted`, where has_alias */
    bool has_alias;
    unsigned type;
    struct address *addresses;
    size_t capacity, count;
};

/* False when the record breaks a rule. */
static bool search_record(struct search *search, struct slice message, const struct record *record)
{
    if (record->class != CLASS_IN || !names_equal(&record->owner, &search->wanted))
        return true;
    if (record->type == TYPE_CNAME) {
        search->has_alias = true;
        return read_alias(message, record, &search->alias);
    }
    if (record->type != search->type)
        return true;
    struct address address;
    if (!read_address(message, record, &address))
        return false;
    if (search->count < search->capacity)
        search->addresses[search->count++] = address;
    return true;
}

/* One pass. False when a record breaks a rule; a record cut off by truncation is none. */
static bool search_answers(struct search *search, struct slice message, size_t at)
{
    static struct record record; /* not on our small stack; one thread alone is here */
    bool is_truncated = byte_at(message, 2) & TRUNCATED;
    search->has_alias = false;
    for (unsigned left = number_at(message, 6); left; left--) {
        if (!read_record(message, &at, &record))
            return is_truncated;
        if (!search_record(search, message, &record))
            return false;
    }
    return true;
}

/* An answer, with our id and our question. Some servers refuse without repeating the question. */
static bool answers_query(struct slice query, struct slice message)
{
    if (message.len < HEADER || memcmp(message.ptr, query.ptr, 2) != 0)
        return false;
    if ((byte_at(message, 2) & (RESPONSE | OPCODE)) != RESPONSE)
        return false;
    unsigned questions = number_at(message, 4), rcode = byte_at(message, 3) & RCODE;
    if (questions == 0)
        return rcode != RCODE_NO_ERROR && rcode != RCODE_NAME_ERROR;
    if (questions != 1 || message.len < query.len)
        return false;
    /* Without regard to case, and for all bytes alike: lengths, type and class are below the letters. */
    for (size_t i = HEADER; i < query.len; i++)
        if (ascii_lower(message.ptr[i]) != ascii_lower(query.ptr[i]))
            return false;
    return true;
}

/* A server that neither knows nor asks others: its empty answer, without answers and additional records, means
 * nothing (glibc's resolver decides alike). */
static bool is_lame(struct slice message)
{
    return number_at(message, 6) == 0 && number_at(message, 10) == 0 && !(byte_at(message, 2) & AUTHORITATIVE) &&
           !(byte_at(message, 3) & RECURSION_AVAILABLE);
}

int dns_read_answer(struct slice query, struct slice message, struct address *addresses, size_t capacity)
{
    if (!answers_query(query, message))
        return -ENOMSG;
    unsigned rcode = byte_at(message, 3) & RCODE;
    if (rcode == RCODE_NAME_ERROR)
        return -ENOENT;
    if (rcode != RCODE_NO_ERROR || is_lame(message))
        return -EAGAIN;

    static struct search search; /* as in search_answers */
    size_t at = HEADER;
    search.type = number_at(query, query.len - 4);
    search.addresses = addresses;
    search.capacity = capacity;
    search.count = 0;
    if (!read_name(query, &at, &search.wanted))
        return -ENOMSG;
    for (unsigned hops = 0; hops < CHAIN_MAX; hops++) {
        if (!search_answers(&search, message, query.len))
            return -EAGAIN;
        if (search.count)
            return (int)search.count;
        if (!search.has_alias)
            return byte_at(message, 2) & TRUNCATED ? -EAGAIN : 0;
        search.wanted = search.alias;
    }
    return -EAGAIN; /* aliases in a circle */
}
