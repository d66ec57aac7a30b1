/* test_container_id.c - which container a process is in, from files as the runtimes leave them. */
#include <criterion/criterion.h>

#include "container_id.h"

#include <stdlib.h>

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa0123456789abcdef0123456789abcdef"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb0123456789abcdef0123456789abcdef"

static const struct {
    const char *file, *id;
} cgroups[] = {
    {"12:devices:/docker/" A "\n11:cpu:/docker/" A "\n0::/docker/" A "\n", A},
    {"0::/system.slice/docker-" A ".scope\n", A},
    {"1:name=systemd:/kubepods/burstable/pod0c2d8c6e-1b3a-4f7e-9c61-2f1f0f0c9b11/" A "\n", A},
    {"0::/kubepods.slice/kubepods-pod0c2d.slice/cri-containerd-" A ".scope\n", A},
    {"0::/system.slice/containerd.service/kubepods-pod0c2d.slice:cri-containerd:" A "\n", A},
    {"0::/kubepods.slice/crio-" A ".scope\n", A},
    {"0::/machine.slice/libpod-" A ".scope/container\n", A},
    {"0::/docker/" A "/docker/" B "\n", B}, /* a container in a container: the inner one */
    {"2:cpu:/\n1:name=systemd:/docker/" A, A},
    {"0::/\n", NULL},
    {"0::/../../..\n", NULL},
    {"", NULL},
    {"0::/user.slice/user-1000.slice/session-1.scope\n", NULL},
    {"0::/machine.slice/crio-conmon-" A ".scope\n", NULL}, /* the watcher outside */
    {"0::/docker/" A "0\n", NULL},
    {"0::/docker/AAAA" A "\n", NULL},
    {"0::/docker/A" "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa0123456789abcdef0123456789abcdef\n", NULL},
    {"0::/x/other-" A ".scope\n", NULL},
    {"nonsense\n:\n" A "\n", NULL},
};

Test(container_id, of_control_groups)
{
    for (size_t i = 0; i < sizeof cgroups / sizeof *cgroups; i++) {
        struct slice id = container_id_of_cgroup(slice_of(cgroups[i].file));
        cr_expect_eq(id.ptr != NULL, cgroups[i].id != NULL, "%s", cgroups[i].file);
        cr_expect(!id.ptr || slice_equals(id, slice_of(cgroups[i].id)), "%s: %.*s", cgroups[i].file, (int)id.len, id.ptr);
    }
}

#define ROOT(type) "600 500 0:50 / / rw,relatime master:1 - " type " overlay rw,lowerdir=/var/lib\n"
#define MOUNT(root, point) "601 600 8:1 " root " " point " rw,relatime - ext4 /dev/sda1 rw\n"
#define GROUPS(root) "602 600 0:29 " root " /sys/fs/cgroup ro,nosuid master:11 shared:3 - cgroup2 cgroup rw\n"

static const struct {
    const char *file, *id;
    bool is_around;
} mounts[] = {
    /* Docker, with a cgroup namespace of the container's own */
    {ROOT("overlay") GROUPS("/") MOUNT("/var/lib/docker/containers/" A "/resolv.conf", "/etc/resolv.conf")
         MOUNT("/var/lib/docker/containers/" A "/hostname", "/etc/hostname")
             MOUNT("/var/lib/docker/containers/" A "/hosts", "/etc/hosts"), A, true},
    /* where Docker's directory is a file system of its own, and the container's is not overlay */
    {ROOT("ext4") MOUNT("/containers/" A "/hostname", "/etc/hostname"), A, true},
    /* Kubernetes with containerd: the pod's sandbox is another container */
    {ROOT("overlay") MOUNT("/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/" B "/hostname", "/etc/hostname")
         MOUNT("/var/lib/kubelet/pods/0c2d8c6e/containers/app/1b2c3d4e", "/dev/termination-log"), NULL, true},
    /* the same with the control groups in sight */
    {ROOT("overlay") GROUPS("/kubepods.slice/kubepods-pod0c2d.slice/cri-containerd-" A ".scope")
         MOUNT("/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/" B "/hostname", "/etc/hostname"), A, true},
    {GROUPS("/../../kubepods-pod0c2d.slice:cri-containerd:" A) MOUNT("/x/" B "/hostname", "/etc/hostname"), A, true},
    /* CRI-O: most of the files are the sandbox's */
    {ROOT("overlay") GROUPS("/kubepods.slice/crio-" A ".scope")
         MOUNT("/containers/storage/overlay-containers/" B "/userdata/hostname", "/etc/hostname"), A, true},
    {ROOT("overlay") MOUNT("/containers/storage/overlay-containers/" B "/userdata/hostname", "/etc/hostname")
         MOUNT("/containers/storage/overlay-containers/" A "/userdata/.containerenv", "/run/.containerenv"), A, true},
    {ROOT("overlay") MOUNT("/containers/storage/overlay-containers/" B "/userdata/hostname", "/etc/hostname")
         MOUNT("/containers/storage/overlay-containers/" A "/userdata/run/secrets", "/run/secrets"), NULL, true},
    /* Podman */
    {ROOT("overlay") MOUNT("/home/u/.local/share/containers/storage/overlay-containers/" A "/userdata/hosts", "/etc/hosts"), A, true},
    /* nerdctl and others */
    {ROOT("overlay") MOUNT("/var/lib/some/runtime/" A "/hostname", "/etc/hostname"), A, true},
    {ROOT("overlay") MOUNT("/etc/hostname", "/etc/hostname"), NULL, true},
    {ROOT("overlay"), NULL, true},
    /* a host that runs containers: their directories are mount points, not what was mounted */
    {ROOT("ext4") "44 25 0:41 / /var/lib/docker/containers/" A "/mounts/shm rw - tmpfs shm rw\n"
                  "45 25 0:42 / /run/containerd/io.containerd.runtime.v2.task/k8s.io/" B "/rootfs rw - overlay overlay rw\n"
                  GROUPS("/"), NULL, false},
    {ROOT("ext4"), NULL, false},
    {"", NULL, false},
    {"600 500 0:50 / /", NULL, false},
    {"a\n\n - \n- - - - - - - -\n", NULL, false},
};

Test(container_id, of_mounts)
{
    for (size_t i = 0; i < sizeof mounts / sizeof *mounts; i++) {
        struct slice file = slice_of(mounts[i].file), id = container_id_of_mounts(file);
        cr_expect_eq(id.ptr != NULL, mounts[i].id != NULL, "row %zu", i);
        cr_expect(!id.ptr || slice_equals(id, slice_of(mounts[i].id)), "row %zu: %.*s", i, (int)id.len, id.ptr);
        cr_expect_eq(container_is_around(file), mounts[i].is_around, "row %zu", i);
    }
}

Test(container_id, of_every_prefix_within_its_bounds)
{
    const char *files[] = {cgroups[4].file, mounts[0].file, mounts[3].file, mounts[6].file};
    for (size_t i = 0; i < 4; i++)
        for (size_t len = 0; len <= strlen(files[i]); len++) {
            char *exact = malloc(len);
            memcpy(exact, files[i], len);
            struct slice file = {exact, len}, id = container_id_of_cgroup(file);
            cr_expect(!id.ptr || id.len == 64);
            id = container_id_of_mounts(file);
            cr_expect(!id.ptr || id.len == 64);
            container_is_around(file);
            free(exact);
        }
}
