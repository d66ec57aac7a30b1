/* system.h - system calls made directly, without libc.
 *
 * Both rooms use them: libc's wrappers set errno, act on cancellation, and are hooked, by us and by
 * others. A negative return value is -errno. Nothing here touches thread-local storage, so it works on
 * our own thread, of which libc knows nothing (design, section 2), and in the child of a vfork.
 *
 * Threads: any. Memory: nothing is kept.
 */
#ifndef SYSTEM_H
#define SYSTEM_H

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>

#if defined(__x86_64__)
static inline long system_call(long n, long a, long b, long c, long d, long e, long f)
{
    long rc;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(rc)
                     : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return rc;
}
#elif defined(__aarch64__)
static inline long system_call(long n, long a, long b, long c, long d, long e, long f)
{
    register long x8 __asm__("x8") = n;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc #0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory", "cc");
    return x0;
}
#else
#error "spanload runs on x86-64 and aarch64"
#endif

/* system(read, fd, buf, n) is the call itself; missing arguments are 0. */
#define system(name, ...) SYSTEM_ARGS(SYS_##name, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define SYSTEM_ARGS(n, a, b, c, d, e, f, ...) \
    system_call((n), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* Numbers younger than the headers of the oldest distribution we are built on. */
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_execveat
#define SYS_execveat 281
#endif

/* Sleeps while *word == value, for at most timeout_ns (negative: without limit).
 * 0 when woken, -EAGAIN when *word differed, -ETIMEDOUT, -EINTR. */
static inline long futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t timeout_ns)
{
    struct timespec timeout = {timeout_ns / 1000000000, timeout_ns % 1000000000};
    return system(futex, word, FUTEX_WAIT_PRIVATE, value, timeout_ns < 0 ? NULL : &timeout);
}

static inline void futex_wake_all(_Atomic uint32_t *word)
{
    system(futex, word, FUTEX_WAKE_PRIVATE, INT32_MAX);
}

#endif
