"""A client in Python: mapping.py DEVICE FILE COUNT. Streams with mmap.mmap(); where it may not, it reads."""
import errno
import fcntl
import mmap
import os
import struct
import sys

CAPTURE, MMAP, YUYV = 1, 1, 0x56595559
WIDTH, HEIGHT = 320, 180
BUFFER = 88  # sizeof(struct v4l2_buffer)

S_FMT, REQBUFS = 0xC0D05605, 0xC0145608
QUERYBUF, QBUF, DQBUF = 0xC0585609, 0xC058560F, 0xC0585611
STREAMON, STREAMOFF = 0x40045612, 0x40045613


def call(fd, command, argument):
    fcntl.ioctl(fd, command, argument, True)
    return argument


def describe(index):
    buffer = bytearray(BUFFER)
    struct.pack_into("II", buffer, 0, index, CAPTURE)
    struct.pack_into("I", buffer, 60, MMAP)
    return buffer


def stream(fd, count, frames):
    memory = {}
    for index in range(4):
        buffer = call(fd, QUERYBUF, describe(index))
        offset, length = struct.unpack_from("I4xI", buffer, 64)
        memory[index] = mmap.mmap(fd, length, offset=offset)
        call(fd, QBUF, describe(index))
    kind = struct.pack("I", CAPTURE)
    fcntl.ioctl(fd, STREAMON, kind)
    for _ in range(count):
        buffer = call(fd, DQBUF, describe(0))
        index, _, used = struct.unpack_from("III", buffer)
        frames.write(memory[index][:used])
        call(fd, QBUF, describe(index))
    fcntl.ioctl(fd, STREAMOFF, kind)


def main(device, path, count):
    with open(path, "wb") as frames, open(device, "r+b", buffering=0) as node:
        fd = node.fileno()
        form = bytearray(208)
        struct.pack_into("I4xIII", form, 0, CAPTURE, WIDTH, HEIGHT, YUYV)
        size = struct.unpack_from("I", call(fd, S_FMT, form), 28)[0]
        try:
            call(fd, REQBUFS, bytearray(struct.pack("IIIII", 4, CAPTURE, MMAP, 0, 0)))
        except OSError as error:
            print("reqbufs 4:", errno.errorcode[error.errno or 0])
            for _ in range(count):
                frames.write(os.read(fd, size))
            print("read:", count, "frames")
            return
        print("reqbufs 4: ok")
        stream(fd, count, frames)
        print("streamed:", count, "frames")


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
