/* container_id.c - which container this process is in, as far as it can be seen from inside.
 *
 * No runtime tells a process its id; it is read off the names of what the runtime has made for the container. Two traps:
 * under Kubernetes some of that belongs to the pod's sandbox, another container, and on the host the mounts of all
 * containers are to be seen, but as mount points, not as what was mounted. Where two ids are in question there is none.
 */
#include "container_id.h"

enum { ID_LEN = 64 };

static const struct slice absent = {NULL, 0};

static bool is_id(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!((s.ptr[i] >= '0' && s.ptr[i] <= '9') || (s.ptr[i] >= 'a' && s.ptr[i] <= 'f')))
            return false;
    return s.len == ID_LEN;
}

static bool contains(struct slice s, struct slice wanted)
{
    for (; s.len >= wanted.len; s = slice_after(s, 1))
        if (slice_starts_with(s, wanted))
            return true;
    return false;
}

/* The id in the name of a control group that stands for a container: `ID`, `docker-ID.scope`, `crio-ID`,
 * `kubepods-pod1.slice:cri-containerd:ID`. Not `crio-conmon-ID`, the watcher outside. */
static struct slice group_id(struct slice group, bool bare_allowed)
{
    static const char prefixes[] = "docker-,cri-containerd-,cri-containerd:,crio-,crio:,libpod-";
    struct slice rest = {prefixes, sizeof prefixes - 1}, prefix, scope = SLICE(".scope");
    if (group.len > scope.len && slice_equals(slice_after(group, group.len - scope.len), scope))
        group.len -= scope.len;
    if (group.len < ID_LEN)
        return absent;
    struct slice id = slice_after(group, group.len - ID_LEN), before = {group.ptr, group.len - ID_LEN};
    if (!is_id(id))
        return absent;
    if (!before.len)
        return bare_allowed ? id : absent;
    while (slice_next(&rest, ',', &prefix)) {
        if (slice_equals(before, prefix))
            return id;
        if (before.len > prefix.len && before.ptr[before.len - prefix.len - 1] == ':' &&
            slice_equals(slice_after(before, before.len - prefix.len), prefix))
            return id;
    }
    return absent;
}

/* The last group of a path that stands for a container: the innermost one. */
static struct slice path_group_id(struct slice path, bool bare_allowed)
{
    struct slice found = absent, segment;
    while (slice_next(&path, '/', &segment)) {
        struct slice id = group_id(segment, bare_allowed);
        if (id.ptr)
            found = id;
    }
    return found;
}

struct slice container_id_of_cgroup(struct slice file)
{
    struct slice line, hierarchy, controllers;
    while (slice_next(&file, '\n', &line))
        if (slice_next(&line, ':', &hierarchy) && slice_next(&line, ':', &controllers)) {
            struct slice id = path_group_id(line, true);
            if (id.ptr)
                return id;
        }
    return absent;
}

struct mount {
    struct slice root;  /* what of its file system was mounted */
    struct slice point; /* where */
    struct slice type;
};

/* "36 35 98:0 /root /point rw,noatime master:1 - ext3 /dev/sda rw": the number of fields before the dash varies. */
static bool next_mount(struct slice *file, struct mount *mount)
{
    struct slice line, field;
    while (slice_next(file, '\n', &line)) {
        *mount = (struct mount){.root = absent};
        bool after_dash = false;
        for (int i = 0; slice_next(&line, ' ', &field); i++) {
            if (i == 3)
                mount->root = field;
            else if (i == 4)
                mount->point = field;
            else if (after_dash && !mount->type.ptr)
                mount->type = field;
            after_dash |= i > 5 && slice_equals(field, SLICE("-"));
        }
        if (mount->type.ptr)
            return true;
    }
    return false;
}

static struct slice last_id(struct slice path)
{
    struct slice found = absent, segment;
    while (slice_next(&path, '/', &segment))
        if (is_id(segment))
            found = segment;
    return found;
}

/* A control group of the container, mounted into it. */
static struct slice find_group(struct slice file)
{
    struct slice id = absent;
    for (struct mount mount; !id.ptr && next_mount(&file, &mount);)
        id = path_group_id(mount.root, false);
    return id;
}

/* A file of the runtime's directory for the container. Podman's and CRI-O's .containerenv is the container's for sure;
 * hostname, resolv.conf and shm may be those of the pod. False: there is none; an id that is absent: there are several. */
static bool find_directory(struct slice file, struct slice *id)
{
    bool found = false;
    for (struct mount mount; next_mount(&file, &mount);) {
        struct slice one = contains(mount.root, SLICE("/containers/")) ? last_id(mount.root) : absent;
        if (!one.ptr)
            continue;
        if (slice_equals(mount.point, SLICE("/run/.containerenv"))) {
            *id = one;
            return true;
        }
        *id = !found || slice_equals(*id, one) ? one : absent;
        found = true;
    }
    return found;
}

static struct slice find_hostname(struct slice file)
{
    for (struct mount mount; next_mount(&file, &mount);)
        if (slice_equals(mount.point, SLICE("/etc/hostname")) && !contains(mount.root, SLICE("/sandboxes/")))
            return last_id(mount.root);
    return absent;
}

struct slice container_id_of_mounts(struct slice file)
{
    struct slice id = find_group(file);
    if (!id.ptr && !find_directory(file, &id))
        id = find_hostname(file);
    return id;
}

bool container_is_around(struct slice mountinfo)
{
    for (struct mount mount; next_mount(&mountinfo, &mount);) {
        if (slice_equals(mount.point, SLICE("/etc/hostname")) || slice_equals(mount.point, SLICE("/etc/hosts")))
            return true;
        if (slice_equals(mount.point, SLICE("/")) &&
            (slice_equals(mount.type, SLICE("overlay")) || slice_equals(mount.type, SLICE("fuse.overlayfs"))))
            return true;
    }
    return false;
}
