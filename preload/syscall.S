/* syscall.S - syscall(2), libc's call for every call it has no name for.
 *
 * Some that pass here concern our thread or the table of descriptors; they go to syscall_watched (calls_process.c).
 * All others jump straight on, with every register and the stack as they came: a clone made this way may
 * return on another stack, where a C function's frame would not be.
 */
#include <sys/syscall.h>

#ifndef SYS_landlock_restrict_self
#define SYS_landlock_restrict_self 446
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

/* The calls that concern us; both machines ask for each by their own `watch`. */
    .macro watch_all
    watch SYS_exit
    watch SYS_exit_group
    watch SYS_execve
    watch SYS_execveat
    watch SYS_close
    watch SYS_dup
#ifdef SYS_dup2
    watch SYS_dup2
#endif
    watch SYS_dup3
    watch SYS_seccomp
    watch SYS_close_range
    watch SYS_setuid
    watch SYS_setgid
    watch SYS_setreuid
    watch SYS_setregid
    watch SYS_setresuid
    watch SYS_setresgid
    watch SYS_setgroups
    watch SYS_capset
    watch SYS_unshare
    watch SYS_setns
    watch SYS_landlock_restrict_self
    watch SYS_prctl
    .endm

    .text
    .globl syscall
    .type syscall, %function

#if defined(__x86_64__)
    .macro watch number
    cmpq $\number, %rdi
    je 1f
    .endm

syscall:
    .cfi_startproc
    endbr64
    watch_all
    movq next_syscall(%rip), %rax
    testq %rax, %rax
    je 1f
    jmp *%rax
1:  jmp syscall_watched
    .cfi_endproc
#elif defined(__aarch64__)
    .macro watch number
    mov x9, \number
    cmp x0, x9
    b.eq 1f
    .endm

syscall:
    .cfi_startproc
    bti c
    watch_all
    adrp x16, next_syscall
    ldr x16, [x16, #:lo12:next_syscall]
    cbz x16, 1f
    br x16
1:  b syscall_watched
    .cfi_endproc
#endif
    .size syscall, . - syscall

    .section .note.GNU-stack, "", %progbits

#if defined(__x86_64__)
    .section .note.gnu.property, "a"
    .align 8
    .long 4, 16, 5
    .asciz "GNU"
    .long 0xc0000002, 4, 3, 0
#elif defined(__aarch64__)
    .section .note.gnu.property, "a"
    .align 3
    .word 4, 16, 5
    .asciz "GNU"
    .word 0xc0000000, 4, 3, 0
#endif
