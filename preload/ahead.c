/* ahead.c - the framing of what is about to be sent, on a copy. See ahead.h. */
#include "ahead.h"

#include "protocols.h"

void ahead_begin(struct connection *connection, struct ahead *ahead)
{
    enum party sender = connection_role(connection) == ROLE_SERVER ? PARTY_SERVER : PARTY_CLIENT;
    *ahead = (struct ahead){
        .stream = connection->streams[sender],
        .sender = sender,
        .protocol = connection->protocol,
        .oldest = sender == PARTY_SERVER ? open_requests_oldest(&connection->open) : NULL,
        .blind = connection->gathered[sender] != NULL,
    };
}

/* The next response is to the next request; one that has not been asked yet cannot be read ahead. */
static void ahead_message_ended(struct ahead *ahead)
{
    if (ahead->sender == PARTY_SERVER)
        ahead->oldest = ahead->oldest ? ahead->oldest->next : NULL;
}

void ahead_skip(struct ahead *ahead, uint64_t count)
{
    struct stream *stream = &ahead->stream;
    if (stream->skip != SKIP_UNTIL_CLOSE)
        stream->skip -= count;
    if (stream->last && !stream->skip)
        ahead_message_ended(ahead);
}

/* PARSE_NO also where a conversation is none of ours: nothing behind will be looked at. */
static ssize_t ahead_unit(struct ahead *ahead, struct slice in)
{
    struct message message;
    if (!ahead->protocol) {
        int verdict = ahead->sender == PARTY_CLIENT ? protocols_recognise(in, &ahead->protocol) : PARSE_NO;
        if (!ahead->protocol)
            return verdict;
    }
    if (ahead->sender == PARTY_SERVER && !ahead->oldest) {
        ahead->blind = true;
        return PARSE_MORE;
    }
    ssize_t answer = ahead->protocol->parse(&ahead->stream, ahead->sender, ahead->oldest ? ahead->oldest->hint : 0, in, &message);
    if (answer > 0 && message.tunnel)
        return PARSE_NO;
    if (answer > 0 && message.ends && message.kind != MESSAGE_INTERIM)
        ahead_message_ended(ahead);
    return answer;
}

size_t ahead_take(struct ahead *ahead, struct slice in)
{
    size_t done = 0;
    while (done < in.len && !ahead->blind) {
        struct slice rest = slice_after(in, done);
        if (ahead->stream.skip) {
            size_t n = rest.len < ahead->stream.skip ? rest.len : (size_t)ahead->stream.skip;
            ahead_skip(ahead, n);
            done += n;
            continue;
        }
        ssize_t n = ahead_unit(ahead, rest);
        if (n == PARSE_MORE)
            break;
        if (n < 0)
            ahead->stream = (struct stream){.skip = SKIP_UNTIL_CLOSE};
        else
            done += (size_t)n;
    }
    return ahead->blind ? in.len : done;
}
