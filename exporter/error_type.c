/* error_type.c - how a request ended that was cut short.
 *
 * The names of errno values are those that the conventions use for sockets where they have one ("socket connect" spans),
 * and else the text of the error in the same spelling. The list is short on purpose: error.type has to stay of low
 * cardinality, and what a send or a receive cannot meet is `_OTHER`.
 */
#include "error_type.h"

#include <errno.h>

static const struct {
    uint32_t number;
    const char *name;
} errors[] = {
    {ECONNRESET, "connection_reset"},
    {EPIPE, "broken_pipe"},
    {ETIMEDOUT, "timed_out"},
    {ECONNREFUSED, "connection_refused"},
    {EHOSTUNREACH, "host_unreachable"},
    {ENETUNREACH, "network_unreachable"},
    {ECONNABORTED, "connection_aborted"},
    {ENOTCONN, "not_connected"},
    {EHOSTDOWN, "host_down"},
    {ENETDOWN, "network_down"},
    {ENETRESET, "network_reset"},
    {EACCES, "access_denied"},
    {EPERM, "operation_not_permitted"},
    {EINTR, "interrupted"},
    {EFAULT, "fault"},
    {EINVAL, "invalid_argument"},
    {EIO, "input_output_error"},
    {EBADF, "bad_file_descriptor"},
    {ENOBUFS, "no_buffer_space_available"},
    {ENOMEM, "out_of_memory"},
    {EMSGSIZE, "message_too_long"},
    {EPROTO, "protocol_error"},
    {ESHUTDOWN, "shut_down"},
    {EISCONN, "is_connected"},
    {EALREADY, "already_in_progress"},
    {EINPROGRESS, "in_progress"},
    {EADDRINUSE, "address_already_in_use"},
    {EADDRNOTAVAIL, "address_not_available"},
    {EAFNOSUPPORT, "address_family_not_supported"},
    {EPROTOTYPE, "protocol_type"},
};

static struct slice errno_name(uint32_t number)
{
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i].number == number)
            return slice_of(errors[i].name);
    return SLICE("_OTHER");
}

struct slice error_type(const struct span_record *record)
{
    switch ((enum span_error)record->error) {
    case SPAN_ERROR_NONE:
        return (struct slice){NULL, 0};
    case SPAN_ERROR_CONNECTION_CLOSED:
        return SLICE("connection_closed");
    case SPAN_ERROR_CANCELLED:
        return SLICE("cancelled");
    case SPAN_ERROR_PROCESS_EXIT:
        return SLICE("process_exit");
    case SPAN_ERROR_ERRNO:
        return errno_name(record->error_number);
    }
    return SLICE("_OTHER");
}
