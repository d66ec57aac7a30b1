/* vfork.S - vfork(2), whose child runs on its parent's memory and stack.
 *
 * A C function cannot stand in front of it: the child returns through the frame and overwrites it before the
 * parent comes back. So the system call is made here, the return address kept in a register as libc does, and
 * thread.vfork_depth (preload/thread.h) counted up before and down in the parent: the child, in which it stays
 * up, touches nothing of ours.
 */
#include <sys/syscall.h>

#define VFORK_DEPTH 8 /* offsetof(struct thread, vfork_depth); checked in calls_process.c */

    .text
    .globl vfork
    .type vfork, %function

#if defined(__x86_64__)
vfork:
    .cfi_startproc
    endbr64
    movq thread@gottpoff(%rip), %rcx
    incl %fs:VFORK_DEPTH(%rcx)
    popq %rdi
    .cfi_adjust_cfa_offset -8
    .cfi_register %rip, %rdi
    movl $SYS_vfork, %eax
    syscall
    pushq %rdi
    .cfi_adjust_cfa_offset 8
    testl %eax, %eax
    je 1f
    movq thread@gottpoff(%rip), %rcx
    decl %fs:VFORK_DEPTH(%rcx)
    cmpl $-4095, %eax
    jae 2f
1:  /* With a shadow stack the child has popped the parent's entry: jump instead of returning. */
    xorl %ecx, %ecx
    rdsspq %rcx
    testq %rcx, %rcx
    jne 3f
    ret
2:  negl %eax
    pushq %rax
    .cfi_adjust_cfa_offset 8
    call __errno_location@PLT
    popq %rcx
    .cfi_adjust_cfa_offset -8
    movl %ecx, (%rax)
    movq $-1, %rax
    ret
3:  popq %rdi
    .cfi_adjust_cfa_offset -8
    movl $1, %ecx
    incsspq %rcx
    jmp *%rdi
    .cfi_endproc
#elif defined(__aarch64__)
#define VFORK_FLAGS 0x4111 /* CLONE_VFORK | CLONE_VM | SIGCHLD */
vfork:
    .cfi_startproc
    bti c
    adrp x9, :gottprel:thread
    ldr x9, [x9, #:gottprel_lo12:thread]
    mrs x10, tpidr_el0
    add x9, x9, x10
    ldr w11, [x9, #VFORK_DEPTH]
    add w11, w11, #1
    str w11, [x9, #VFORK_DEPTH]
    mov x0, #VFORK_FLAGS
    mov x1, xzr
    mov x2, xzr
    mov x3, xzr
    mov x4, xzr
    mov x8, #SYS_clone
    svc #0
    cbz x0, 1f
    ldr w11, [x9, #VFORK_DEPTH]
    sub w11, w11, #1
    str w11, [x9, #VFORK_DEPTH]
    cmn x0, #4095
    b.cs 2f
1:  ret
2:  stp x29, x30, [sp, #-32]!
    .cfi_adjust_cfa_offset 32
    .cfi_rel_offset x30, 8
    neg w0, w0
    str w0, [sp, #16]
    bl __errno_location
    ldr w1, [sp, #16]
    str w1, [x0]
    mov x0, #-1
    ldp x29, x30, [sp], #32
    .cfi_adjust_cfa_offset -32
    .cfi_restore x30
    ret
    .cfi_endproc
#endif
    .size vfork, . - vfork

    .section .note.GNU-stack, "", %progbits

/* The marks for shadow stacks and branch targets: a file without them switches both off for the process. */
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
