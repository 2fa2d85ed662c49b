/*
 * The driver of a reader on the USB bus of usb_bus.c.
 *
 * It passes every call on to the copy of the vpcd driver beside it, "<its own path>.vpcd"; only the
 * name of the device is changed, from "usb:...:<port>" to what vpcd calls a port to listen on.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <ifdhandler.h>

static void *vpcd(const char *function)
{
    static void *handle;
    if (handle == NULL) {
        char path[PATH_MAX];
        Dl_info self;
        if (dladdr(&handle, &self) == 0)
            return NULL;
        snprintf(path, sizeof path, "%s.vpcd", self.dli_fname);
        handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    }
    return handle == NULL ? NULL : dlsym(handle, function);
}

#define PASS_ON(name, types, ...)                                        \
    {                                                                    \
        RESPONSECODE(*real) types = (RESPONSECODE(*) types)vpcd(#name);  \
        return real == NULL ? IFD_COMMUNICATION_ERROR : real(__VA_ARGS__); \
    }

RESPONSECODE IFDHCreateChannelByName(DWORD lun, LPSTR name)
{
    char device_name[32];
    snprintf(device_name, sizeof device_name, "/dev/null%s", strrchr(name, ':')); /* ":<port>" */
    PASS_ON(IFDHCreateChannelByName, (DWORD, LPSTR), lun, device_name)
}

RESPONSECODE IFDHCreateChannel(DWORD lun, DWORD channel)
    PASS_ON(IFDHCreateChannel, (DWORD, DWORD), lun, channel)

RESPONSECODE IFDHCloseChannel(DWORD lun)
    PASS_ON(IFDHCloseChannel, (DWORD), lun)

RESPONSECODE IFDHGetCapabilities(DWORD lun, DWORD tag, PDWORD length, PUCHAR value)
    PASS_ON(IFDHGetCapabilities, (DWORD, DWORD, PDWORD, PUCHAR), lun, tag, length, value)

RESPONSECODE IFDHSetCapabilities(DWORD lun, DWORD tag, DWORD length, PUCHAR value)
    PASS_ON(IFDHSetCapabilities, (DWORD, DWORD, DWORD, PUCHAR), lun, tag, length, value)

RESPONSECODE IFDHSetProtocolParameters(DWORD lun, DWORD protocol, UCHAR flags, UCHAR pts1,
                                       UCHAR pts2, UCHAR pts3)
    PASS_ON(IFDHSetProtocolParameters, (DWORD, DWORD, UCHAR, UCHAR, UCHAR, UCHAR), lun, protocol,
            flags, pts1, pts2, pts3)

RESPONSECODE IFDHPowerICC(DWORD lun, DWORD action, PUCHAR atr, PDWORD length)
    PASS_ON(IFDHPowerICC, (DWORD, DWORD, PUCHAR, PDWORD), lun, action, atr, length)

RESPONSECODE IFDHTransmitToICC(DWORD lun, SCARD_IO_HEADER send, PUCHAR command, DWORD size,
                               PUCHAR answer, PDWORD length, PSCARD_IO_HEADER received)
    PASS_ON(IFDHTransmitToICC,
            (DWORD, SCARD_IO_HEADER, PUCHAR, DWORD, PUCHAR, PDWORD, PSCARD_IO_HEADER), lun, send,
            command, size, answer, length, received)

RESPONSECODE IFDHICCPresence(DWORD lun)
    PASS_ON(IFDHICCPresence, (DWORD), lun)

RESPONSECODE IFDHControl(DWORD lun, DWORD code, PUCHAR command, DWORD size, PUCHAR answer,
                         DWORD room, LPDWORD length)
    PASS_ON(IFDHControl, (DWORD, DWORD, PUCHAR, DWORD, PUCHAR, DWORD, LPDWORD), lun, code, command,
            size, answer, room, length)
