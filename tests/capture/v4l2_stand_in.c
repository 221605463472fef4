/* A V4L2 camera inside one process, for machines whose kernel has none: loaded before libc (LD_PRELOAD), it answers what
 * libavdevice asks of /dev/video-stand-in. The buffers are a memory file, so mmap is the kernel's own; what the camera
 * shows, and its mishaps, are set through the stand_in_* functions. One camera, opened once at a time.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define NAME "/dev/video-stand-in"
#define BUFFERS 32
#define BUFFER_BYTES (1 << 20)
#define PICTURES 256

static struct { uint32_t fourcc; int width, height; } format;
static struct { uint32_t fourcc; int count; const uint8_t *data[PICTURES]; uint32_t size[PICTURES]; } offered[4];
static int offers, device = -1, non_block, streaming, absent, frozen, hanging, queue[BUFFERS], queued, fps = 30;
static int64_t began_us;
static uint32_t frame;

void stand_in_reset(int width, int height, int rate)
{
    format.width = width, format.height = height, fps = rate;
    offers = absent = frozen = 0, device = -1;
}

void stand_in_offer(uint32_t fourcc) { offered[offers].fourcc = fourcc, offered[offers++].count = 0; }

void stand_in_picture(const uint8_t *data, uint32_t size)
{
    int last = offers - 1, n = offered[last].count++;
    offered[last].data[n] = memcpy(malloc(size), data, size), offered[last].size[n] = size; /* for good: it is a test */
}

void stand_in_unplug(void) { absent = 1; }
void stand_in_plug_in(void) { absent = 0; }
void stand_in_freeze(int is_frozen) { frozen = is_frozen; }
void stand_in_hang(void) { hanging = 1; }
int stand_in_is_open(void) { return device >= 0; }
int64_t stand_in_began_us(void) { return began_us; }

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int fail(int reason) { errno = reason; return -1; }

static int dequeue(struct v4l2_buffer *buffer)
{
    int64_t due_us = began_us + (int64_t)frame * 1000000 / fps;
    while (frozen || !queued || now_us() < due_us) {
        if (absent) return fail(ENODEV);
        if (non_block) return fail(EAGAIN);
        usleep(1000);
    }
    for (int i = 0; i < offers; i++) {
        if (offered[i].fourcc != format.fourcc) continue;
        int n = frame % offered[i].count;
        buffer->index = queue[0];
        buffer->bytesused = offered[i].size[n];
        if (pwrite(device, offered[i].data[n], buffer->bytesused, (off_t)buffer->index * BUFFER_BYTES) < 0) return -1;
    }
    memmove(queue, queue + 1, sizeof(int) * --queued);
    buffer->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    buffer->sequence = frame++;
    buffer->timestamp.tv_sec = due_us / 1000000, buffer->timestamp.tv_usec = due_us % 1000000;
    return 0;
}

static int answer(unsigned long request, void *argument)
{
    while (hanging) pause(); /* as a driver that waits for its hardware for ever */
    if (absent) return fail(ENODEV);
    switch (request) {
    case VIDIOC_QUERYCAP: {
        struct v4l2_capability *capability = argument;
        memset(capability, 0, sizeof *capability);
        strcpy((char *)capability->card, "stand-in");
        capability->capabilities = capability->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
        return 0;
    }
    case VIDIOC_ENUM_FMT: {
        struct v4l2_fmtdesc *description = argument;
        if ((int)description->index >= offers) return fail(EINVAL);
        description->pixelformat = offered[description->index].fourcc;
        return 0;
    }
    case VIDIOC_S_FMT:
    case VIDIOC_G_FMT: {
        struct v4l2_format *asked = argument;
        uint32_t fourcc = offers ? offered[0].fourcc : 0;
        for (int i = 0; i < offers; i++)
            if (offered[i].fourcc == asked->fmt.pix.pixelformat) fourcc = offered[i].fourcc;
        format.fourcc = asked->fmt.pix.pixelformat = fourcc;
        asked->fmt.pix.width = format.width, asked->fmt.pix.height = format.height;
        asked->fmt.pix.field = V4L2_FIELD_NONE;
        asked->fmt.pix.bytesperline = format.width * 2;
        asked->fmt.pix.sizeimage = format.width * format.height * 2;
        return 0;
    }
    case VIDIOC_G_INPUT: *(int *)argument = 0; return 0;
    case VIDIOC_ENUMINPUT: {
        struct v4l2_input *input = argument;
        memset(input, 0, sizeof *input);
        input->type = V4L2_INPUT_TYPE_CAMERA;
        return 0;
    }
    case VIDIOC_G_PARM:
    case VIDIOC_S_PARM: {
        struct v4l2_streamparm *parameters = argument;
        parameters->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
        parameters->parm.capture.timeperframe.numerator = 1, parameters->parm.capture.timeperframe.denominator = fps;
        return 0;
    }
    case VIDIOC_REQBUFS: ((struct v4l2_requestbuffers *)argument)->count = BUFFERS; return 0;
    case VIDIOC_QUERYBUF: {
        struct v4l2_buffer *buffer = argument;
        buffer->length = BUFFER_BYTES, buffer->m.offset = buffer->index * BUFFER_BYTES;
        return 0;
    }
    case VIDIOC_QBUF: queue[queued++] = ((struct v4l2_buffer *)argument)->index; return 0;
    case VIDIOC_DQBUF: return dequeue(argument);
    case VIDIOC_STREAMON: streaming = 1, frame = 0, began_us = now_us(); return 0;
    case VIDIOC_STREAMOFF: streaming = queued = 0; return 0;
    }
    return fail(ENOTTY);
}

static int plug(const char *path, int flags)
{
    if (strcmp(path, NAME)) return -2;
    if (absent) return fail(ENOENT);
    if (device >= 0) return fail(EBUSY);
    device = memfd_create("stand-in", 0);
    if (ftruncate(device, (off_t)BUFFERS * BUFFER_BYTES)) return -1;
    non_block = flags & O_NONBLOCK, queued = 0;
    return device;
}

#define OPEN(name) \
int name(const char *path, int flags, ...) \
{ \
    int (*real)(const char *, int, int) = dlsym(RTLD_NEXT, #name), result = plug(path, flags); \
    va_list rest; \
    va_start(rest, flags); \
    if (result == -2) result = real(path, flags, flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, int) : 0); \
    va_end(rest); \
    return result; \
}
OPEN(open)
OPEN(open64)

int ioctl(int fd, unsigned long request, ...)
{
    va_list rest;
    va_start(rest, request);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    if (fd == device && device >= 0) return answer(request & 0xffffffff, argument);
    return ((int (*)(int, unsigned long, void *))dlsym(RTLD_NEXT, "ioctl"))(fd, request, argument);
}

int close(int fd)
{
    if (fd == device && device >= 0) device = -1;
    return ((int (*)(int))dlsym(RTLD_NEXT, "close"))(fd);
}
