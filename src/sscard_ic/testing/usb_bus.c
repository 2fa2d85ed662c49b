/*
 * A USB bus that exists only for one pcscd, so that tests can unplug a reader.
 *
 * pcscd adds and removes readers while it runs only when libudev tells it of a USB device; the
 * readers of its configuration files stay for ever. Loaded before libudev (LD_PRELOAD), this
 * library shows pcscd the devices in $SSCARD_USB/bus, where each file is a device and its name,
 * at most 15 characters, "<product>:<port>"; and it sends pcscd to $SSCARD_USB/drivers for the
 * drivers of USB readers. So unlink() pulls a plug, and what pcscd then does is what it does with
 * a real reader. The driver of such readers is usb_reader.c.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define NAME_SIZE 16 /* what the kernel makes of a name up to 15 characters in an inotify event */

/* --- What pcscd uses of libudev ----------------------------------------------------------- */

struct device {
    char name[NAME_SIZE];
    const char *action;
    struct device *next;
};

static const char *bus(void)
{
    static char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/bus", getenv("SSCARD_USB"));
    return path;
}

static struct device *device(const char *name, const char *action)
{
    struct device *made = calloc(1, sizeof *made);
    if (made != NULL) {
        snprintf(made->name, sizeof made->name, "%s", name);
        made->action = action;
    }
    return made;
}

void *udev_new(void) { return calloc(1, 1); }
void *udev_unref(void *udev) { free(udev); return NULL; }

void *udev_enumerate_new(void *udev) { (void)udev; return calloc(1, sizeof(struct device)); }

int udev_enumerate_add_match_subsystem(void *list, const char *subsystem)
{
    (void)list; (void)subsystem;
    return 0;
}

int udev_enumerate_scan_devices(struct device *list)
{
    DIR *folder = opendir(bus());
    struct dirent *entry;
    if (folder == NULL)
        return -1;
    while ((entry = readdir(folder)) != NULL) {
        struct device *found = entry->d_name[0] == '.' ? NULL : device(entry->d_name, NULL);
        if (found != NULL) {
            found->next = list->next;
            list->next = found;
        }
    }
    closedir(folder);
    return 0;
}

void *udev_enumerate_get_list_entry(struct device *list) { return list->next; }
void *udev_list_entry_get_next(struct device *entry) { return entry->next; }
const char *udev_list_entry_get_name(struct device *entry) { return entry->name; }

void *udev_enumerate_unref(struct device *list)
{
    while (list != NULL) {
        struct device *next = list->next;
        free(list);
        list = next;
    }
    return NULL;
}

void *udev_device_new_from_syspath(void *udev, const char *path)
{
    (void)udev;
    return device(path, NULL);
}

void *udev_device_unref(struct device *used) { free(used); return NULL; }
const char *udev_device_get_action(struct device *of) { return of->action; }
const char *udev_device_get_sysname(struct device *of) { return of->name; }
const char *udev_device_get_devnode(struct device *of) { return of->name; }

void *udev_device_get_parent_with_subsystem_devtype(struct device *of, const char *subsystem,
                                                    const char *type)
{
    (void)subsystem; (void)type;
    return of;
}

const char *udev_device_get_sysattr_value(struct device *of, const char *attribute)
{
    if (strcmp(attribute, "idVendor") == 0)
        return "1209";
    return strcmp(attribute, "idProduct") == 0 ? of->name : NULL; /* read up to the colon */
}

void *udev_monitor_new_from_netlink(void *udev, const char *name)
{
    static int watch = -1;
    (void)udev; (void)name;
    watch = inotify_init1(IN_CLOEXEC);
    if (watch < 0 || inotify_add_watch(watch, bus(), IN_CREATE | IN_DELETE) < 0)
        return NULL;
    return &watch;
}

int udev_monitor_filter_add_match_subsystem_devtype(void *monitor, const char *subsystem,
                                                    const char *type)
{
    (void)monitor; (void)subsystem; (void)type;
    return 0;
}

int udev_monitor_enable_receiving(void *monitor) { (void)monitor; return 0; }
int udev_monitor_get_fd(int *monitor) { return *monitor; }

void *udev_monitor_receive_device(int *monitor)
{
    /* Room for one event only: what is left makes the descriptor readable again. */
    _Alignas(struct inotify_event) char room[sizeof(struct inotify_event) + NAME_SIZE];
    struct inotify_event *event = (struct inotify_event *)room;
    if (read(*monitor, room, sizeof room) < (ssize_t)sizeof *event || event->len == 0)
        return NULL;
    return device(event->name, (event->mask & IN_DELETE) != 0 ? "remove" : "add");
}

/* --- Where pcscd looks for the drivers of USB readers ------------------------------------- */

static const char *moved(const char *path, char *room, size_t size)
{
    static const char place[] = "/usr/lib/pcsc/drivers";
    size_t length = sizeof place - 1;
    if (path == NULL || strncmp(path, place, length) != 0 || strstr(path, "/serial/") != NULL)
        return path;
    snprintf(room, size, "%s/drivers%s", getenv("SSCARD_USB"), path + length);
    return room;
}

DIR *opendir(const char *path)
{
    char room[PATH_MAX];
    DIR *(*real)(const char *) = dlsym(RTLD_NEXT, "opendir");
    return real(moved(path, room, sizeof room));
}

FILE *fopen(const char *path, const char *mode)
{
    char room[PATH_MAX];
    FILE *(*real)(const char *, const char *) = dlsym(RTLD_NEXT, "fopen");
    return real(moved(path, room, sizeof room), mode);
}

void *dlopen(const char *path, int flags)
{
    char room[PATH_MAX];
    void *(*real)(const char *, int) = dlsym(RTLD_NEXT, "dlopen");
    return real(moved(path, room, sizeof room), flags);
}
