/*
 * process_tree.c - the processes below a process, and what they have used, from /proc.
 *
 * proc(5) gives user and system time in clock ticks of 10 ms, too coarse for a round of a second; the CPU clock of a
 * process gives the scheduler's own sum. Children that were waited for are only there in ticks.
 */
#include "process_tree.h"

#include <dirent.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { PROCESSES_MOST = 32768 };

/* The fields of /proc/PID/stat that are looked at; proc(5), numbered there from 1. */
struct stat_fields {
    pid_t parent, session;                                 /* 4, 6 */
    unsigned long minor_faults, children_minor_faults;     /* 10, 11 */
    unsigned long major_faults, children_major_faults;     /* 12, 13 */
    long children_user_ticks, children_system_ticks;       /* 16, 17 */
    unsigned long long started;                            /* 22 */
};

/* The name in parentheses may hold anything, another parenthesis too: what counts begins behind the last one. */
static int stat_read(pid_t pid, struct stat_fields *fields)
{
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return -1;
    size_t len = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[len] = '\0';
    const char *behind = strrchr(line, ')');
    if (behind == NULL)
        return -1;
    int read = sscanf(behind + 1, " %*c %d %*d %d %*d %*d %*u %lu %lu %lu %lu %*u %*u %ld %ld %*d %*d %*d %*d %llu", &fields->parent,
                      &fields->session, &fields->minor_faults, &fields->children_minor_faults, &fields->major_faults,
                      &fields->children_major_faults, &fields->children_user_ticks, &fields->children_system_ticks, &fields->started);
    return read == 9 ? 0 : -1;
}

/* A number there is the number here. */
static bool proc_is_own(void)
{
    char own[32];
    ssize_t len = readlink("/proc/self", own, sizeof own - 1);
    own[len > 0 ? len : 0] = '\0';
    return atoi(own) == getpid();
}

bool processes_are_seen(void)
{
    return proc_is_own();
}

static size_t processes_read(struct process *processes, size_t most)
{
    DIR *proc = proc_is_own() ? opendir("/proc") : NULL;
    size_t count = 0;
    if (proc == NULL)
        return 0;
    for (struct dirent *entry; (entry = readdir(proc)) != NULL && count < most;) {
        pid_t pid = (pid_t)atoi(entry->d_name);
        struct stat_fields fields;
        if (pid > 0 && stat_read(pid, &fields) == 0)
            processes[count++] = (struct process){pid, fields.parent, fields.session, fields.started};
    }
    closedir(proc);
    return count;
}

static bool is_among(const struct process *processes, size_t count, pid_t pid)
{
    for (size_t i = 0; i < count; i++)
        if (processes[i].pid == pid)
            return true;
    return false;
}

static bool is_one_of(const pid_t *pids, size_t count, pid_t pid)
{
    for (size_t i = 0; i < count; i++)
        if (pids[i] == pid)
            return true;
    return false;
}

/* Adds children of what is in the tree until a pass adds none. The room is mapped, not allocated: a heap that has grown is a
 * part of what children of this process begin their peak memory with. */
size_t process_tree(pid_t root, const pid_t *but, size_t but_count, struct process *processes, size_t most)
{
    size_t size = PROCESSES_MOST * sizeof(struct process);
    struct process *all = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    size_t count = 0, known = all != MAP_FAILED ? processes_read(all, PROCESSES_MOST) : 0, before;
    for (size_t i = 0; i < known && count == 0 && most > 0; i++)
        if (all[i].pid == root)
            processes[count++] = all[i];
    do {
        before = count;
        for (size_t i = 0; i < known && count < most; i++)
            if (is_among(processes, count, all[i].parent) && !is_among(processes, count, all[i].pid) &&
                !is_one_of(but, but_count, all[i].pid))
                processes[count++] = all[i];
    } while (count > before);
    if (all != MAP_FAILED)
        munmap(all, size);
    return count;
}

static double cpu_ns_of(pid_t pid, const struct stat_fields *fields)
{
    clockid_t clock;
    struct timespec used;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
        return 0;                          /* it has just ended */
    double ticks = (double)(fields->children_user_ticks + fields->children_system_ticks);
    return (double)used.tv_sec * 1e9 + (double)used.tv_nsec + ticks * 1e9 / (double)sysconf(_SC_CLK_TCK);
}

/* The sum of the numbers behind the words that end with `word` in a file of /proc. */
static double number_behind(const char *path, const char *word)
{
    char line[256];
    double sum = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    while (fgets(line, sizeof line, file) != NULL) {
        const char *found = strstr(line, word);
        if (found != NULL)
            sum += strtod(found + strlen(word), NULL);
    }
    fclose(file);
    return sum;
}

static double switches_of(pid_t pid)
{
    char path[64 + 256];
    double sum = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    if (tasks == NULL)
        return 0;
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%.200s/status", (int)pid, entry->d_name);
        sum += number_behind(path, "voluntary_ctxt_switches:");         /* and nonvoluntary_... */
    }
    closedir(tasks);
    return sum;
}

static void process_usage_add(struct tree_usage *usage, pid_t pid)
{
    struct stat_fields fields;
    char path[64];
    if (stat_read(pid, &fields) != 0)
        return;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    usage->cpu_ns += cpu_ns_of(pid, &fields);
    usage->page_faults += (double)(fields.minor_faults + fields.children_minor_faults + fields.major_faults + fields.children_major_faults);
    usage->peak_bytes += number_behind(path, "VmHWM:") * 1024;
    usage->context_switches += switches_of(pid);
}

void tree_look_at(struct tree_look *look, pid_t root)
{
    look->usage = (struct tree_usage){0};
    look->count = process_tree(root, NULL, 0, look->processes, TREE_MOST);
    if (look->count == 0)
        look->usage = (struct tree_usage){NAN, NAN, NAN, NAN};
    for (size_t i = 0; i < look->count; i++)
        process_usage_add(&look->usage, look->processes[i].pid);
}

static bool look_has(const struct tree_look *look, const struct process *wanted)
{
    for (size_t i = 0; i < look->count; i++)
        if (look->processes[i].pid == wanted->pid && look->processes[i].started == wanted->started)
            return true;
    return false;
}

static double growth(double before, double after)
{
    return after >= before ? after - before : NAN;
}

struct tree_usage tree_usage_between(const struct tree_look *before, const struct tree_look *after)
{
    for (size_t i = 0; i < before->count; i++)
        if (!look_has(after, &before->processes[i]))
            return (struct tree_usage){NAN, NAN, NAN, after->usage.peak_bytes};
    return (struct tree_usage){
        .cpu_ns = growth(before->usage.cpu_ns, after->usage.cpu_ns),
        .context_switches = growth(before->usage.context_switches, after->usage.context_switches),
        .page_faults = growth(before->usage.page_faults, after->usage.page_faults),
        .peak_bytes = after->usage.peak_bytes,
    };
}
